//! The connections of one edge: serving them, counting them, and the end of them all.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::shared::{Counters, Shared};
use super::tls::Tls;
use super::{Bound, Handler, Limits, Networks, accept};

/// The connections of one edge, over any number of listeners.
///
/// Dropping it does not end them; [`Server::drain`] does. A clone is the same server.
#[derive(Debug, Clone)]
pub struct Server(Arc<Shared>);

/// What is one listener's own, beside the limits that all of its server share.
#[derive(Debug, Clone)]
pub struct ListenerOptions {
    /// `None`: plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// Proxies that hand on connections of others: [`Limits::connections_per_address`] does not
    /// count theirs. Default none.
    pub proxies: Networks,
    /// Whether these proxies begin each connection with a header of the PROXY protocol, by which it
    /// is known, and counted, whose it is. Default no. Theirs without one are closed, since who
    /// comes through them would have the proxy's address; nobody else's is looked at.
    pub proxy_protocol: bool,
}

impl ListenerOptions {
    /// A listener that phones and people reach themselves, over TLS or plain.
    #[must_use]
    pub fn new(tls: Option<Arc<Tls>>) -> ListenerOptions {
        ListenerOptions { tls, proxies: Networks::none(), proxy_protocol: false }
    }
}

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

    /// Serves `bound` as `options` say until [`Server::drain`]; returns at once, the loop runs as a
    /// task.
    ///
    /// # Errors
    /// When the runtime cannot take the socket, for want of descriptors.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn serve<H: Handler>(
        &self,
        bound: Bound,
        options: ListenerOptions,
        handler: Arc<H>,
    ) -> io::Result<()> {
        let listener = TcpListener::from_std(bound.listener)?;
        let shared = Arc::clone(&self.0);
        self.0.tracker.spawn(accept::accept_loop(shared, listener, Arc::new(options), handler));
        Ok(())
    }

    /// Stops accepting, lets each connection finish the request it is at,
    /// closes the idle ones at once, and aborts what is left after `grace`.
    pub async fn drain(&self, grace: Duration) -> Drained {
        let shared = &self.0;
        let open = shared.counters.open();
        shared.stop.cancel();
        shared.tracker.close();
        let mut cut = 0;
        if tokio::time::timeout(grace, shared.tracker.wait()).await.is_err() {
            cut = shared.counters.open();
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
        Counts::of(&self.0.counters)
    }
}

/// A reading of the counters; each counts up from 0 except `open`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Connections taken from the kernel, those turned away included.
    pub accepted: u64,
    /// Connections now, handshakes included.
    pub open: u64,
    /// Turned away because their address had its share.
    pub over_address_limit: u64,
    /// Times that the kernel had no connection to give: no descriptor was free, for one.
    pub accept_errors: u64,
    /// TLS handshakes that failed or took too long.
    pub handshakes_failed: u64,
    /// Cut because a head, a request or a pause took too long.
    pub timed_out: u64,
    /// Panics of a handler, each of which ended its connection.
    pub panics: u64,
    /// Closed in favour of others when places ran short.
    pub closed_for_others: u64,
}

impl Counts {
    fn of(counters: &Counters) -> Counts {
        Counts {
            accepted: counters.accepted.value(),
            open: counters.open(),
            over_address_limit: counters.over_address_limit.value(),
            accept_errors: counters.accept_errors.value(),
            handshakes_failed: counters.handshakes_failed.value(),
            timed_out: counters.timed_out.value(),
            panics: counters.panics.value(),
            closed_for_others: counters.closed_for_others.value(),
        }
    }
}
