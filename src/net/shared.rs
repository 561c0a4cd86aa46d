//! What the connections of one server have in common, and what is counted of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hyper::server::conn::http1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::places::{Place, Places};
use super::tuning::HandshakeAdmission;
use super::{LOG_INTERVAL, Limits, OverAddressLimit, RetryAfter};
use crate::throttle::LogRate;

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
    pub proxy_header_log: LogRate,
    shortage_log: LogRate,
    pub retry_after: RetryAfter,
}

impl Shared {
    /// `seed` spreads the `Retry-After` of turned-away peers, from 10 to 40 s.
    pub(super) fn new(limits: Limits, seed: u64) -> Shared {
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
            proxy_header_log: LogRate::new(LOG_INTERVAL),
            shortage_log: LogRate::new(LOG_INTERVAL),
            retry_after: RetryAfter::new(10, 30, seed),
            limits,
        }
    }

    /// Counts a connection that is turned away, its address having all it may have; whether its peer
    /// is told so with [`Shared::busy`].
    pub(super) fn is_told_of_address_limit(&self, address: SocketAddr, is_tls: bool) -> bool {
        self.counters.over_address_limit.add_one();
        tracing::debug!(%address, "turned away: too many connections of this address");
        !is_tls && self.limits.over_address_limit == OverAddressLimit::Say503
    }

    /// The whole answer to a peer that is turned away.
    pub(super) fn busy(&self) -> String {
        format!(
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: {}\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n",
            self.retry_after.next()
        )
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
            tracing::warn!(
                open = self.counters.open(),
                limit = self.limits.connections,
                closed = self.counters.closed_for_others.value(),
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
    pub place: Option<Place>,
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

impl Counters {
    /// Connections now, handshakes included.
    pub(super) fn open(&self) -> u64 {
        // `ended` first: read the other way round, the difference could be below zero.
        let ended = self.ended.value();
        self.accepted.value().saturating_sub(ended)
    }
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
