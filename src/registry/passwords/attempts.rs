//! How often passwords may be tried. Counted by this process only, and forgotten with it.
//!
//! An attempt counts when it begins and only stays counted when the password was wrong. There are
//! three counts, because whoever tries is neither to find a password nor to lock its owner out:
//!
//! * of a network, over all logins: somebody tries many logins;
//! * of a login from a network: what a person has who mistypes, and all a single attacker can use
//!   up of another's login;
//! * of a login from everywhere, much wider: many networks try one login. A network the login was
//!   right from within 30 days is not held to it.
//!
//! Codes of a second factor have a count of their own, as whoever tries them has the password: of a
//! login from everywhere but the networks that it was right from, and of each of those.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::known::Known;
use crate::domain::subscriber;
use crate::registry::rate::{Rate, RateLimiter};

/// Twenty wrong ones of a network (one IPv4 address, a /64 of IPv6), then two a minute.
const OF_NETWORK: Rate = Rate { burst: 20, interval: Duration::from_secs(30) };
/// Ten wrong ones of a login from one network, then one a minute.
const OF_LOGIN_THERE: Rate = Rate { burst: 10, interval: Duration::from_secs(60) };
/// Three hundred wrong ones of a login, then twelve a minute: thirty networks at their own limit
/// before anybody else waits, and 17,000 passwords a day, with which none of
/// [`super::super::MIN_PASSWORD`] characters is found that is not on every list.
const OF_LOGIN: Rate = Rate { burst: 300, interval: Duration::from_secs(5) };

/// Ten wrong codes, then four an hour (RFC 4226, section 7.3). Three of a million are right at any
/// time: who has the password finds one in a year of days with a chance of one in nine.
const OF_CODES: Rate = Rate { burst: 10, interval: Duration::from_secs(900) };

/// Keys of each count, some 500 kB.
const MOST: usize = 10_000;

/// The counts.
pub(super) struct Attempts {
    // Logins are kept as hashes that cannot be aimed at; what is typed there may be a password.
    hasher: RandomState,
    // A std lock: held for look-ups, never across an await.
    counts: Mutex<Counts>,
}

struct Counts {
    networks: RateLimiter<IpAddr>,
    logins_there: RateLimiter<(u64, IpAddr)>,
    logins: RateLimiter<u64>,
    codes: RateLimiter<(u64, Option<IpAddr>)>,
    /// Where a login was right from.
    known: Known<(u64, IpAddr)>,
}

/// One attempt that has begun. Dropped without a word, as when nobody had time to look at the
/// password, it was none.
pub(super) struct Attempt<'a> {
    attempts: &'a Attempts,
    network: IpAddr,
    login: u64,
    is_known: bool,
    is_wrong: bool,
}

/// One code that is looked at. Dropped without a word it was none.
pub(in crate::registry) struct CodeAttempt<'a> {
    attempts: &'a Attempts,
    counted: (u64, Option<IpAddr>),
    is_wrong: bool,
}

impl Default for Attempts {
    fn default() -> Attempts {
        Attempts {
            hasher: RandomState::new(),
            counts: Mutex::new(Counts {
                networks: RateLimiter::new(OF_NETWORK, MOST),
                logins_there: RateLimiter::new(OF_LOGIN_THERE, MOST),
                logins: RateLimiter::new(OF_LOGIN, MOST),
                codes: RateLimiter::new(OF_CODES, MOST),
                known: Known::new(MOST),
            }),
        }
    }
}

impl Attempts {
    /// Counts an attempt.
    ///
    /// # Errors
    /// How long to wait, when there were too many. It is not counted then.
    pub(super) fn begin(
        &self,
        login: &str,
        from: IpAddr,
        now: Duration,
    ) -> Result<Attempt<'_>, Duration> {
        let (network, login) = (subscriber(from), self.hasher.hash_one(login));
        let mut counts = self.lock();
        let is_known = counts.known.has(&(login, network), now);
        counts.check(login, network, is_known, now)?;
        counts.networks.count(network, now);
        counts.logins_there.count((login, network), now);
        if !is_known {
            counts.logins.count(login, now);
        }
        Ok(Attempt { attempts: self, network, login, is_known, is_wrong: false })
    }

    /// Counts a code that comes with a password that was right, or from who is signed in.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub(super) fn begin_code(
        &self,
        login: &str,
        from: IpAddr,
        now: Duration,
    ) -> Result<CodeAttempt<'_>, Duration> {
        let (network, login) = (subscriber(from), self.hasher.hash_one(login));
        let mut counts = self.lock();
        let is_known = counts.known.has(&(login, network), now);
        let counted = (login, is_known.then_some(network));
        counts.codes.check(&counted, now)?;
        counts.codes.count(counted, now);
        Ok(CodeAttempt { attempts: self, counted, is_wrong: false })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn check(
        &self,
        login: u64,
        network: IpAddr,
        is_known: bool,
        now: Duration,
    ) -> Result<(), Duration> {
        let of_login = if is_known { Ok(()) } else { self.logins.check(&login, now) };
        let of_network = self.networks.check(&network, now);
        let there = self.logins_there.check(&(login, network), now);
        let wait = [of_network, there, of_login].into_iter().filter_map(Result::err).max();
        wait.map_or(Ok(()), Err)
    }
}

