//! How often each nonce was used: what keeps a response from being used twice.

use std::collections::HashMap;
use std::mem;

use foldhash::quality::RandomState;

use super::nonce::Unfit;

/// The nonces used lately, in two generations: when the younger one is full, the older one goes.
///
/// Who goes with it must not be used again, and nobody knows any more who that was. So every nonce
/// that is as old as what was forgotten, and is not known, is called old. Caches that choose by
/// themselves what they drop may drop the youngest, with which all would be old.
#[derive(Debug, Default)]
pub(super) struct Uses {
    younger: HashMap<u64, u32, RandomState>,
    older: HashMap<u64, u32, RandomState>,
    /// When the last of the younger and of the older ones was made.
    made_until: [Option<u32>; 2],
    /// A nonce that was made by then may have been used.
    forgotten_until: Option<u32>,
}

/// The most nonces of a generation: what a table of 65,536 places of 17 bytes takes without
/// growing, 2.2 MB for both. A phone uses one for all files of a boot: 57,344 boots within the
/// time from a challenge to its answer would have to meet before an honest phone is told to come
/// again, which it does by itself.
const GENERATION: usize = 57_344;

/// What stands for a nonce that may not be used again.
const USED_UP: u32 = u32::MAX;

impl Uses {
    /// Uses a nonce that was `made` then, in seconds of 1970, with a count that must be higher than
    /// all before; `None`: once.
    ///
    /// # Errors
    /// [`Unfit::Replayed`], or [`Unfit::Old`] when it cannot be told any more.
    pub(super) fn take(&mut self, nonce: u64, made: u32, count: Option<u32>) -> Result<(), Unfit> {
        let known = match self.younger.get_mut(&nonce) {
            Some(known) => Some(known),
            None => self.older.get_mut(&nonce),
        };
        if let Some(last) = known {
            let count = count.filter(|count| count > last).ok_or(Unfit::Replayed)?;
            *last = count;
            return Ok(());
        }
        if self.forgotten_until.is_some_and(|until| made <= until) {
            return Err(Unfit::Old);
        }
        let count = count.unwrap_or(USED_UP);
        if count == 0 {
            return Err(Unfit::Replayed);
        }
        if self.younger.len() == GENERATION {
            self.forget();
        }
        self.younger.insert(nonce, count);
        self.made_until[0] = self.made_until[0].max(Some(made));
        Ok(())
    }

    fn forget(&mut self) {
        let [younger, older] = self.made_until;
        self.forgotten_until = self.forgotten_until.max(older);
        self.older = mem::take(&mut self.younger);
        self.made_until = [None, younger];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_must_rise_and_one_without_counts_once() {
        let mut uses = Uses::default();
        let mut take = |nonce, count| uses.take(nonce, 1, count);
        assert_eq!(take(1, Some(0)), Err(Unfit::Replayed));
        assert_eq!(take(1, Some(1)), Ok(()));
        assert_eq!(take(1, Some(1)), Err(Unfit::Replayed));
        assert_eq!(take(1, Some(3)), Ok(()));
        assert_eq!(take(1, Some(2)), Err(Unfit::Replayed));
        assert_eq!(take(1, None), Err(Unfit::Replayed));
        assert_eq!(take(2, None), Ok(()));
        for count in [None, Some(1), Some(u32::MAX)] {
            assert_eq!(take(2, count), Err(Unfit::Replayed));
        }
        assert_eq!(take(3, Some(u32::MAX)), Ok(()));
        assert_eq!(take(3, Some(u32::MAX)), Err(Unfit::Replayed));
    }

    #[test]
    fn a_flood_has_room_for_so_many_and_what_is_forgotten_is_never_used_again() {
        let mut uses = Uses::default();
        let generation = GENERATION as u64;
        assert_eq!(uses.take(u64::MAX, 100, Some(1)), Ok(()));
        for nonce in 0..5 * generation {
            let now = 100 + u32::try_from(nonce / generation).unwrap();
            assert_eq!(uses.take(nonce, now, Some(1)), Ok(()), "{nonce}");
            assert!(uses.younger.len() + uses.older.len() <= 2 * GENERATION);
        }
        for made in [100, 102] {
            assert_eq!(uses.take(u64::MAX, made, Some(2)), Err(Unfit::Old), "{made}");
        }
        assert_eq!(uses.take(u64::MAX - 1, 104, Some(1)), Ok(()), "one that was just made");
        assert!(uses.younger.capacity() <= 65_536 && uses.older.capacity() <= 65_536);
    }
}
