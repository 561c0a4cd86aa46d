//! The connections of one edge: serving them, counting them, and the end of them all.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::places::{Place, Places};
use super::tls::Tls;
use super::tuning::HandshakeAdmission;
use super::{Bound, Handler, LOG_INTERVAL, Limits, RetryAfter, accept};
use crate::domain::LogRate;

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

/// What all connections of one server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub limits: Limits,
    pub counters: Counters,
    pub http: http1::Builder,
    /// Ends the accept loops and asks each connection to finish.
    pub stop: CancellationToken,
    /// Ends each connection where it stands.
    pub abort: CancellationToken,
    pub admission: HandshakeAdmission,
    pub tracker: TaskTracker,
    pub permits: Arc<Semaphore>,
    pub places: Arc<Places>,
    pub wrong_protocol_log: LogRate,
    shortage_log: LogRate,
    pub retry_after: RetryAfter,
}

impl Shared {
    /// `seed` spreads the `Retry-After` of turned-away peers, from 10 to 40 s.
    fn new(limits: Limits, seed: u64) -> Shared {
        let mut http = http1::Builder::new();
        let head_bytes = limits.head_bytes.max(Limits::MIN_HEAD_BYTES);
        http.keep_alive(true)
            // A handset may close its side once it has asked, and still wants the answer.
            .half_close(true)
            // `Watch` keeps the times.
            .header_read_timeout(None)
            .max_buf_size(head_bytes)
            .max_header_size(head_bytes)
            // Header names have no case (RFC 9110 section 5.1), but firmware was
            // tested against servers that write `Content-Length`.
            .title_case_headers(true)
            // `connection::answer` words it, and says why.
            .auto_date_header(false);
        Shared {
            http,
            counters: Counters::default(),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            admission: HandshakeAdmission::new(),
            tracker: TaskTracker::new(),
            permits: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
            places: Places::new(&limits),
            wrong_protocol_log: LogRate::new(LOG_INTERVAL),
            shortage_log: LogRate::new(LOG_INTERVAL),
            retry_after: RetryAfter::new(10, 30, seed),
            limits,
        }
    }

    /// Closes up to `count` connections that are of less use than others would be.
    pub(super) fn make_room(&self, count: usize) {
        self.were_closed(self.places.make_room(count));
    }

    /// Counts connections that were closed for others, and tells the operator.
    pub(super) fn were_closed(&self, count: u64) {
        if count == 0 {
            return;
        }
        self.counters.closed_for_others.add(count);
        if let Some(not_logged) = self.shortage_log.due_at(Instant::now()) {
            let counts = self.counters.read();
            tracing::warn!(
                open = counts.open,
                limit = self.limits.connections,
                closed = counts.closed_for_others,
                not_logged,
                "places for connections run short: those that were of no use, or idle longest, \
                 are closed for others",
            );
        }
    }
}

/// What a connection holds for as long as it lasts.
pub(super) struct ConnectionGuard {
    pub shared: Arc<Shared>,
    pub _permit: OwnedSemaphorePermit,
    pub _place: Option<Place>,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.shared.counters.ended.add_one();
    }
}

/// What happened on a server's connections, counted since it started.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub accepted: Counter,
    pub over_address_limit: Counter,
    pub accept_errors: Counter,
    pub handshakes_failed: Counter,
    pub timed_out: Counter,
    pub panics: Counter,
    pub closed_for_others: Counter,
    /// Connections that have ended, whichever way.
    pub ended: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Relaxed: the numbers are for people and order nothing.
    pub(super) fn add_one(&self) {
        self.add(1);
    }

    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
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
    pub accept_errors: u64,
    /// TLS handshakes that failed or took too long.
    pub handshakes_failed: u64,
    /// Cut because a head, a request or a pause took too long.
    pub timed_out: u64,
    pub panics: u64,
    /// Closed in favour of others when places ran short.
    pub closed_for_others: u64,
}

impl Counters {
    pub(super) fn read(&self) -> Counts {
        // `ended` first: read the other way round, `open` could go below zero.
        let ended = self.ended.value();
        let accepted = self.accepted.value();
        Counts {
            accepted,
            open: accepted.saturating_sub(ended),
            over_address_limit: self.over_address_limit.value(),
            accept_errors: self.accept_errors.value(),
            handshakes_failed: self.handshakes_failed.value(),
            timed_out: self.timed_out.value(),
            panics: self.panics.value(),
            closed_for_others: self.closed_for_others.value(),
        }
    }
}
