//! Whom the client trusts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::net::tls::PairFiles;

/// Why nobody can be trusted, or nothing shown.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    // The system's authorities are no default: a gateway has a certificate of
    // its own or of the operator's authority more often than of one of theirs.
    #[error(
        "https needs --ca FILE: the authority that signed the gateway's certificate, or the \
         certificate itself when it is self-signed (for public authorities, the system's bundle: \
         /etc/ssl/certs/ca-certificates.crt on Debian)"
    )]
    None,
    #[error("cannot use the authorities in {}", path.display())]
    Unusable { path: PathBuf, source: pem::Error },
    #[error("cannot use the authorities in {}: no certificate in it", path.display())]
    Empty { path: PathBuf },
    #[error("cannot use your certificate or key in {}", path.display())]
    Identity { path: PathBuf, source: pem::Error },
    #[error("your certificate in {} and your key do not go together", certificate.display())]
    Mismatch { certificate: PathBuf, source: rustls::Error },
}

pub(super) fn connector(
    authorities: Option<&Path>,
    identity: Option<&PairFiles>,
) -> Result<TlsConnector, AuthorityError> {
    let path = authorities.ok_or(AuthorityError::None)?;
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| AuthorityError::Unusable { path: path.to_owned(), source })?;
    let mut roots = RootCertStore::empty();
    // A system's bundle may have one that cannot be used; that is no reason.
    let (usable, _) = roots.add_parsable_certificates(certificates);
    if usable == 0 {
        return Err(AuthorityError::Empty { path: path.to_owned() });
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .with_root_certificates(roots);
    let config = match identity {
        None => config.with_no_client_auth(),
        Some(PairFiles { certificate, key }) => {
            let unusable = |path: &Path| {
                let path = path.to_owned();
                |source| AuthorityError::Identity { path, source }
            };
            let chain = CertificateDer::pem_file_iter(certificate)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(unusable(certificate))?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(unusable(key))?;
            config.with_client_auth_cert(chain, key).map_err(|source| AuthorityError::Mismatch {
                certificate: certificate.clone(),
                source,
            })?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}
