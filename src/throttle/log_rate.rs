//! One line in the log per interval, of what may happen twenty thousand times a second or what
//! strangers could cause in any number.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets one line through per interval and counts the others.
#[derive(Debug)]
pub struct LogRate {
    interval: Duration,
    // A std lock: nothing awaits under it.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

/// One line a minute, which is seen and fills no disk.
impl Default for LogRate {
    fn default() -> LogRate {
        LogRate::new(Duration::from_secs(60))
    }
}

impl LogRate {
    /// One line per `interval`; the first is due at once.
    #[must_use]
    pub fn new(interval: Duration) -> LogRate {
        LogRate { interval, state: Mutex::default() }
    }

    /// `Some` when a line is due `now`: how many were held back since the last one.
    pub fn due_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < self.interval) {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_interval_says_how_many_it_stands_for() {
        let (log, start, minute) = (LogRate::default(), Instant::now(), Duration::from_secs(60));
        assert_eq!(log.due_at(start), Some(0));
        assert_eq!(log.due_at(start + minute / 2), None);
        assert_eq!(log.due_at(start + minute / 2), None);
        assert_eq!(log.due_at(start + minute), Some(2));
        assert_eq!(log.due_at(start + 3 * minute), Some(0));
    }
}
