//! Noticing that certificate files have changed.
//!
//! By looking every few seconds: no dependency, and it sees what notification
//! misses (a symbolic link swapped above the file, a network file system).

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{ClientCertificates, Tls, TlsOptions, files};

/// Length and time of change of each file; `None` for one that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint(Vec<Option<(u64, SystemTime)>>);

impl Fingerprint {
    pub(super) fn of(options: &TlsOptions) -> Fingerprint {
        let pairs = options.pairs.iter().flat_map(|pair| [&pair.certificate, &pair.key]);
        let authorities = match &options.clients {
            ClientCertificates::Off => None,
            ClientCertificates::Optional { authorities }
            | ClientCertificates::Required { authorities } => Some(authorities),
        };
        Fingerprint(pairs.chain(authorities).map(|path| look(path)).collect())
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
                    expires = files::date(self.expires()),
                    "TLS files have changed; new connections use them",
                ),
                Err(error) => tracing::error!(
                    error = &error as &(dyn std::error::Error + 'static),
                    "TLS files have changed and cannot be used, the last good ones stay in use"
                ),
            }
        }
        seen
    }
}
