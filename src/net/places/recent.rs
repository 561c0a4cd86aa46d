//! The networks that were of use lately: where phones are.

use std::fmt;
use std::net::IpAddr;

use quick_cache::unsync::Cache;

/// As many networks as a large provider has sites, in some 5 MB. When there are more, those that
/// were of use longest ago are forgotten. A restart forgets all, and the first boots tell them.
const MAX_NETWORKS: usize = 65_536;

pub(super) struct RecentlyServed(Cache<IpAddr, ()>);

impl RecentlyServed {
    pub(super) fn new() -> RecentlyServed {
        RecentlyServed(Cache::new(MAX_NETWORKS))
    }

    pub(super) fn add(&mut self, network: IpAddr) {
        // A look makes it younger.
        if self.0.get(&network).is_none() {
            self.0.insert(network, ());
        }
    }

    /// Does not make it younger: a stranger's connections must not keep a network in.
    pub(super) fn contains(&self, network: IpAddr) -> bool {
        self.0.peek(&network).is_some()
    }
}

impl fmt::Debug for RecentlyServed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecentlyServed").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn networks_are_remembered_up_to_a_bound() {
        let mut recent = RecentlyServed::new();
        let network = |number: u32| IpAddr::from(Ipv4Addr::from_bits(number));
        for number in 0..2 * MAX_NETWORKS as u32 {
            recent.add(network(number));
        }
        assert!(recent.0.len() <= MAX_NETWORKS);
        recent.add(network(7));
        assert!(recent.contains(network(7)));
        assert!(!recent.contains(network(u32::MAX)));
    }
}
