//! How much unknown handsets may cause, and what came of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use dashmap::DashMap;

use crate::domain::{Site, Timestamp};
use crate::throttle::LogRate;

/// What requests of unknown handsets may add to the registry.
#[derive(Debug, Clone)]
pub struct Quota {
    /// Devices that wait for an operator, in all. Default 100,000: a provider's whole delivery,
    /// 20 MB of memory.
    pub inactive_devices: usize,
    /// New MACs from one network (an IPv4 address, an IPv6 /48) in one hour. Default 1,000: a
    /// site behind one address boots with all its phones, and a walk through an OUI takes two
    /// years.
    pub new_macs_per_address_per_hour: u32,
    /// Seconds after which an inactive device that nobody asked for goes. Default 30 days.
    pub inactive_max_age_s: i64,
}

impl Default for Quota {
    fn default() -> Quota {
        Quota {
            inactive_devices: 100_000,
            new_macs_per_address_per_hour: 1_000,
            inactive_max_age_s: 30 * 24 * 3600,
        }
    }
}

/// How the room for unknown devices is used, and what was done to keep the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingStatus {
    /// Devices that wait for an operator.
    pub devices: usize,
    /// How many there may be.
    pub limit: usize,
    /// Devices that had to go for newer ones, since the start.
    pub evicted: u64,
    /// First contacts that were over a limit, since the start.
    pub over_quota: u64,
    /// What else could not be recorded, since the start.
    pub dropped: u64,
}

/// Counts new MACs by network, in windows of one hour, and what came of them.
#[derive(Debug, Default)]
pub(super) struct NewMacRate {
    hour: AtomicI64,
    counts: DashMap<Site, u32>,
    over_quota: AtomicU64,
    evicted: AtomicU64,
    // Each of its own, so that one flood does not hide another.
    over_address_limit: LogRate,
    full: LogRate,
    evictions: LogRate,
}

/// More networks than this in one hour are not counted one by one; the limit on
/// devices still holds. Refusing them instead would let a botnet lock new sites out.
const MAX_NETWORKS: usize = 65_536;

/// A new MAC that counts for its network. Dropped without [`Counted::keep`] it is given back, or
/// what was never recorded would use up the hour of a site.
#[derive(Debug)]
#[must_use]
pub(super) struct Counted {
    rate: Arc<NewMacRate>,
    hour: i64,
    /// `None`: there were too many networks to count one by one, or it is kept.
    site: Option<Site>,
}

impl Counted {
    /// The new MAC was recorded.
    pub(super) fn keep(mut self) {
        self.site = None;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(site) = self.site {
            self.rate.give_back(self.hour, site);
        }
    }
}

impl NewMacRate {
    /// Counts one more new MAC from `address`; `None` when none may come any more. Never asked
    /// for a device that is known.
    pub(super) fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        limit: u32,
        now: Timestamp,
    ) -> Option<Counted> {
        let counted = |hour, site| Some(Counted { rate: Arc::clone(self), hour, site });
        let hour = now.seconds().div_euclid(3600);
        if self.hour.swap(hour, Ordering::Relaxed) != hour {
            self.counts.clear();
        }
        let site = Site::of(address);
        if self.counts.len() >= MAX_NETWORKS && !self.counts.contains_key(&site) {
            return if limit > 0 { counted(hour, None) } else { None };
        }
        let mut count = self.counts.entry(site).or_insert(0);
        if *count >= limit {
            return None;
        }
        *count += 1;
        drop(count);
        counted(hour, Some(site))
    }

    /// The new MAC was not recorded: as if it had not come, while its hour lasts.
    fn give_back(&self, hour: i64, site: Site) {
        if self.hour.load(Ordering::Relaxed) == hour
            && let Some(mut count) = self.counts.get_mut(&site)
        {
            *count = count.saturating_sub(1);
        }
    }

    /// One address brought more new MACs than an hour has room for.
    pub(super) fn note_over_address_limit(&self, address: IpAddr) {
        self.over_quota.fetch_add(1, Ordering::Relaxed);
        if let Some(more) = self.over_address_limit.due_at(Instant::now()) {
            tracing::warn!(%address, more, "too many new MACs from one address; unknown phones there are not recorded");
        }
    }

    /// There was no room for a new device, and none of those that wait may go.
    pub(super) fn note_full(&self, limit: usize) {
        self.over_quota.fetch_add(1, Ordering::Relaxed);
        if let Some(more) = self.full.due_at(Instant::now()) {
            tracing::warn!(
                limit,
                more,
                "quota.inactive_devices is used up; unknown phones are not recorded"
            );
        }
    }

    /// A device had to go for a newer one.
    pub(super) fn note_evicted(&self, limit: usize) {
        self.evicted.fetch_add(1, Ordering::Relaxed);
        if let Some(more) = self.evictions.due_at(Instant::now()) {
            tracing::warn!(
                limit,
                more,
                "quota.inactive_devices is used up; the oldest inactive phones go for newer ones"
            );
        }
    }

    pub(super) fn over_quota(&self) -> u64 {
        self.over_quota.load(Ordering::Relaxed)
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_limited_by_the_hour() {
        let new_macs = Arc::new(NewMacRate::default());
        let address = "192.0.2.1".parse().unwrap();
        let comes = |address, at| {
            let counted = new_macs.admit(address, 2, Timestamp::from_seconds(at));
            counted.map(Counted::keep).is_some()
        };
        assert!(comes(address, 7200));
        assert!(comes(address, 7300));
        assert!(!comes(address, 10_799));
        assert!(comes("192.0.2.2".parse().unwrap(), 10_799));
        assert!(comes(address, 10_800));
    }

    #[test]
    fn what_was_not_recorded_is_given_back_in_its_hour() {
        let new_macs = Arc::new(NewMacRate::default());
        let address = "192.0.2.1".parse().unwrap();
        let comes = |at| new_macs.admit(address, 1, Timestamp::from_seconds(at));
        let first = comes(7200).unwrap();
        assert!(comes(7201).is_none());
        drop(first);
        let late = comes(7202).unwrap();
        comes(10_800).unwrap().keep();
        drop(late);
        assert!(comes(10_801).is_none(), "another hour counts anew");
    }

    #[test]
    fn one_ipv6_network_is_one_address() {
        let new_macs = Arc::new(NewMacRate::default());
        let start = Timestamp::from_seconds(0);
        let comes = |address: &str| {
            let counted = new_macs.admit(address.parse().unwrap(), 1, start);
            counted.map(Counted::keep).is_some()
        };
        assert!(comes("2001:db8::1"));
        assert!(!comes("2001:db8:0:1::1"));
        assert!(comes("2001:db8:1::1"));
        assert!(comes("::ffff:192.0.2.1"));
        assert!(!comes("192.0.2.1"));
    }
}
