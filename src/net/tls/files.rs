//! PEM files, every way in which they can be wrong, and noticing that they have changed.
//!
//! The last by looking every few seconds: no dependency, and it sees what notification
//! misses (a symbolic link swapped above the file, a network file system).

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::{Tls, TlsOptions};
use crate::domain::ErrorChain;

/// What a library said, in its own type.
type Cause = Box<dyn Error + Send + Sync>;

/// What is wrong with which file.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("no certificate is configured")]
    NoPairs,
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} is longer than {MOST_BYTES} bytes, which no certificate or key is", path.display())]
    TooLong { path: PathBuf },
    #[error("{} is not PEM", path.display())]
    Pem { path: PathBuf, source: Cause },
    /// Its library's words could quote a line of it, and it is secret.
    #[error("{} is not PEM: a line is damaged", path.display())]
    DamagedKey { path: PathBuf },
    #[error("the key in {0} is encrypted, and a gateway that starts by itself cannot ask for its passphrase; `openssl pkey -in {0} -out plain.key` writes it unencrypted, for the gateway's user to read alone", path.display())]
    EncryptedKey { path: PathBuf },
    #[error("{} has no certificate in it (no BEGIN CERTIFICATE)", path.display())]
    NoCertificate { path: PathBuf },
    #[error("{} has no private key in it; an unencrypted PKCS#8, PKCS#1 or SEC1 key is needed", path.display())]
    NoKey { path: PathBuf },
    #[error("the certificate in {} cannot be used", path.display())]
    Certificate { path: PathBuf, source: Cause },
    #[error("the key in {} cannot be used (RSA from 2048 bits, ECDSA P-256, P-384 and Ed25519 can)", path.display())]
    Key { path: PathBuf, source: rustls::Error },
    #[error("the key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("the certificate in {} expired on {not_after}", path.display())]
    Expired { path: PathBuf, not_after: String },
    #[error("the authorities in {} cannot be used", path.display())]
    Authorities { path: PathBuf, source: Cause },
    #[error("authority number {number} in {} cannot be used", path.display())]
    Authority { path: PathBuf, number: usize, source: rustls::Error },
    #[error("certificate number {number} in {} is of no authority, so it can sign none (basic constraints): name the one that signed it", path.display())]
    NoAuthority { path: PathBuf, number: usize },
    #[error("{} is in the way: it was not made by dialtone, or half of it is missing; move it away, or name it as the certificate to use", path.display())]
    InTheWay { path: PathBuf },
    #[error("a self-signed certificate could not be made")]
    Make { source: Cause },
}

/// Far above a bundle of all public authorities (Mozilla's has about 220 KB).
const MOST_BYTES: u64 = 4 * 1024 * 1024;

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let attempt = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes: Vec<u8> =
        attempt().map_err(|source| TlsError::Read { path: path.to_owned(), source })?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(TlsError::TooLong { path: path.to_owned() });
    }
    Ok(bytes)
}

/// All certificates of a file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path)?;
    let chain = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| not_pem(path, error))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(chain)
}

/// The first private key of a file.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = read(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        _ if is_encrypted(&bytes) => TlsError::EncryptedKey { path: path.to_owned() },
        pem::Error::NoItemsFound => TlsError::NoKey { path: path.to_owned() },
        pem::Error::IllegalSectionStart { .. } | pem::Error::Base64Decode(_) => {
            TlsError::DamagedKey { path: path.to_owned() }
        }
        other => not_pem(path, other),
    })
}

/// Whether a key is encrypted, as PKCS#8 has it (RFC 7468, section 11) or older OpenSSL (RFC 1421).
fn is_encrypted(pem: &[u8]) -> bool {
    let marks = ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"];
    let text = String::from_utf8_lossy(pem);
    marks.iter().any(|mark| text.contains(mark))
}

pub(super) fn parse<'a>(path: &Path, der: &'a [u8]) -> Result<X509Certificate<'a>, TlsError> {
    let (_, certificate) = X509Certificate::from_der(der)
        .map_err(|error| TlsError::Certificate { path: path.to_owned(), source: error.into() })?;
    Ok(certificate)
}

pub(super) fn not_after(certificate: &X509Certificate<'_>) -> SystemTime {
    let seconds = certificate.validity().not_after.timestamp();
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// The time as people read it, to the second and in UTC.
pub(super) fn date(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| "an odd date".to_owned(), |t| t.to_string())
}

fn not_pem(path: &Path, error: pem::Error) -> TlsError {
    TlsError::Pem { path: path.to_owned(), source: error.into() }
}

/// Length and time of change of each file; `None` for one that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint(Vec<Option<(u64, SystemTime)>>);

impl Fingerprint {
    pub(super) fn of(options: &TlsOptions) -> Fingerprint {
        let pairs = options.pairs.iter().flat_map(|pair| [&pair.certificate, &pair.key]);
        let pairs = pairs.map(PathBuf::as_path);
        Fingerprint(pairs.chain(options.clients.authorities()).map(look).collect())
    }
}

fn look(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

pub(super) async fn watch(tls: Arc<Tls>, interval: Duration, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_seen = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let look = {
            let tls = Arc::clone(&tls);
            let last_seen = last_seen.clone();
            // Files may be on a slow disk; they must not hold up connections.
            tokio::task::spawn_blocking(move || tls.look(last_seen.as_ref()))
        };
        // Fails only when the runtime is shutting down or on a panic within;
        // the next look is as good.
        if let Ok(seen) = look.await {
            last_seen = Some(seen);
        }
    }
}

impl Tls {
    /// Reloads if the files are not as last tried, but as `last_seen`; returns how they are.
    fn look(&self, last_seen: Option<&Fingerprint>) -> Fingerprint {
        let seen = Fingerprint::of(&self.options);
        let is_new = *self.tried.lock().unwrap_or_else(PoisonError::into_inner) != seen;
        if is_new && last_seen == Some(&seen) {
            match self.reload(SystemTime::now()) {
                Ok(()) => tracing::info!(
                    expires = date(self.expires()),
                    "TLS files have changed; new connections use them",
                ),
                Err(error) => tracing::error!(
                    error = %ErrorChain(&error),
                    "TLS files have changed and cannot be used, the last good ones stay in use"
                ),
            }
        }
        seen
    }
}
