//! What happened on a server's connections, counted since it started.

use std::sync::atomic::{AtomicU64, Ordering};

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
