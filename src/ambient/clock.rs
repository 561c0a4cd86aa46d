//! Where time comes from: passed in, so that tests bring their own.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use crate::domain::Timestamp;

/// Tells what time it is. Tests bring their own.
pub trait Clock: Send + Sync + 'static {
    /// The time of day; it may be set back.
    fn now(&self) -> Timestamp;

    /// Since a moment that stays the same while the process runs. For whatever ends after a
    /// time: it never goes back, whoever sets the machine's clock.
    fn uptime(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}
