//! How often something may be tried: the generic cell rate algorithm (GCRA, ITU-T I.371), which
//! keeps one time a key.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// `burst` at once, and one more every `interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many at once, from a key that was not counted lately.
    pub burst: u32,
    /// After those, one more may come each time this has passed.
    pub interval: Duration,
}

/// The counts of many keys under one [`Rate`]. Times are those of [`crate::ambient::Clock::uptime`].
///
/// By hand, because no crate gives back what was counted: an attempt counts when it begins, so
/// that many at the same time are counted too, and costs nothing when it was right.
#[derive(Debug)]
pub struct RateLimiter<K> {
    rate: Rate,
    /// The theoretical arrival time (TAT) of each key: when its count will be nothing.
    tats: HashMap<K, Duration>,
    most: usize,
}

impl<K: Eq + Hash + Clone> RateLimiter<K> {
    /// Keeps `most` keys; over it the quarter goes that is nearest to nothing, so that a flood of
    /// new keys neither frees the worst ones nor has the whole table searched for each of its own.
    #[must_use]
    pub fn new(rate: Rate, most: usize) -> RateLimiter<K> {
        RateLimiter { rate, tats: HashMap::new(), most: most.max(1) }
    }

    /// Whether `key` has one left.
    ///
    /// # Errors
    /// How long until it has.
    pub fn check(&self, key: &K, now: Duration) -> Result<(), Duration> {
        let tat = self.tats.get(key).copied().unwrap_or(now).max(now);
        let allowed = now + self.rate.interval * self.rate.burst;
        match (tat + self.rate.interval).checked_sub(allowed) {
            None | Some(Duration::ZERO) => Ok(()),
            Some(wait) => Err(wait),
        }
    }

    /// Counts one more of `key` at `now`; keys that are nearest to nothing go for it, when there
    /// are too many.
    pub fn count(&mut self, key: K, now: Duration) {
        self.make_room(&key, now);
        let tat = self.tats.entry(key).or_insert(now);
        *tat = (*tat).max(now) + self.rate.interval;
    }

    /// Takes back one [`RateLimiter::count`].
    pub fn give_back(&mut self, key: &K) {
        if let Some(tat) = self.tats.get_mut(key) {
            *tat = tat.saturating_sub(self.rate.interval);
        }
    }

    fn make_room(&mut self, key: &K, now: Duration) {
        if self.tats.len() < self.most || self.tats.contains_key(key) {
            return;
        }
        self.tats.retain(|_, tat| *tat > now);
        if self.tats.len() >= self.most {
            let mut tats: Vec<Duration> = self.tats.values().copied().collect();
            let quarter = tats.len() / 4;
            let (_, &mut nearest, _) = tats.select_nth_unstable(quarter);
            let mut goes = quarter + 1;
            self.tats.retain(|_, tat| {
                let stays = *tat > nearest || goes == 0;
                goes -= usize::from(!stays);
                stays
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, interval: Duration::from_secs(10) };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn take(limiter: &mut RateLimiter<u32>, key: u32, now: u64) -> Result<(), Duration> {
        limiter.check(&key, at(now))?;
        limiter.count(key, at(now));
        Ok(())
    }

    #[test]
    fn a_key_runs_out_and_recovers_one_by_one() {
        let mut limiter = RateLimiter::new(RATE, 10);
        for _ in 0..3 {
            take(&mut limiter, 1, 100).unwrap();
        }
        assert_eq!(take(&mut limiter, 1, 100), Err(at(10)));
        assert_eq!(take(&mut limiter, 1, 109), Err(at(1)));
        assert_eq!(take(&mut limiter, 2, 100), Ok(()));
        assert_eq!(take(&mut limiter, 1, 110), Ok(()));
        assert_eq!(take(&mut limiter, 1, 110), Err(at(10)));
    }

    #[test]
    fn what_is_given_back_was_never_counted() {
        let mut limiter = RateLimiter::new(RATE, 10);
        for now in 0..1000 {
            take(&mut limiter, 1, now / 100).unwrap();
            limiter.give_back(&1);
        }
    }

    #[test]
    fn the_table_stays_bounded_and_keeps_the_worst() {
        let mut limiter = RateLimiter::new(RATE, 100);
        for _ in 0..3 {
            take(&mut limiter, 0, 0).unwrap();
        }
        for key in 1..10_000 {
            take(&mut limiter, key, 0).unwrap();
            assert!(limiter.tats.len() <= 100);
        }
        assert!(limiter.tats.len() > 50, "one flood does not empty it");
        assert!(take(&mut limiter, 0, 0).is_err());
    }
}
