//! How much an unknown handset may cause.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use dashmap::DashMap;

use crate::domain::{Timestamp, subscriber};

/// What requests of unknown handsets may add to the registry.
#[derive(Debug, Clone)]
pub struct Quota {
    /// Inactive devices in all, each once whatever its ports. Default 100,000: a provider's whole
    /// delivery, 10 MB of memory.
    pub inactive_rows: usize,
    /// New MACs from one address (IPv6: one /64) in one hour. Default 1,000: a site behind one
    /// address boots with all its phones, and a walk through an OUI takes two years.
    pub new_macs_per_address_per_hour: u32,
    /// Seconds after which an inactive device that nobody asked for goes. Default 30 days.
    pub inactive_max_age_s: i64,
}

impl Default for Quota {
    fn default() -> Quota {
        Quota {
            inactive_rows: 100_000,
            new_macs_per_address_per_hour: 1_000,
            inactive_max_age_s: 30 * 24 * 3600,
        }
    }
}

/// Counts new MACs by address, in windows of one hour.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    hour: AtomicI64,
    counts: DashMap<IpAddr, u32>,
}

/// More addresses than this in one hour are not counted one by one; the limit on
/// rows still holds. Refusing them instead would let a botnet lock new sites out.
const MAX_ADDRESSES: usize = 65_536;

impl Arrivals {
    /// Whether one more new MAC may come from `address`; counts it if so.
    pub fn admit(&self, address: IpAddr, limit: u32, now: Timestamp) -> bool {
        let hour = now.div_euclid(3600);
        if self.hour.swap(hour, Ordering::Relaxed) != hour {
            self.counts.clear();
        }
        let network = subscriber(address);
        if self.counts.len() >= MAX_ADDRESSES && !self.counts.contains_key(&network) {
            return limit > 0;
        }
        let mut count = self.counts.entry(network).or_insert(0);
        if *count >= limit {
            return false;
        }
        *count += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_limited_by_the_hour() {
        let arrivals = Arrivals::default();
        let address = "192.0.2.1".parse().unwrap();
        assert!(arrivals.admit(address, 2, 7200));
        assert!(arrivals.admit(address, 2, 7300));
        assert!(!arrivals.admit(address, 2, 10_799));
        assert!(arrivals.admit("192.0.2.2".parse().unwrap(), 2, 10_799));
        assert!(arrivals.admit(address, 2, 10_800));
    }

    #[test]
    fn one_ipv6_network_is_one_address() {
        let arrivals = Arrivals::default();
        assert!(arrivals.admit("2001:db8::1".parse().unwrap(), 1, 0));
        assert!(!arrivals.admit("2001:db8::2".parse().unwrap(), 1, 0));
        assert!(arrivals.admit("2001:db8:0:1::1".parse().unwrap(), 1, 0));
        assert!(arrivals.admit("::ffff:192.0.2.1".parse().unwrap(), 1, 0));
        assert!(!arrivals.admit("192.0.2.1".parse().unwrap(), 1, 0));
    }
}
