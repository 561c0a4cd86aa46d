//! How many connections each address has now. As large as the number of connections, never larger:
//! an address leaves the table with its last one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::Networks;

#[derive(Debug)]
pub(super) struct PerAddress {
    limit: u32,
    uncounted: Networks,
    /// A std mutex: no await happens under it, and what happens is one look-up.
    counts: Mutex<HashMap<IpAddr, u32>>,
}

/// A connection's permit, one of those of its address; leaves when dropped.
#[derive(Debug)]
pub(super) struct AddressPermit(Option<(Arc<PerAddress>, IpAddr)>);

impl PerAddress {
    pub fn new(limit: u32, uncounted: Networks) -> Arc<PerAddress> {
        Arc::new(PerAddress { limit, uncounted, counts: Mutex::default() })
    }

    /// `None` when the address has as many as the limit allows.
    pub fn enter(self: &Arc<PerAddress>, address: IpAddr) -> Option<AddressPermit> {
        if self.uncounted.contains(address) {
            return Some(AddressPermit(None));
        }
        let subscriber = subscriber(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(subscriber).or_insert(0);
        if *count >= self.limit {
            if *count == 0 {
                counts.remove(&subscriber);
            }
            return None;
        }
        *count += 1;
        Some(AddressPermit(Some((Arc::clone(self), subscriber))))
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let Some((table, subscriber)) = &self.0 else { return };
        let mut counts = table.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(*subscriber) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// An IPv6 subscriber can pick any address of a /64 (RFC 6177), so that is what is counted.
fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(limit: u32) -> Arc<PerAddress> {
        PerAddress::new(limit, ["10.0.0.0/8".parse().unwrap()].into_iter().collect())
    }

    fn size(table: &PerAddress) -> usize {
        table.counts.lock().unwrap().len()
    }

    #[test]
    fn a_permit_is_free_again_when_its_connection_ends() {
        let table = table(2);
        let address = "192.0.2.1".parse().unwrap();
        let first = table.enter(address);
        let second = table.enter(address);
        assert!(first.is_some() && second.is_some());
        assert!(table.enter(address).is_none());
        drop(first);
        assert!(table.enter(address).is_some());
        drop(second);
        assert_eq!(size(&table), 0, "an address without connections is forgotten");
    }

    #[test]
    fn ipv6_is_counted_by_64() {
        let table = table(1);
        let _held = table.enter("2001:db8:0:1::1".parse().unwrap()).unwrap();
        assert!(table.enter("2001:db8:0:1:ffff::2".parse().unwrap()).is_none());
        assert!(table.enter("2001:db8:0:2::1".parse().unwrap()).is_some());
    }

    #[test]
    fn a_proxy_is_not_counted() {
        let table = table(0);
        assert!(table.enter("10.1.2.3".parse().unwrap()).is_some());
        assert!(table.enter("192.0.2.1".parse().unwrap()).is_none());
        assert_eq!(size(&table), 0);
    }
}
