//! All bans in memory, as far as a request asks for them.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::quality::RandomState;
use ipnet::IpNet;

use crate::domain::{Ban, Revision, Timestamp};
use crate::registry::progress::Progress;
use crate::store::Object;

/// What is known of a ban without asking the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::registry) struct Held {
    pub until: Timestamp,
    pub times: u32,
    /// [`Revision::NONE`]: it is not stored yet.
    pub revision: Revision,
}

/// The bans, by network. A look-up costs one hash for each length of prefix that occurs, a handful,
/// and nothing where there is no ban.
#[derive(Debug, Default)]
pub(in crate::registry) struct BanTable {
    // A std lock: no await happens under it.
    all: RwLock<Networks>,
    is_empty: IsEmpty,
}

#[derive(Debug)]
struct IsEmpty(AtomicBool);

impl Default for IsEmpty {
    fn default() -> IsEmpty {
        IsEmpty(AtomicBool::new(true))
    }
}

#[derive(Debug, Default)]
struct Networks {
    held: HashMap<IpNet, Held, RandomState>,
    /// How many networks there are of each length of prefix that occurs.
    v4: Vec<(u8, u32)>,
    v6: Vec<(u8, u32)>,
}

impl Networks {
    fn lengths(&mut self, network: IpNet) -> &mut Vec<(u8, u32)> {
        match network {
            IpNet::V4(_) => &mut self.v4,
            IpNet::V6(_) => &mut self.v6,
        }
    }

    fn put(&mut self, network: IpNet, held: Held) {
        if self.held.insert(network, held).is_none() {
            let lengths = self.lengths(network);
            match lengths.iter_mut().find(|(length, _)| *length == network.prefix_len()) {
                Some((_, count)) => *count += 1,
                None => lengths.push((network.prefix_len(), 1)),
            }
        }
    }

    fn remove(&mut self, network: IpNet) {
        if self.held.remove(&network).is_some() {
            let lengths = self.lengths(network);
            for (length, count) in lengths.iter_mut() {
                if *length == network.prefix_len() {
                    *count -= 1;
                }
            }
            lengths.retain(|(_, count)| *count > 0);
        }
    }

    /// Those that the address is in.
    fn around(&self, address: IpAddr) -> impl Iterator<Item = (IpNet, Held)> + '_ {
        let address = address.to_canonical();
        let lengths = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        lengths.iter().filter_map(move |&(length, _)| {
            let network = IpNet::new(address, length).expect("networks have such lengths").trunc();
            Some((network, *self.held.get(&network)?))
        })
    }
}

impl BanTable {
    fn read(&self) -> RwLockReadGuard<'_, Networks> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Networks) -> T) -> T {
        let mut all: RwLockWriteGuard<'_, Networks> =
            self.all.write().unwrap_or_else(PoisonError::into_inner);
        let done = change(&mut all);
        self.is_empty.0.store(all.held.is_empty(), Ordering::Release);
        done
    }

    /// Whether there is any. Costs nothing.
    pub(in crate::registry) fn is_empty(&self) -> bool {
        self.is_empty.0.load(Ordering::Acquire)
    }

    pub(in crate::registry) fn len(&self) -> usize {
        self.read().held.len()
    }

    /// The ban that keeps an address out, the one that lasts longest.
    pub(in crate::registry) fn around(
        &self,
        address: IpAddr,
        now: Timestamp,
    ) -> Option<(IpNet, Held)> {
        if self.is_empty() {
            return None;
        }
        let all = self.read();
        let in_force = all.around(address).filter(|(_, held)| now < held.until);
        in_force.max_by_key(|(_, held)| held.until)
    }

    /// What is known of the ban of this very network, in force or not.
    pub(in crate::registry) fn of(&self, network: IpNet) -> Option<Held> {
        self.read().held.get(&network).copied()
    }

    /// Makes a ban that is not stored yet. Those that had to go for it are to be removed from the
    /// store as well: the ones that end first.
    pub(in crate::registry) fn make(
        &self,
        network: IpNet,
        until: Timestamp,
        times: u32,
    ) -> Vec<IpNet> {
        self.change(|all| {
            let mut gone = Vec::new();
            if all.held.len() >= Ban::MAX && !all.held.contains_key(&network) {
                let mut ends: Vec<(Timestamp, IpNet)> =
                    all.held.iter().map(|(network, held)| (held.until, *network)).collect();
                ends.select_nth_unstable(GOING);
                ends.truncate(GOING);
                gone = ends.into_iter().map(|(_, network)| network).collect();
                gone.iter().for_each(|network| all.remove(*network));
            }
            all.put(network, Held { until, times, revision: Revision::NONE });
            gone
        })
    }

    /// Takes over a ban as the store has it, if it is newer than what is here.
    pub(in crate::registry) fn put(&self, ban: &Ban, progress: &Progress) {
        self.change(|all| {
            let is_news = match all.held.get(&ban.network) {
                Some(there) => there.revision < ban.revision,
                None => !progress.is_stale(&Object::Ban(ban.network), ban.revision),
            };
            if is_news {
                let Ban { until, times, revision, .. } = *ban;
                all.put(ban.network, Held { until, times, revision });
            }
        });
    }

    /// Takes over that a ban was removed, unless it was made anew since.
    pub(in crate::registry) fn remove(
        &self,
        network: IpNet,
        revision: Revision,
        progress: &Progress,
    ) {
        self.change(|all| {
            progress.removed(Object::Ban(network), revision);
            let there = all.held.get(&network);
            if there
                .is_some_and(|there| there.revision <= revision && there.revision != Revision::NONE)
            {
                all.remove(network);
            }
        });
    }

    /// Takes over all that the store has, as it was at `head` or later; what it has not is gone, but
    /// for what is not stored yet.
    pub(in crate::registry) fn take_over(&self, bans: &[Ban], head: Revision) {
        let there: HashSet<IpNet> = bans.iter().map(|ban| ban.network).collect();
        self.change(|all| {
            let is_gone = |(network, held): &(&IpNet, &Held)| {
                held.revision != Revision::NONE && held.revision <= head && !there.contains(network)
            };
            let gone: Vec<IpNet> =
                all.held.iter().filter(is_gone).map(|(network, _)| *network).collect();
            gone.into_iter().for_each(|network| all.remove(network));
            for ban in bans {
                let Ban { network, until, times, revision, .. } = *ban;
                all.put(network, Held { until, times, revision });
            }
        });
    }

    /// Up to `limit` that ended before a time.
    pub(in crate::registry) fn ended_before(&self, before: Timestamp, limit: usize) -> Vec<IpNet> {
        let all = self.read();
        let ended = all.held.iter().filter(|(_, held)| held.until < before);
        ended.map(|(network, _)| *network).take(limit).collect()
    }
}

