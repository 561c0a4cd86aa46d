//! Work that takes a core for milliseconds or more: beside the runtime, whose threads answer
//! phones, and a few at a time.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::answer::Fail;

/// Pieces of work at a time. There may be no more cores than that, and phones come first.
const AT_ONCE: usize = 2;

/// Turns for such work, in order of asking.
pub(super) struct Blocking(Arc<Semaphore>);

impl Default for Blocking {
    fn default() -> Blocking {
        Blocking(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Blocking {
    /// Does `work` when it is its turn. Panics when it does.
    ///
    /// # Errors
    /// When the runtime ends before that.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fail> {
        let going_down = || Fail::new("The gateway is going down");
        let turn = Arc::clone(&self.0).acquire_owned().await.map_err(|_| going_down())?;
        // The work keeps its turn also when nobody waits for it any more.
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        match working.await {
            Ok(done) => Ok(done),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(going_down()),
            },
        }
    }
}
