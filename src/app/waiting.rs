//! Waits for a store that may be there later.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::admin::{StartPhase, Starting};
use crate::registry::StoreFault;
use crate::store::{StoreError, StoreUrl};
use crate::throttle::LogRate;

/// How long after an attempt the next one is made: all is there within a second of the database,
/// and fifty gateways that wait are a hundred connections a second to a server that starts.
pub(super) const RETRY: Duration = Duration::from_millis(500);

/// An attempt that takes longer is told of while it is under way: the operator who waits for the
/// gateway reads why.
const SLOW: Duration = Duration::from_secs(1);

/// What is asked of the store before phones are served.
pub(super) struct Waiting<'a> {
    url: &'a StoreUrl,
    /// Who tells operators meanwhile.
    teller: &'a Starting,
    log: LogRate,
    since: Instant,
    was_told: bool,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(url: &'a StoreUrl, teller: &'a Starting) -> Waiting<'a> {
        let (log, since) = (LogRate::default(), Instant::now());
        Waiting { url, teller, log, since, was_told: false }
    }

    /// Does `attempt` until it succeeds, or fails in a way that waiting does not mend.
    ///
    /// # Errors
    /// That of the last attempt.
    pub(super) async fn until<T>(
        &mut self,
        phase: StartPhase,
        mut attempt: impl AsyncFnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.teller.set_phase(phase);
        loop {
            let error = match self.told_when_slow(phase, attempt()).await {
                Ok(done) => return Ok(done),
                Err(error) if may_come(self.url, &error) => error,
                Err(error) => return Err(error),
            };
            self.teller.set_phase(StartPhase::Failed(StoreFault::from(&error)));
            self.tell(&error);
            sleep(RETRY).await;
        }
    }

    /// That it is there after all, where it was told that it is not.
    pub(super) fn tell_end(&self) {
        if self.was_told {
            let after_s = self.since.elapsed().as_secs();
            tracing::info!(store = %self.url, after_s, "the store is there; phones are served");
        }
    }

    async fn told_when_slow<T>(
        &mut self,
        phase: StartPhase,
        attempt: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut attempt = std::pin::pin!(attempt);
        tokio::select! {
            done = &mut attempt => return done,
            () = sleep(SLOW) => {}
        }
        match phase {
            StartPhase::Reading => self.tell(&"the registry is being read"),
            _ => self.tell(&"it has not answered yet"),
        }
        attempt.await
    }

    /// At once, and then once a minute.
    fn tell(&mut self, why: &dyn std::fmt::Display) {
        if self.log.due_at(Instant::now()).is_some() {
            self.was_told = true;
            tracing::warn!(
                store = %self.url,
                "waiting for the store, phones are told to come again: {why}"
            );
        }
    }
}

/// Whether what the store could not do it may do later, without anybody's doing. A database may: it
/// is on its way up, or another one is about to take its place. A file is there or not when the
/// service manager starts the gateway; a folder that is not mounted yet looks like one that is
/// empty, and who has the file has the ports, too.
pub(super) fn may_come(url: &StoreUrl, error: &StoreError) -> bool {
    matches!(url, StoreUrl::Postgres(_)) && error.may_pass()
}