/// So many go at once when there is no room, so that those that end first are looked for once.
const GOING: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn ban(network: &str, until: i64, revision: u64) -> Ban {
        Ban {
            network: network.parse().unwrap(),
            since: at(0),
            until: at(until),
            times: 1,
            reason: String::new(),
            made_by: String::new(),
            evidence: Vec::new(),
            revision: Revision(revision),
        }
    }

    fn around(table: &BanTable, address: &str, now: i64) -> Option<String> {
        let found = table.around(address.parse().unwrap(), at(now));
        found.map(|(network, _)| network.to_string())
    }

    #[test]
    fn an_address_is_found_in_all_networks_until_they_end() {
        let (table, progress) = (BanTable::default(), Progress::default());
        assert!(table.is_empty());
        for (network, until) in [("192.0.2.0/24", 50), ("192.0.2.7/32", 90), ("2001:db8::/64", 50)]
        {
            table.put(&ban(network, until, 1), &progress);
        }
        for (address, now, expected) in [
            ("192.0.2.7", 10, Some("192.0.2.7/32")),
            ("::ffff:192.0.2.7", 10, Some("192.0.2.7/32")),
            ("192.0.2.8", 49, Some("192.0.2.0/24")),
            ("192.0.2.8", 50, None),
            ("192.0.2.7", 90, None),
            ("192.0.3.7", 10, None),
            ("2001:db8::7:1", 10, Some("2001:db8::/64")),
            ("2001:db8:0:1::1", 10, None),
        ] {
            assert_eq!(around(&table, address, now).as_deref(), expected, "{address} at {now}");
        }
        table.remove("192.0.2.7/32".parse().unwrap(), Revision(2), &progress);
        assert_eq!(around(&table, "192.0.2.7", 10).as_deref(), Some("192.0.2.0/24"));
    }

    #[test]
    fn what_is_newer_stays_and_what_is_not_stored_yet() {
        let (table, progress) = (BanTable::default(), Progress::default());
        let network = "192.0.2.7/32".parse().unwrap();
        table.put(&ban("192.0.2.7/32", 90, 5), &progress);
        table.put(&ban("192.0.2.7/32", 10, 4), &progress);
        table.remove(network, Revision(4), &progress);
        assert_eq!(table.of(network).map(|held| held.until), Some(at(90)));
        table.make("192.0.2.8/32".parse().unwrap(), at(50), 1);
        table.take_over(&[ban("192.0.2.9/32", 90, 3)], Revision(6));
        assert_eq!(around(&table, "192.0.2.7", 10), None, "the store has it no more");
        assert!(around(&table, "192.0.2.8", 10).is_some());
        assert!(around(&table, "192.0.2.9", 10).is_some());
        table.put(&ban("192.0.2.8/32", 50, 7), &progress);
        table.remove("192.0.2.8/32".parse().unwrap(), Revision(8), &progress);
        table.remove("192.0.2.9/32".parse().unwrap(), Revision(9), &progress);
        assert!(table.is_empty());
    }

    #[test]
    fn a_full_table_drops_those_that_end_first() {
        let table = BanTable::default();
        let network =
            |number: usize| -> IpNet { IpAddr::V4(u32::try_from(number).unwrap().into()).into() };
        for number in 0..Ban::MAX {
            let until = at(1_000 + i64::try_from(number).unwrap());
            assert!(table.make(network(number), until, 1).is_empty());
        }
        let gone = table.make(network(Ban::MAX), at(1), 1);
        assert_eq!((gone.len(), table.len()), (GOING, Ban::MAX - GOING + 1));
        assert!(gone.contains(&network(0)) && !gone.contains(&network(GOING)));
        let began = std::time::Instant::now();
        for number in 0..100_000 {
            std::hint::black_box(table.around(network(number * 7).addr(), at(0)));
        }
        println!("100,000 look-ups in {:?}", began.elapsed());
    }
}
