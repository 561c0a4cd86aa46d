//! A clock that stands still until it is moved. The gateway's uptime goes on by itself, and further
//! when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dialtone::ambient::Clock;
use dialtone::domain::Timestamp;

#[derive(Debug)]
pub(crate) struct ManualClock {
    now: AtomicI64,
    started: Instant,
    more_uptime_s: AtomicU64,
}

impl ManualClock {
    /// Begins in 2027.
    pub(crate) fn new() -> Arc<ManualClock> {
        Arc::new(ManualClock {
            now: AtomicI64::new(1_800_000_000),
            started: Instant::now(),
            more_uptime_s: AtomicU64::new(0),
        })
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::Relaxed);
    }

    /// The gateway has run for so much longer.
    pub(crate) fn run_on(&self, seconds: u64) {
        self.more_uptime_s.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.now.load(Ordering::Relaxed))
    }

    fn uptime(&self) -> Duration {
        let more = Duration::from_secs(self.more_uptime_s.load(Ordering::Relaxed));
        self.started.elapsed() + more
    }
}
