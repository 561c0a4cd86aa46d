//! How far memory has come: which revisions are in it, and which removals may still be
//! overtaken by a put that was under way before them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::Revision;
use crate::store::Object;

/// Own commits that are in memory while one before them is not, and removals that are not yet
/// followed: a second of the fastest storm. Beyond it nothing is lost: what is not noted here is
/// read from the store once more.
const MAX_AHEAD: usize = 65_536;

/// Changes come twice, as commits of one's own and by following the store, and in any order.
#[derive(Debug, Default)]
pub(super) struct Progress {
    // A std mutex: no await happens under it. Taken while a shard of the index is locked,
    // never the other way about.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// All changes up to this one are in memory.
    floor: Revision,
    /// The revisions of own commits above it that are in memory.
    ahead: BTreeSet<Revision>,
    /// Removals above it.
    removed: HashMap<Object, Revision>,
}

impl Progress {
    /// All changes up to this revision are in memory.
    pub(super) fn floor(&self) -> Revision {
        self.lock().floor
    }

    /// What a commit of one's own changed is in memory.
    pub(super) fn applied(&self, revision: Revision) {
        let mut state = self.lock();
        if revision == state.floor.next() {
            state.raise(revision);
        } else if revision > state.floor && state.ahead.len() < MAX_AHEAD {
            state.ahead.insert(revision);
        }
    }

    /// So is all that was changed up to this revision.
    pub(super) fn reached(&self, revision: Revision) {
        let mut state = self.lock();
        if revision > state.floor {
            state.raise(revision);
        }
    }

    /// Nothing is in memory that counts.
    pub(super) fn begin_anew(&self) {
        *self.lock() = State::default();
    }

    /// Notes a removal. It is to be called while nobody can put the object into memory.
    pub(super) fn removed(&self, object: Object, revision: Revision) {
        let mut state = self.lock();
        if revision > state.floor && state.removed.len() < MAX_AHEAD {
            let known = state.removed.entry(object).or_insert(revision);
            *known = revision.max(*known);
        }
    }

    /// Whether an object that is not in memory was removed after it had this revision. Below
    /// the floor it would be there if it had not been.
    pub(super) fn is_stale(&self, object: &Object, revision: Revision) -> bool {
        let state = self.lock();
        let removed = || state.removed.get(object);
        revision <= state.floor || removed().is_some_and(|removed| revision < *removed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn raise(&mut self, floor: Revision) {
        self.floor = floor;
        while let Some(&next) = self.ahead.first()
            && next <= self.floor.next()
        {
            self.floor = self.floor.max(next);
            self.ahead.pop_first();
        }
        let floor = self.floor;
        if !self.removed.is_empty() {
            self.removed.retain(|_, removed| *removed > floor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Mac;

    fn device(number: u64) -> Object {
        Object::Device(Mac::from_bits(number))
    }

    #[test]
    fn the_floor_rises_over_own_commits_in_any_order() {
        let progress = Progress::default();
        for (applied, floor) in [(2, 0), (3, 0), (1, 3), (5, 3), (3, 3), (4, 5)] {
            progress.applied(Revision(applied));
            assert_eq!(progress.floor(), Revision(floor), "after {applied}");
        }
        progress.applied(Revision(8));
        progress.reached(Revision(7));
        assert_eq!(progress.floor(), Revision(8));
        assert!(progress.lock().ahead.is_empty());
    }

    #[test]
    fn a_late_put_is_stale_before_and_after_the_floor_passed_its_removal() {
        let progress = Progress::default();
        progress.reached(Revision(10));
        assert!(progress.is_stale(&device(1), Revision(10)));
        assert!(!progress.is_stale(&device(1), Revision(11)));
        progress.removed(device(1), Revision(13));
        assert!(progress.is_stale(&device(1), Revision(12)));
        assert!(!progress.is_stale(&device(2), Revision(12)));
        assert!(!progress.is_stale(&device(1), Revision(14)), "it was made anew");
        progress.reached(Revision(13));
        assert!(progress.lock().removed.is_empty(), "the floor stands for it");
        assert!(progress.is_stale(&device(1), Revision(12)));
    }
}
