//! The connections of one edge: serving them, counting them, and the end of them all.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::shared::Shared;
use super::tls::Tls;
use super::{Bound, Counts, Handler, Limits, accept};

/// The connections of one edge, over any number of listeners.
///
/// Dropping it does not end them; [`Server::drain`] does. A clone is the same server.
#[derive(Debug, Clone)]
pub struct Server(Arc<Shared>);

/// What a drain did with the connections that were open when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Ended by themselves within the grace period.
    pub finished: u64,
    /// Aborted at its end.
    pub cut: u64,
}

impl Server {
    /// The default for [`Server::drain`]: longer than an edge takes for its longest answer.
    pub const GRACE_PERIOD: Duration = Duration::from_secs(10);

    /// `seed` spreads the `Retry-After` of turned-away peers, from 10 to 40 s.
    #[must_use]
    pub fn new(limits: Limits, seed: u64) -> Server {
        Server(Arc::new(Shared::new(limits, seed)))
    }

    /// Serves `bound` until [`Server::drain`]; returns at once, the loop runs as a task.
    ///
    /// # Errors
    /// When the runtime cannot take the socket, for want of descriptors.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn serve<H: Handler>(
        &self,
        bound: Bound,
        tls: Option<Arc<Tls>>,
        handler: Arc<H>,
    ) -> io::Result<()> {
        let listener = TcpListener::from_std(bound.listener)?;
        let shared = Arc::clone(&self.0);
        self.0.tracker.spawn(accept::accept_loop(shared, listener, tls, handler));
        Ok(())
    }

    /// Stops accepting, lets each connection finish the request it is at,
    /// closes the idle ones at once, and aborts what is left after `grace`.
    pub async fn drain(&self, grace: Duration) -> Drained {
        let shared = &self.0;
        let open = shared.counters.read().open;
        shared.stop.cancel();
        shared.tracker.close();
        let mut cut = 0;
        if tokio::time::timeout(grace, shared.tracker.wait()).await.is_err() {
            cut = shared.counters.read().open;
            shared.abort.cancel();
            // Each task ends at its next poll; only a handler that blocks its
            // thread could keep us here, and shutdown must not hang on it.
            let _ = tokio::time::timeout(Duration::from_secs(1), shared.tracker.wait()).await;
        }
        Drained { finished: open.saturating_sub(cut), cut }
    }

    /// Whether [`Server::drain`] was called: nothing new is accepted.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    /// What the server has done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.counters.read()
    }
}
