//! How long a peer is told to stay away, spread so that a crowd does not come back as one.

use std::sync::atomic::{AtomicU64, Ordering};

/// Gives the seconds for a `Retry-After` header.
#[derive(Debug)]
pub struct RetryAfter {
    at_least: u64,
    spread: u64,
    state: AtomicU64,
}

impl RetryAfter {
    /// Values from `at_least` to `at_least + spread` seconds; `seed` comes from
    /// the caller's source of randomness.
    #[must_use]
    pub fn new(at_least: u64, spread: u64, seed: u64) -> RetryAfter {
        RetryAfter { at_least, spread, state: AtomicU64::new(seed) }
    }

    /// Seconds, another value each time.
    pub fn next(&self) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014): one addition between callers, and
        // nothing here needs to be hard to guess.
        let mut z = self
            .state
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
            .wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.at_least + (z ^ (z >> 31)) % (self.spread + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn values_cover_the_range_and_stay_in_it() {
        let retry_after = RetryAfter::new(5, 3, 42);
        let seen: BTreeSet<u64> = (0..200).map(|_| retry_after.next()).collect();
        assert_eq!(seen, BTreeSet::from([5, 6, 7, 8]));
    }

    #[test]
    fn the_seed_decides() {
        let values = |seed| {
            let retry_after = RetryAfter::new(0, 1_000_000, seed);
            [retry_after.next(), retry_after.next()]
        };
        assert_eq!(values(1), values(1));
        assert_ne!(values(1), values(2));
    }
}
