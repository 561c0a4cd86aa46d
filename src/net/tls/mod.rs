//! TLS for a listener: the configuration in use, and its change while it is in use.
//!
//! `files` reads PEM, `config` builds from it, `resolver` picks a certificate
//! for each handshake, `client_verifier` checks what clients show and `client_certificate` reads it,
//! `self_signed` makes a certificate where none is configured.
//! All cryptography is the library's.

pub(super) mod client_certificate;
mod client_verifier;
mod config;
mod files;
mod resolver;
pub mod self_signed;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::domain::ClientCertificate;
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
/// its handshake fails. A fleet with such certificates needs `Off`, or [`ExpiredCertificates::Accept`].
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

/// What becomes of a client whose certificate has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExpiredCertificates {
    /// Its handshake fails.
    #[default]
    Refuse,
    /// The certificate is checked as of a time at which it was valid, and
    /// [`ClientCertificate::is_expired`] says so: makers sign for ten years what cannot be renewed.
    Accept,
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
    /// What becomes of those whose certificate has expired.
    pub expired_clients: ExpiredCertificates,
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
        let expired = ExpiredCertificates::default();
        client_verifier::verifier(self, expired, &Arc::new(config::provider())).map(drop)
    }

    /// The file of the authorities that may have signed one.
    #[must_use]
    pub fn authorities(&self) -> Option<&Path> {
        match self {
            ClientCertificates::Off => None,
            ClientCertificates::Optional { authorities }
            | ClientCertificates::Required { authorities } => Some(authorities),
        }
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

    /// Who is at the other end, after the handshake.
    ///
    /// # Errors
    /// The client resumed a session with a certificate that has expired since, which the library
    /// does not look at again, and expired ones are refused.
    pub(super) fn peer(
        &self,
        connection: &ServerConnection,
        now: SystemTime,
    ) -> io::Result<TlsPeer> {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => TlsVersion::V1_3,
            _ => TlsVersion::V1_2,
        };
        let shown = connection.peer_certificates().and_then(<[_]>::first);
        let certificate = shown.map(|der| Arc::new(client_certificate::read(der, now)));
        let is_expired = certificate.as_ref().is_some_and(|certificate| certificate.is_expired());
        if is_expired && self.options.expired_clients == ExpiredCertificates::Refuse {
            return Err(io::Error::other("the certificate of a resumed session has expired"));
        }
        Ok(TlsPeer { version, certificate })
    }
}

/// Present on every TLS connection.
#[derive(Debug, Clone)]
pub struct TlsPeer {
    /// The version of the connection.
    pub version: TlsVersion,
    /// The client's certificate, which has been verified against the configured authorities, in
    /// this session or in the one that it resumes. `None`: the client showed none.
    pub certificate: Option<Arc<ClientCertificate>>,
}

/// The version that was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}
