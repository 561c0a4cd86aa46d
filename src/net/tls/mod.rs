//! TLS for a listener: the configuration in use, and its change while it is in use.
//!
//! `files` reads PEM, `config` builds from it, `resolver` picks a certificate
//! for each handshake, `self_signed` makes a certificate where none is configured.
//! All cryptography is the library's.

mod config;
mod files;
mod resolver;
pub mod self_signed;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use x509_parser::prelude::{FromDer, X509Certificate};

use files::Fingerprint;
pub use files::TlsError;

/// A certificate chain and the key of its first certificate, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairFiles {
    /// The certificate chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key, unencrypted.
    pub key: PathBuf,
}

/// Whether handsets are asked for a certificate, and who must have signed it:
/// a PEM file of one or more authorities.
///
/// With `Optional`, a handset without a certificate comes through, but one that
/// shows a certificate which is expired or of an unknown authority does not:
/// its handshake fails. A fleet with such certificates needs `Off`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCertificates {
    /// No certificate is asked for.
    Off,
    /// One is asked for, and a client that shows none is served.
    Optional {
        /// The authorities that may have signed it: PEM, one or more.
        authorities: PathBuf,
    },
    /// One is asked for, and the handshake of a client that shows none fails.
    Required {
        /// The authorities that may have signed it: PEM, one or more.
        authorities: PathBuf,
    },
}

/// What a listener shows its clients and asks of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// The server's certificates, at least one. The first that fits the name and the abilities of
    /// the client is used, so put ECDSA before RSA; without a fitting name, the first its abilities
    /// allow.
    pub pairs: Vec<PairFiles>,
    /// What clients are asked for.
    pub clients: ClientCertificates,
}

/// The TLS side of one or more listeners. Each new connection takes the
/// configuration that is in use then; those that are open keep theirs.
#[derive(Debug)]
pub struct Tls {
    options: TlsOptions,
    current: ArcSwap<Loaded>,
    /// The state of the files at the last attempt to load them, good or bad.
    /// A std mutex: held for a comparison, never over an await.
    tried: Mutex<Fingerprint>,
}

#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    expires: SystemTime,
}

impl ClientCertificates {
    /// Whether the authorities can be used, without a certificate of one's own.
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn check(&self) -> Result<(), TlsError> {
        config::client_verifier(self, &Arc::new(config::provider())).map(drop)
    }
}

impl Tls {
    /// Reads all files. A certificate that has expired is served with a warning:
    /// many handsets have no clock at boot and do not look, and a gateway that
    /// does not start helps none.
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn load(options: TlsOptions, now: SystemTime) -> Result<Tls, TlsError> {
        let fingerprint = Fingerprint::of(&options);
        let loaded = config::load(&options)?;
        if loaded.expires <= now {
            let certificate = options.pairs.iter().map(|pair| pair.certificate.display());
            let certificate =
                certificate.map(|path| path.to_string()).collect::<Vec<_>>().join(", ");
            tracing::warn!(certificate, "a TLS certificate has expired; it is served all the same");
        }
        Ok(Tls { options, current: ArcSwap::from_pointee(loaded), tried: Mutex::new(fingerprint) })
    }

    /// Reads all files again and uses them for new connections. Reads from
    /// disk: call it where blocking is allowed.
    ///
    /// # Errors
    /// As [`Tls::load`], and [`TlsError::Expired`]; the configuration in use
    /// stays then.
    pub fn reload(&self, now: SystemTime) -> Result<(), TlsError> {
        // Before reading: a change in between is then seen as another one.
        let fingerprint = Fingerprint::of(&self.options);
        *self.tried.lock().unwrap_or_else(PoisonError::into_inner) = fingerprint;
        let loaded = config::load(&self.options)?;
        if loaded.expires <= now {
            return Err(TlsError::Expired {
                path: config::first_expired(&self.options, now)?,
                not_after: files::date(loaded.expires),
            });
        }
        self.current.store(Arc::new(loaded));
        Ok(())
    }

    /// Looks at the files every `interval` and reloads when they have changed
    /// and then held still for one interval (a certificate and its key are not
    /// written in one step). Each change is logged once, good or bad. Ends with
    /// `stop`.
    pub async fn watch(self: Arc<Tls>, interval: Duration, stop: CancellationToken) {
        files::watch(self, interval, stop).await;
    }

    /// When the first of the certificates in use expires.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        self.current.load().expires
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.load().config))
    }
}

/// Present on every TLS connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPeer {
    /// The version of the connection.
    pub version: TlsVersion,
    /// Subject CN of the client's certificate, which has been verified against
    /// the configured authorities. `None` without a certificate, and for one
    /// with no CN, several of them, or one that is no plain text of at most
    /// [`TlsPeer::MAX_CN_BYTES`].
    pub client_cn: Option<String>,
}

/// The version that was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

impl TlsPeer {
    /// X.520 allows 64 (ub-common-name); vendors write longer ones.
    pub const MAX_CN_BYTES: usize = 256;

    pub(in crate::net) fn of(connection: &ServerConnection) -> TlsPeer {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => TlsVersion::V1_3,
            _ => TlsVersion::V1_2,
        };
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        TlsPeer { version, client_cn: certificate.and_then(|der| common_name(der)) }
    }
}

/// Several CNs give none: which of them counts is a matter of taste, and
/// identity is not.
fn common_name(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let mut names = certificate.subject().iter_common_name();
    let (name, None) = (names.next()?, names.next()) else { return None };
    let name = name.as_str().ok()?;
    let is_plain = !name.is_empty()
        && name.len() <= TlsPeer::MAX_CN_BYTES
        && !name.chars().any(char::is_control);
    is_plain.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn cn_of(names: &[&str]) -> Option<String> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for name in names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        let key = KeyPair::generate().unwrap();
        common_name(params.self_signed(&key).unwrap().der())
    }

    #[test]
    fn a_plain_common_name_is_taken_whole() {
        assert_eq!(cn_of(&["0004f2abcdef"]).as_deref(), Some("0004f2abcdef"));
    }

    #[test]
    fn odd_common_names_are_none() {
        assert_eq!(cn_of(&[]), None);
        assert_eq!(cn_of(&["0004f2abcdef\n"]), None);
        assert_eq!(cn_of(&[&"a".repeat(257)]), None);
    }
}
