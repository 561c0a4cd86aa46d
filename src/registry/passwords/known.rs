//! Who was right from where: whom the counts of strangers do not hold up.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// How long it counts: 30 days.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// What was right, with where it came from, and when it last was. Times are those of
/// [`crate::ambient::Clock::uptime`].
pub(super) struct Known<K> {
    last_right: HashMap<K, Duration>,
    most: usize,
}

impl<K: Eq + Hash + Clone> Known<K> {
    /// Keeps `most`; over it the oldest goes.
    pub(super) fn new(most: usize) -> Known<K> {
        Known { last_right: HashMap::new(), most }
    }

    pub(super) fn has(&self, key: &K, now: Duration) -> bool {
        self.last_right.get(key).is_some_and(|at| *at + KNOWN_FOR > now)
    }

    pub(super) fn remember(&mut self, key: K, now: Duration) {
        if self.last_right.len() >= self.most && !self.last_right.contains_key(&key) {
            self.last_right.retain(|_, at| *at + KNOWN_FOR > now);
            let oldest = self.last_right.iter().min_by_key(|(_, at)| **at);
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest
                .filter(|_| self.last_right.len() >= self.most)
                .map(|key| self.last_right.remove(&key));
        }
        self.last_right.insert(key, now);
    }

    pub(super) fn forget(&mut self, key: &K) {
        self.last_right.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_oldest_goes_and_all_do_after_their_time() {
        let mut known = Known::new(100);
        for n in 0..=100 {
            known.remember(n, at(n));
        }
        assert_eq!(known.last_right.len(), 100);
        assert!(!known.has(&0, at(101)) && known.has(&1, at(101)));
        assert!(!known.has(&1, KNOWN_FOR + at(1)));
        known.forget(&1);
        assert!(!known.has(&1, at(101)));
    }
}
