//! Whether the database still has all that this gateway knows of it.
//!
//! A standby that takes over may lack the last commits of the server before it, and a backup that
//! is put back lacks all since. The numbers of what is lost are given once more, to other commits:
//! a revision alone does not tell which of the two is meant, and a gateway that goes on from its
//! number would serve for ever what nobody else knows, and never hear of what came instead.
//!
//! So each group of commits has a random stamp beside its number (`commit_group`). A handle on the
//! store remembers the newest group that it heard of or made. Groups come one after another, and
//! what takes over has the beginning of what there was: a database that has that group with that
//! stamp has all before it, as it was. Each read of changes looks for it in the same moment that it
//! reads, and each group of commits under the lock that it takes first, for what it was decided on
//! was of that history, too. Where it is not found, what is in memory may be of what is lost: the
//! handle tells [`Changes::Lost`](crate::store::Changes::Lost) and makes no commit until all was
//! read anew, from a [`Store::head`](crate::store::Store::head) on that its
//! [`Store::resume`](crate::store::Store::resume) names.
//!
//! A group that is so old that its stamp was forgotten is not told from one that is lost. A gateway
//! that was away for that long reads all anew just the same.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::Revision;

/// A group of commits, as it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor {
    /// From 1.
    pub number: i64,
    pub stamp: i64,
}

impl Anchor {
    /// Whether what stands under its number is it.
    pub(super) fn stamp_is(self, found: Option<i64>) -> bool {
        found == Some(self.stamp)
    }
}

/// How far the store is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub head: Revision,
    pub forgotten: Revision,
    /// The last group; `None` before the first.
    pub newest: Option<Anchor>,
    /// Whether the group that was known is there as it was.
    pub has_known: bool,
}

/// What a handle knows of the past.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The newest group that is known; `None` until something was read.
    known: Option<Anchor>,
    is_lost: bool,
    /// Where all is being read anew from: a head, and the newest group then.
    anew: Option<(Revision, Option<Anchor>)>,
}

impl History {
    /// What the database is to be asked for.
    pub(super) fn known(&self) -> Option<Anchor> {
        self.lock().known
    }

    /// Whether all must be read anew.
    pub(super) fn is_lost(&self) -> bool {
        self.lock().is_lost
    }

    /// Takes in what the database has; whether that goes on from what was known.
    pub(super) fn heard(&self, header: &Header) -> bool {
        if !header.has_known {
            self.lose();
        }
        self.advance(header.newest);
        !self.is_lost()
    }

    /// Takes in a group that was made on what was known.
    pub(super) fn made(&self, group: Anchor) {
        self.advance(Some(group));
    }

    /// The database has not what was known.
    pub(super) fn lose(&self) {
        self.lock().is_lost = true;
    }

    /// Who begins to read everything asked how far the store is.
    pub(super) fn begins(&self, header: &Header) {
        let mut state = self.lock();
        if state.is_lost {
            state.anew = Some((header.head, header.newest));
        }
    }

    /// All is read anew from there on.
    pub(super) fn resume(&self, head: Revision) {
        let mut state = self.lock();
        if let Some((from, newest)) = state.anew
            && from == head
        {
            *state = State { known: newest, is_lost: false, anew: None };
        }
    }

    /// Reads and commits end in any order.
    fn advance(&self, newest: Option<Anchor>) {
        let mut state = self.lock();
        let is_newer =
            |newest: Anchor| state.known.is_none_or(|known| known.number < newest.number);
        if !state.is_lost && newest.is_some_and(is_newer) {
            state.known = newest;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(number: i64, stamp: i64, has_known: bool) -> Header {
        let newest = Some(Anchor { number, stamp });
        let head = Revision(number.cast_unsigned());
        Header { head, forgotten: Revision::NONE, newest, has_known }
    }

    #[test]
    fn what_is_known_only_grows() {
        let history = History::default();
        assert_eq!(history.known(), None);
        assert!(history.heard(&header(3, 30, true)));
        history.made(Anchor { number: 5, stamp: 50 });
        // A read that began before.
        assert!(history.heard(&header(4, 40, true)));
        assert_eq!(history.known(), Some(Anchor { number: 5, stamp: 50 }));
    }

    #[test]
    fn what_is_lost_stays_lost_until_all_was_read_anew() {
        let history = History::default();
        history.heard(&header(5, 50, true));
        assert!(!history.heard(&header(4, 40, false)));
        // Nothing that is there now makes up for it.
        assert!(!history.heard(&header(9, 90, true)));
        history.resume(Revision(9));
        assert!(history.is_lost(), "nobody has read anew");
        history.begins(&header(9, 90, true));
        history.resume(Revision(8));
        assert!(history.is_lost(), "another one's");
        history.resume(Revision(9));
        assert!(!history.is_lost());
        assert_eq!(history.known(), Some(Anchor { number: 9, stamp: 90 }));
    }
}
