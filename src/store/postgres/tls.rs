//! TLS to the server, as `sslmode` and its files say: the client knows only whether there is any.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::{PostgresUrl, SslMode};

/// What makes connections as the URL wants them.
///
/// # Errors
/// A sentence: which file is of no use.
pub(super) fn connector(url: &PostgresUrl) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions");
    let verifies = matches!(url.ssl_mode, SslMode::VerifyCa | SslMode::VerifyFull)
        // As with libpq, who names an authority means it.
        || (url.ssl_mode == SslMode::Require && url.tls.authorities.is_some());
    let lenient = |chain| {
        let algorithms = provider.signature_verification_algorithms;
        Arc::new(Lenient { chain, algorithms })
    };
    let verifier: Arc<dyn ServerCertVerifier> = if verifies {
        let roots = authorities(url.tls.authorities.as_deref())?;
        let full = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| format!("the authorities of sslrootcert: {error}"))?;
        if url.ssl_mode == SslMode::VerifyFull { full } else { lenient(Some(full)) }
    } else {
        lenient(None)
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let config = match (&url.tls.certificate, &url.tls.key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let chain = certificates("sslcert", certificate)?;
            let key = PrivateKeyDer::from_pem_slice(&read("sslkey", key)?)
                .map_err(|error| format!("sslkey {}: {error}", key.display()))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("sslcert {}: {error}", certificate.display()))?
        }
        _ => return Err("sslcert and sslkey belong together".to_owned()),
    };
    Ok(MakeRustlsConnect::new(config))
}

/// The certificates in the file that an option of the URL names.
fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(&read(option, path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{option} {}: {error}", path.display()))
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{option} {}: {error}", path.display()))
}

/// What to do about a certificate that is refused; `None` for what is no certificate's fault.
pub(super) fn told(error: &Error) -> Option<String> {
    let Error::InvalidCertificate(wrong) = error else { return None };
    Some(match wrong {
        // Also where the authority was made anew under the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate is of an authority that is \
             not trusted here: name the file with that authority's certificate in the URL \
             (sslrootcert=FILE)"
                .to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the server's {wrong}: the host of the URL must be a subjectAltName of it")
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            format!("the server's {wrong}; or the clock of this machine is wrong")
        }
        _ => {
            let code = match wrong {
                CertificateError::Other(other) => other.to_string(),
                wrong => format!("{wrong:?}"),
            };
            format!(
                "the server's certificate is not of the form that TLS wants ({code}): it must be \
                 X.509 version 3, have the host of the URL as subjectAltName, and be signed by an \
                 authority instead of being one itself (docs/several-gateways.md has how)"
            )
        }
    })
}

/// Those of the file; without one, those that this machine trusts.
fn authorities(path: Option<&Path>) -> Result<RootCertStore, String> {
    let found = match path {
        Some(path) => certificates("sslrootcert", path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    // A system's bundle may have one that cannot be used; that is no reason.
    let (usable, _) = roots.add_parsable_certificates(found);
    if usable == 0 {
        let place = path.map_or("this machine".to_owned(), |path| path.display().to_string());
        return Err(format!(
            "no certificate of an authority in {place}: name the one of the server's with \
             sslrootcert=FILE in the URL"
        ));
    }
    Ok(roots)
}

/// Verifies less than is usual: all but the name, or nothing but that the handshake is signed with
/// the certificate.
#[derive(Debug)]
struct Lenient {
    /// Who verifies the chain; `None` takes any certificate, for `sslmode=require` and `prefer`,
    /// which hide what is said from who only listens.
    chain: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        // The name is looked at last.
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    #[test]
    fn what_a_certificate_must_be_is_told() {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let refused = |own: CertificateParams, host: &str| {
            let key = KeyPair::generate().unwrap();
            let own = own.self_signed(&key).unwrap();
            let mut roots = RootCertStore::empty();
            roots.add(own.der().clone()).unwrap();
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
            let host = ServerName::try_from(host).unwrap();
            let verified = verifier.build().unwrap().verify_server_cert(
                own.der(),
                &[],
                &host,
                &[],
                UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_700_000_000)),
            );
            told(&verified.unwrap_err()).unwrap()
        };
        let own = || CertificateParams::new(vec!["db.example".to_owned()]).unwrap();
        let mut authority = own();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let why = refused(authority, "db.example");
        assert!(why.contains("(CaUsedAsEndEntity): it must be X.509 version 3"), "{why}");
        let why = refused(own(), "other.example");
        assert!(why.contains("other.example") && why.contains("subjectAltName"), "{why}");
        let mut old = own();
        old.not_after = rcgen::date_time_ymd(2001, 1, 1);
        let why = refused(old, "db.example");
        assert!(why.contains("expired") && why.contains("clock"), "{why}");
    }
}
