//! What all connections of one server share.

use std::sync::Arc;
use std::time::Instant;

use hyper::server::conn::http1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::counters::Counters;
use super::places::{Place, Places};
use super::tuning::HandshakeAdmission;
use super::{LOG_INTERVAL, Limits, RetryAfter};
use crate::domain::LogRate;

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
            // `date` says why.
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
}

impl Shared {
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
