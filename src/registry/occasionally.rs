//! Log lines that strangers could cause in any number.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Once a minute is seen, and fills no disk.
const PERIOD: Duration = Duration::from_secs(60);

/// Lets one line through a minute and counts the others.
#[derive(Debug, Default)]
pub(super) struct Occasionally {
    // A std lock: nothing awaits under it.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    held_back: u64,
}

impl Occasionally {
    /// Whether a line is due, and how many were held back since the last one.
    pub(super) fn is_due(&self) -> Option<u64> {
        self.is_due_at(Instant::now())
    }

    fn is_due_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        if state.last.is_some_and(|last| now.duration_since(last) < PERIOD) {
            state.held_back += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_says_how_many_it_stands_for() {
        let (log, start) = (Occasionally::default(), Instant::now());
        assert_eq!(log.is_due_at(start), Some(0));
        assert_eq!(log.is_due_at(start + PERIOD / 2), None);
        assert_eq!(log.is_due_at(start + PERIOD / 2), None);
        assert_eq!(log.is_due_at(start + PERIOD), Some(2));
        assert_eq!(log.is_due_at(start + 3 * PERIOD), Some(0));
    }
}