impl Attempt<'_> {
    /// Whether the login was right from that network before.
    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }

    /// The password was right: the network is known to the login from now on.
    pub(super) fn right(self, now: Duration) {
        self.attempts.lock().known.remember((self.login, self.network), now);
    }

    /// The password was wrong: it stays counted. Whether it was the last for a while.
    pub(super) fn wrong(mut self, now: Duration) -> bool {
        self.is_wrong = true;
        self.attempts.lock().check(self.login, self.network, self.is_known, now).is_err()
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.is_wrong {
            return;
        }
        let mut counts = self.attempts.lock();
        counts.networks.give_back(&self.network);
        counts.logins_there.give_back(&(self.login, self.network));
        if !self.is_known {
            counts.logins.give_back(&self.login);
        }
    }
}

impl CodeAttempt<'_> {
    /// The code was wrong: it stays counted.
    pub(in crate::registry) fn wrong(mut self) {
        self.is_wrong = true;
    }
}

impl Drop for CodeAttempt<'_> {
    fn drop(&mut self) {
        if !self.is_wrong {
            self.attempts.lock().codes.give_back(&self.counted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u16) -> IpAddr {
        let [high, low] = n.to_be_bytes();
        IpAddr::from([192, 0, high, low])
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A wrong password.
    fn guess(attempts: &Attempts, login: &str, from: IpAddr, now: u64) -> Result<(), Duration> {
        attempts.begin(login, from, at(now))?.wrong(at(now));
        Ok(())
    }

    #[test]
    fn a_network_runs_out_over_all_logins_and_recovers() {
        let attempts = Attempts::default();
        for n in 0..20 {
            guess(&attempts, &format!("login{n}"), address(1), 1000).unwrap();
        }
        assert_eq!(guess(&attempts, "another", address(1), 1000), Err(at(30)));
        assert_eq!(guess(&attempts, "another", address(1), 1029), Err(at(1)));
        assert_eq!(guess(&attempts, "another", address(2), 1000), Ok(()));
        assert_eq!(guess(&attempts, "another", address(1), 1030), Ok(()));
    }

    #[test]
    fn a_login_runs_out_where_it_is_guessed_and_nowhere_else() {
        let attempts = Attempts::default();
        for _ in 0..10 {
            guess(&attempts, "admin", address(1), 0).unwrap();
        }
        assert_eq!(guess(&attempts, "admin", address(1), 0), Err(at(60)));
        assert_eq!(guess(&attempts, "other", address(1), 0), Ok(()));
        for n in 2..31 {
            assert!(attempts.begin("admin", address(n), at(0)).is_ok(), "a new address");
            for _ in 0..10 {
                guess(&attempts, "admin", address(n), 0).unwrap();
            }
        }
        // Thirty networks at their own limit: now those wait that were never seen.
        assert_eq!(guess(&attempts, "admin", address(100), 0), Err(at(5)));
    }

    #[test]
    fn the_owner_gets_in_from_where_it_did_before_whatever_others_try() {
        let attempts = Attempts::default();
        attempts.begin("admin", address(900), at(0)).unwrap().right(at(0));
        for n in 0..30 {
            for _ in 0..10 {
                guess(&attempts, "admin", address(n), 1000).unwrap();
            }
        }
        assert!(guess(&attempts, "admin", address(100), 1000).is_err());
        let attempt = attempts.begin("admin", address(900), at(1000)).unwrap();
        assert!(attempt.is_known());
        drop(attempt);
    }

    #[test]
    fn codes_run_out_for_strangers_together_and_for_each_known_network() {
        let attempts = Attempts::default();
        attempts.begin("admin", address(900), at(0)).unwrap().right(at(0));
        let code = |network: u16, now: u64| {
            attempts.begin_code("admin", address(network), at(now)).map(CodeAttempt::wrong)
        };
        for network in 0..10 {
            code(network, 0).unwrap();
        }
        assert_eq!(code(100, 0), Err(at(900)), "whoever comes next with the password");
        for _ in 0..10 {
            code(900, 0).unwrap();
        }
        assert_eq!(code(900, 0), Err(at(900)));
        assert_eq!(code(101, 900), Ok(()));
        let right = || attempts.begin_code("other", address(1), at(0)).map(drop);
        assert!((0..100).all(|_| right().is_ok()), "a right one costs nothing");
    }

    #[test]
    fn what_was_right_or_never_looked_at_costs_nothing() {
        let attempts = Attempts::default();
        for n in 0..1000 {
            let attempt = attempts.begin("root", address(1), at(n / 100)).unwrap();
            if n % 2 == 0 { attempt.right(at(n / 100)) } else { drop(attempt) }
        }
    }

    #[test]
    fn attempts_count_from_their_beginning() {
        let attempts = Attempts::default();
        let all: Vec<_> =
            (0..10).map(|_| attempts.begin("root", address(1), at(0)).unwrap()).collect();
        assert!(attempts.begin("root", address(1), at(0)).is_err());
        drop(all);
        assert!(attempts.begin("root", address(1), at(0)).is_ok());
    }

    #[test]
    fn the_last_wrong_one_is_told_apart() {
        let attempts = Attempts::default();
        let wrong = || attempts.begin("root", address(1), at(0)).unwrap().wrong(at(0));
        let told: Vec<bool> = (0..10).map(|_| wrong()).collect();
        assert_eq!(told.iter().position(|last| *last), Some(9));
    }
}
