//! How long ago the store told what others changed. What they changed since is not known here: a key
//! that is no more still works, a phone that is no more still boots.

use crate::ambient::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::RegistryError;

/// A gateway that heard nothing for longer is not ready. It asks each second, and a question to a
/// database that stands still is given up after five.
const READY_WITHIN: Duration = Duration::from_secs(6);

/// Where others may have revoked it meanwhile, what is in memory lets nobody in that heard nothing
/// for longer: as long as a database takes that is started anew or taken over by its standby, so
/// that operators can look at their phones in such an outage.
const TRUSTED_FOR: Duration = Duration::from_secs(60);

/// When the store was last asked for changes and had told all.
pub(super) struct Hearing {
    clock: Arc<dyn Clock>,
    /// Milliseconds of [`Clock::uptime`].
    heard: AtomicU64,
}

impl Hearing {
    /// All is heard now.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Hearing {
        let heard = AtomicU64::new(millis(clock.uptime()));
        Hearing { clock, heard }
    }

    /// To be asked before the store is.
    pub(super) fn now(&self) -> Duration {
        self.clock.uptime()
    }

    /// All is here that was changed until then.
    pub(super) fn heard(&self, asked: Duration) {
        self.heard.fetch_max(millis(asked), Ordering::Relaxed);
    }

    /// # Errors
    /// [`RegistryError::NotHeard`] when it was too long ago for a gateway to be ready.
    pub(super) fn require_ready(&self) -> Result<(), RegistryError> {
        self.require(READY_WITHIN)
    }

    /// # Errors
    /// [`RegistryError::NotHeard`] when it was too long ago to let anybody in.
    pub(super) fn require_trusted(&self) -> Result<(), RegistryError> {
        self.require(TRUSTED_FOR)
    }

    fn require(&self, within: Duration) -> Result<(), RegistryError> {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        let silent = self.clock.uptime().saturating_sub(heard);
        if silent > within {
            return Err(RegistryError::NotHeard { silent_s: silent.as_secs() });
        }
        Ok(())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
