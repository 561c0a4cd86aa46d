//! How often API keys may be tried. Those the gateway makes have 256 random bits, which nobody
//! guesses; an imported one may be short.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::known::Known;
use crate::domain::{ApiKeyHash, subscriber};
use crate::registry::rate::{Rate, RateLimiter};

/// Sixty wrong ones of a network (IPv6: a /64), then six a minute.
const OF_NETWORK: Rate = Rate { burst: 60, interval: Duration::from_secs(10) };
/// Keys of each count, some 500 kB.
const MOST: usize = 10_000;

/// The counts.
pub(super) struct KeyAttempts {
    // A std lock: held for look-ups, never across an await.
    counts: Mutex<Counts>,
}

struct Counts {
    networks: RateLimiter<IpAddr>,
    known: Known<(ApiKeyHash, IpAddr)>,
}

impl Default for KeyAttempts {
    fn default() -> KeyAttempts {
        let networks = RateLimiter::new(OF_NETWORK, MOST);
        KeyAttempts { counts: Mutex::new(Counts { networks, known: Known::new(MOST) }) }
    }
}

impl KeyAttempts {
    /// What `look_up` finds of a key. One that was right from its network before is always looked
    /// up: programs go on, whatever a neighbour tries.
    ///
    /// # Errors
    /// How long to wait, when too many of the network were wrong.
    pub(super) fn find<T>(
        &self,
        key: ApiKeyHash,
        from: IpAddr,
        now: Duration,
        look_up: impl FnOnce() -> Option<T>,
    ) -> Result<Option<T>, Duration> {
        let network = subscriber(from);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if !counts.known.has(&(key, network), now) {
            counts.networks.check(&network, now)?;
        }
        let found = look_up();
        match &found {
            Some(_) => counts.known.remember((key, network), now),
            None => {
                counts.known.forget(&(key, network));
                counts.networks.count(network, now);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_guesser_waits_and_who_was_right_there_does_not() {
        let attempts = KeyAttempts::default();
        let (here, elsewhere) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let find = |key: &str, from, now, is_right: bool| {
            attempts.find(ApiKeyHash::of(key), from, at(now), || is_right.then_some(()))
        };
        assert_eq!(find("own", here, 0, true), Ok(Some(())));
        for n in 0..60 {
            assert_eq!(find(&format!("guess{n}"), here, 0, false), Ok(None));
        }
        assert_eq!(find("right at last", here, 0, true), Err(at(10)), "it is not looked up");
        assert_eq!(find("own", here, 0, true), Ok(Some(())));
        assert_eq!(find("right at last", elsewhere, 0, true), Ok(Some(())));
        assert_eq!(find("own", here, 0, false), Ok(None), "revoked");
        assert_eq!(find("own", here, 0, false), Err(at(20)));
        assert_eq!(find("guess", here, 20, false), Ok(None));
    }
}
