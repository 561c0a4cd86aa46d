//! One line in the log per interval, of what may happen twenty thousand times a second.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Default)]
pub(super) struct LogRate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl LogRate {
    pub(super) const INTERVAL: Duration = Duration::from_secs(10);

    /// `Some` when a line is due: how often none was written since the last one.
    pub(super) fn due(&self) -> Option<u64> {
        let now = Instant::now();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now - last < Self::INTERVAL) {
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

    #[tokio::test(start_paused = true)]
    async fn what_goes_on_is_logged_once_per_interval() {
        let rate = LogRate::default();
        assert_eq!(rate.due(), Some(0));
        assert_eq!(rate.due(), None);
        assert_eq!(rate.due(), None);
        tokio::time::advance(LogRate::INTERVAL).await;
        assert_eq!(rate.due(), Some(2));
        assert_eq!(rate.due(), None);
    }
}
