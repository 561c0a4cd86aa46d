//! What the last write told about the medium.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::store::StoreError;

/// Written by the writer, read by readiness.
#[derive(Default)]
pub(super) struct Health {
    // A std mutex: held for a comparison or an assignment.
    state: Mutex<State>,
    groups: AtomicU64,
}

#[derive(Default)]
struct State {
    failure: Option<StoreError>,
    probed: Option<Instant>,
}

/// What readiness should do.
pub(super) enum Verdict {
    Fine,
    /// It failed and a probe was made not long ago.
    Failed(StoreError),
    /// It failed and it is time to try again.
    Probe(StoreError),
}

impl Health {
    /// A group was written; `probed`: with a probe, which wants more room than a commit does. A full
    /// disk takes a small commit here and there, and is full until it has that room.
    pub(super) fn wrote(&self, probed: bool) {
        self.groups.fetch_add(1, Ordering::Relaxed);
        let mut state = self.lock();
        if probed || !matches!(state.failure, Some(StoreError::Full { .. })) {
            state.failure = None;
        }
    }

    pub(super) fn failed(&self, error: StoreError) {
        self.lock().failure = Some(error);
    }

    /// At most one caller in each `every` is told to probe.
    pub(super) fn verdict(&self, every: Duration, now: Instant) -> Verdict {
        let state = self.lock();
        let Some(failure) = state.failure.clone() else { return Verdict::Fine };
        drop(state);
        if self.look_is_due(every, now) {
            Verdict::Probe(failure)
        } else {
            Verdict::Failed(failure)
        }
    }

    /// Whether it is time to look although nothing failed: at most one caller in each `every` is
    /// told so.
    pub(super) fn look_is_due(&self, every: Duration, now: Instant) -> bool {
        let mut state = self.lock();
        let due = state.probed.is_none_or(|last| now.saturating_duration_since(last) >= every);
        if due {
            state.probed = Some(now);
        }
        due
    }

    /// How many groups were written.
    pub(super) fn groups(&self) -> u64 {
        self.groups.load(Ordering::Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> StoreError {
        StoreError::Full { what: "dialtone.db".to_owned() }
    }

    #[test]
    fn only_one_probe_is_asked_for_in_each_interval() {
        let health = Health::default();
        let (second, start) = (Duration::from_secs(1), Instant::now());
        assert!(matches!(health.verdict(second, start), Verdict::Fine));
        health.failed(full());
        assert!(matches!(health.verdict(second, start), Verdict::Probe(e) if e == full()));
        let soon = start + Duration::from_millis(999);
        assert!(matches!(health.verdict(second, soon), Verdict::Failed(e) if e == full()));
        assert!(matches!(health.verdict(second, start + second), Verdict::Probe(_)));
    }

    #[test]
    fn a_written_group_heals() {
        let health = Health::default();
        health.failed(StoreError::ReadOnly { what: "dialtone.db".to_owned() });
        health.wrote(false);
        let verdict = health.verdict(Duration::ZERO, Instant::now());
        assert!(matches!(verdict, Verdict::Fine));
        assert_eq!(health.groups(), 1);
    }

    #[test]
    fn a_full_disk_is_full_until_there_is_room_for_a_probe() {
        let health = Health::default();
        health.failed(full());
        health.wrote(false);
        let verdict = health.verdict(Duration::ZERO, Instant::now());
        assert!(matches!(verdict, Verdict::Probe(_)));
        health.wrote(true);
        assert!(matches!(health.verdict(Duration::ZERO, Instant::now()), Verdict::Fine));
    }
}
