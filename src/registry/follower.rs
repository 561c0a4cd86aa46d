//! Hearing of what other gateways on the same store changed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::memory::Memory;
use crate::domain::LogRate;
use crate::store::{Store, StoreError};

/// How often a store is asked that does not tell by itself. What an operator did at one gateway
/// holds at all of them within a second, and a question is one short read.
const POLL: Duration = Duration::from_secs(1);

/// A store that tells is asked this long after: in a storm of changes some hundred come at once.
const GATHERING: Duration = Duration::from_millis(20);

pub(super) struct Follower {
    pub store: Arc<dyn Store>,
    pub memory: Arc<Memory>,
}

impl Follower {
    /// Never ends.
    pub(super) async fn run(self) {
        let mut log = LogRate::default();
        loop {
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = self.store.changed(self.memory.floor()) => {
                    tokio::time::sleep(GATHERING).await;
                }
            }
            match self.memory.follow(&self.store).await {
                // The next outage is another one.
                Ok(()) => log = LogRate::default(),
                Err(error) => {
                    if log.due_at(Instant::now()).is_some() {
                        report(&error);
                    }
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }
}

fn report(error: &StoreError) {
    tracing::warn!(%error, "what other gateways changed cannot be read; phones go on booting");
}
