//! Whom a client's certificate is checked against, and as of when.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore};
use rustls::{Error, SignatureScheme};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use super::{ClientCertificates, ExpiredCertificates, TlsError, files};

/// `None`: clients are not asked for a certificate.
pub(super) fn verifier(
    clients: &ClientCertificates,
    expired: ExpiredCertificates,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let Some(authorities) = clients.authorities() else { return Ok(None) };
    let roots = Arc::new(roots(authorities)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
    let builder = match clients {
        ClientCertificates::Required { .. } => builder,
        ClientCertificates::Off | ClientCertificates::Optional { .. } => {
            builder.allow_unauthenticated()
        }
    };
    let verifier = builder.build().map_err(|error| TlsError::Authorities {
        path: authorities.to_owned(),
        source: error.into(),
    })?;
    Ok(Some(match expired {
        ExpiredCertificates::Refuse => verifier,
        ExpiredCertificates::Accept => Arc::new(AsOfItsOwnTime(verifier)),
    }))
}

/// The authorities of a file. Each counts by itself, a root or one between root and phones, and the
/// latter also where the phone does not send it.
fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for (index, authority) in files::certificates(path)?.into_iter().enumerate() {
        let number = index + 1;
        // SECURITY: the library does not look, and with a phone's certificate among the
        // authorities, the phone could sign others.
        if !is_authority(&files::parse(path, &authority)?) {
            return Err(TlsError::NoAuthority { path: path.to_owned(), number });
        }
        roots.add(authority).map_err(|source| TlsError::Authority {
            path: path.to_owned(),
            number,
            source,
        })?;
    }
    Ok(roots)
}

/// By its basic constraints; where it has none, by its key usage, or for its age: version 1 has no
/// extensions, and signed itself it is a root. The same as OpenSSL has it.
fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    let signs = certificate.key_usage().ok().flatten().map(|usage| usage.value.key_cert_sign());
    match certificate.basic_constraints() {
        Ok(Some(constraints)) => constraints.value.ca && signs != Some(false),
        Ok(None) if certificate.version() == x509_parser::x509::X509Version::V1 => {
            certificate.subject() == certificate.issuer()
        }
        Ok(None) => signs == Some(true),
        Err(_) => false,
    }
}

/// Checks an expired certificate as of a time at which it was valid: all that is asked of any
/// other must have held then. That it has expired, who asks further is told.
#[derive(Debug)]
struct AsOfItsOwnTime(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for AsOfItsOwnTime {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verify = |at| self.0.verify_client_cert(end_entity, intermediates, at);
        let error = match verify(now) {
            Err(error) if is_expired(&error) => error,
            other => return other,
        };
        let Some((begin, end)) = validity(end_entity).filter(|(_, end)| *end < now) else {
            // Not the phone's has, but one between it and the authority.
            return Err(error);
        };
        // Makers sign for longer than the authority between lasts, and rarely for a time before it.
        verify(end).or_else(|_| verify(begin))
    }

    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn is_expired(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. }
        )
    )
}

fn validity(der: &CertificateDer<'_>) -> Option<(UnixTime, UnixTime)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let time = |time: ASN1Time| {
        let seconds = u64::try_from(time.timestamp()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    };
    let validity = certificate.validity();
    Some((time(validity.not_before)?, time(validity.not_after)?))
}
