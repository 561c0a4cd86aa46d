//! TLS as the fleet speaks it: whom it trusts, which version, with which certificate.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature,
    verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
};

use super::lab_ca::{CaError, LabCa};
use crate::domain::Mac;

/// Whether a phone looks at the gateway's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// It does not look, like the many phones that have no clock at boot, or no authorities.
    Anyone,
    /// PEM, one or more.
    Authorities(PathBuf),
}

/// Which versions of TLS the phones speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// TLS 1.2 and 1.3, as the gateway prefers.
    Both,
    /// What most handsets in the field speak.
    Tls12,
    /// TLS 1.3 alone.
    Tls13,
}

/// Why the phones cannot speak TLS.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum FleetTlsError {
    #[error("cannot use the authorities in {}", path.display())]
    Authorities { path: PathBuf, source: Box<dyn Error + Send + Sync> },
    #[error(transparent)]
    Ca(#[from] CaError),
    #[error("TLS")]
    Rustls(#[from] rustls::Error),
}

/// Makes a configuration for each phone.
#[derive(Debug)]
pub struct FleetTls {
    shared: Arc<ClientConfig>,
    ca: Option<LabCa>,
}

impl FleetTls {
    /// Prepares TLS for a fleet. With `ca`, every phone has a certificate of its own from it, CN =
    /// its MAC.
    ///
    /// # Errors
    /// [`FleetTlsError`]
    pub fn new(
        trust: &Trust,
        versions: Versions,
        ca: Option<LabCa>,
    ) -> Result<FleetTls, FleetTlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions: &[&SupportedProtocolVersion] = match versions {
            Versions::Both => &[&TLS13, &TLS12],
            Versions::Tls12 => &[&TLS12],
            Versions::Tls13 => &[&TLS13],
        };
        let verifier: Arc<dyn ServerCertVerifier> = match trust {
            Trust::Anyone => Arc::new(Unchecked(provider.signature_verification_algorithms)),
            Trust::Authorities(path) => verifier(path, &provider)?,
        };
        let mut shared = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        // A phone that boots has forgotten its last session; and the memory for
        // sessions would be the largest part of a simulated phone.
        shared.resumption = Resumption::disabled();
        Ok(FleetTls { shared: Arc::new(shared), ca })
    }

    /// The configuration of one phone.
    ///
    /// # Errors
    /// Its certificate could not be made.
    pub fn of(&self, mac: Mac) -> Result<Arc<ClientConfig>, FleetTlsError> {
        let Some(ca) = &self.ca else { return Ok(Arc::clone(&self.shared)) };
        let (chain, key) = ca.phone(mac)?;
        let provider = self.shared.crypto_provider();
        let certified = rustls::sign::CertifiedKey::from_der(chain, key, provider)?;
        let mut own = ClientConfig::clone(&self.shared);
        own.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
        Ok(Arc::new(own))
    }
}

fn verifier(
    path: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, FleetTlsError> {
    let mut roots = RootCertStore::empty();
    let pem = CertificateDer::pem_file_iter(path).map_err(|error| unusable(path, error))?;
    for certificate in pem {
        let certificate = certificate.map_err(|error| unusable(path, error))?;
        roots.add(certificate).map_err(|error| unusable(path, error))?;
    }
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    Ok(builder.build().map_err(|error| unusable(path, error))?)
}

fn unusable(path: &Path, error: impl Into<Box<dyn Error + Send + Sync>>) -> FleetTlsError {
    FleetTlsError::Authorities { path: path.to_owned(), source: error.into() }
}

/// Takes any certificate, but the handshake must be signed with it.
#[derive(Debug)]
struct Unchecked(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
