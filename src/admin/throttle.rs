//! How often passwords may be tried: by address and by login.
//!
//! An attempt costs at once and is given back when it was right, so that many at
//! the same time are counted too. Somebody who tries another's login over and
//! over must not lock its owner out: an address the login was right from within
//! [`KNOWN_FOR`] is not held to the login's count.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::Timestamp;
use crate::registry::network_of;

/// One attempt every `interval` seconds, and `burst` at once: the generic cell rate algorithm
/// (GCRA, ITU-T I.371), whose whole state is one time a key.
#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: i64,
    interval: i64,
}

/// Of an address (IPv6: a /64): twenty wrong ones, then one in half a minute.
const ADDRESS: Rate = Rate { burst: 20, interval: 30 };
/// Of a login, from all addresses: twenty wrong ones, then sixty an hour.
const LOGIN: Rate = Rate { burst: 20, interval: 60 };

/// Entries of each table, some 300 kB; over it the ones nearest to nothing go.
const MOST: usize = 10_000;

/// Seconds an address counts as known to a login: 30 days.
const KNOWN_FOR: Timestamp = 30 * 24 * 3600;

/// The counts of one process.
#[derive(Default)]
pub(super) struct Throttle {
    // Logins are kept as hashes that cannot be aimed at; what is typed there may
    // be a password.
    hasher: RandomState,
    // A std lock: held for look-ups, never across an await.
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    addresses: HashMap<IpAddr, Timestamp>,
    logins: HashMap<u64, Timestamp>,
    known: HashMap<(u64, IpAddr), Timestamp>,
}

impl Counts {
    fn is_known(&self, login: u64, address: IpAddr, now: Timestamp) -> bool {
        self.known.get(&(login, address)).is_some_and(|at| at + KNOWN_FOR > now)
    }
}

impl Throttle {
    /// Counts an attempt.
    ///
    /// # Errors
    /// The seconds to wait, when there were too many. It is not counted then.
    pub fn attempt(&self, address: IpAddr, login: &str, now: Timestamp) -> Result<(), i64> {
        let (address, login) = self.keys(address, login);
        let mut counts = self.lock();
        let known = counts.is_known(login, address, now);
        ADDRESS.check(&counts.addresses, &address, now)?;
        if !known {
            LOGIN.check(&counts.logins, &login, now)?;
            LOGIN.count(&mut counts.logins, login, now);
        }
        ADDRESS.count(&mut counts.addresses, address, now);
        Ok(())
    }

    /// The attempt was right: it costs nothing.
    pub fn succeeded(&self, address: IpAddr, login: &str, now: Timestamp) {
        let (address, login) = self.keys(address, login);
        let mut counts = self.lock();
        ADDRESS.give_back(&mut counts.addresses, &address);
        if !counts.is_known(login, address, now) {
            LOGIN.give_back(&mut counts.logins, &login);
        }
        make_room(&mut counts.known, &(login, address), now - KNOWN_FOR);
        counts.known.insert((login, address), now);
    }

    fn keys(&self, address: IpAddr, login: &str) -> (IpAddr, u64) {
        (network_of(address), self.hasher.hash_one(login))
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is kept of a key is its theoretical arrival time (TAT): when its count will be nothing.
impl Rate {
    fn check<K: Eq + Hash>(
        self,
        table: &HashMap<K, Timestamp>,
        key: &K,
        now: Timestamp,
    ) -> Result<(), i64> {
        let tat = table.get(key).copied().unwrap_or(now).max(now);
        let over = tat + self.interval - now - self.burst * self.interval;
        if over > 0 { Err(over) } else { Ok(()) }
    }

    fn count<K: Eq + Hash + Clone>(
        self,
        table: &mut HashMap<K, Timestamp>,
        key: K,
        now: Timestamp,
    ) {
        make_room(table, &key, now);
        let tat = table.entry(key).or_insert(now);
        *tat = (*tat).max(now) + self.interval;
    }

    fn give_back<K: Eq + Hash>(self, table: &mut HashMap<K, Timestamp>, key: &K) {
        if let Some(tat) = table.get_mut(key) {
            *tat -= self.interval;
        }
    }
}

/// Makes place for `key`: what is over by `now` goes, else what is over first.
fn make_room<K: Eq + Hash + Clone>(table: &mut HashMap<K, Timestamp>, key: &K, now: Timestamp) {
    if table.len() < MOST || table.contains_key(key) {
        return;
    }
    table.retain(|_, at| *at > now);
    if table.len() >= MOST {
        let first = table.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone());
        first.map(|key| table.remove(&key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn one_address_runs_out_and_recovers() {
        let throttle = Throttle::default();
        for attempt in 0..20 {
            throttle.attempt(address(1), &format!("login{attempt}"), 1000).unwrap();
        }
        assert_eq!(throttle.attempt(address(1), "another", 1000), Err(30));
        assert_eq!(throttle.attempt(address(1), "another", 1029), Err(1));
        assert_eq!(throttle.attempt(address(2), "another", 1000), Ok(()));
        assert_eq!(throttle.attempt(address(1), "another", 1030), Ok(()));
    }

    #[test]
    fn one_login_runs_out_from_many_addresses_but_not_for_its_owner() {
        let throttle = Throttle::default();
        throttle.attempt(address(200), "root", 0).unwrap();
        throttle.succeeded(address(200), "root", 0);
        for last in 0..20 {
            throttle.attempt(address(last), "root", 1000).unwrap();
        }
        assert_eq!(throttle.attempt(address(100), "root", 1000), Err(60));
        assert_eq!(throttle.attempt(address(100), "other", 1000), Ok(()));
        assert_eq!(throttle.attempt(address(200), "root", 1000), Ok(()));
        for last in 0..20 {
            throttle.attempt(address(last), "root", KNOWN_FOR).unwrap();
        }
        assert_eq!(throttle.attempt(address(200), "root", KNOWN_FOR), Err(60), "known no more");
    }

    #[test]
    fn right_passwords_cost_nothing_also_when_the_address_was_known_long_ago() {
        let throttle = Throttle::default();
        let mut now = 0;
        for _ in 0..30 {
            throttle.attempt(address(1), "root", now).unwrap();
            throttle.succeeded(address(1), "root", now);
            now += KNOWN_FOR;
        }
        let counts = throttle.lock();
        assert!(counts.logins.values().all(|tat| *tat <= now - KNOWN_FOR));
    }

    #[test]
    fn right_passwords_cost_nothing() {
        let throttle = Throttle::default();
        for now in 0..1000 {
            throttle.attempt(address(1), "root", now / 100).unwrap();
            throttle.succeeded(address(1), "root", now / 100);
        }
    }

    #[test]
    fn the_tables_stay_bounded_and_keep_the_worst() {
        let throttle = Throttle::default();
        for _ in 0..20 {
            throttle.attempt(address(1), "root", 0).unwrap();
        }
        for n in 0..20_000u32 {
            let other = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
            throttle.attempt(other, &format!("login{n}"), 0).unwrap();
        }
        let counts = throttle.lock();
        assert!(counts.addresses.len() <= MOST && counts.logins.len() <= MOST);
        drop(counts);
        assert!(throttle.attempt(address(1), "root", 0).is_err());
    }
}
