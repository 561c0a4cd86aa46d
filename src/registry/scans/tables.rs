//! All addresses, and what they come to together.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;

use foldhash::quality::RandomState;
use ipnet::IpNet;

use super::options::{MAC, ScanOptions};
use super::source::{Entry, SECOND_NAME_S, Source, State, WINDOW_S};
use super::tally::Tally;
use super::{Alarm, Asked, Bearing, Seen, Standing, Sweep};
use crate::domain::subscriber;

/// Addresses that are remembered; of more the quietest eighth goes. At 200 bytes 7 MB.
pub(super) const MOST_SOURCES: usize = 32_768;
/// What all of them asked for; of more goes what the quietest eighth of the addresses did. With what
/// waits for its minute 70 bytes each, 9 MB.
pub(super) const MOST_ENTRIES: usize = 131_072;
/// Networks that are summed up; of more those that come last are not, as long as the hour of the
/// others lasts. At 50 bytes 2 MB.
const MOST_NETWORKS: usize = 32_768;
/// Blocks that are summed up: all makers' together have a tenth of it.
const MOST_OUIS: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Tables {
    sources: HashMap<IpAddr, Source, RandomState>,
    /// Entries of all of them.
    entries: usize,
    /// What waits for its second name, the oldest first.
    due: VecDeque<Due>,
    networks: Sums<IpNet, Tally>,
    ouis: Sums<u32, Watched>,
    all: Watched,
}

/// As many sums as there is room for.
#[derive(Debug)]
struct Sums<K, V> {
    of: HashMap<K, V, RandomState>,
    cleared: u32,
}

impl<K, V> Default for Sums<K, V> {
    fn default() -> Sums<K, V> {
        Sums { of: HashMap::default(), cleared: 0 }
    }
}

impl<K: Eq + Hash, V: Default> Sums<K, V> {
    /// The one of a key; `None` when there is none, and no room. Room is looked for once a minute:
    /// a flood would have all of them walked through at every request.
    fn make(
        &mut self,
        key: K,
        most: usize,
        now: u32,
        counts: fn(&V, u32) -> bool,
    ) -> Option<&mut V> {
        if self.of.len() >= most && !self.of.contains_key(&key) {
            if now.saturating_sub(self.cleared) >= 60 {
                self.of.retain(|_, value| counts(value, now));
                self.cleared = now;
            }
            if self.of.len() >= most {
                return None;
            }
        }
        Some(self.of.entry(key).or_default())
    }
}

#[derive(Debug)]
struct Due {
    at: u32,
    source: IpAddr,
    mac: u64,
}

/// What is told of when it is too much.
#[derive(Debug, Default)]
struct Watched {
    macs: Tally,
    told: Option<u32>,
}

impl Watched {
    /// The sum, when it is too much and was not told within the hour.
    fn is_due(&mut self, limit: u32, now: u32) -> Option<u64> {
        let is_told = self.told.is_some_and(|told| told.saturating_add(WINDOW_S) > now);
        let macs = self.macs.sum(now);
        if is_told || macs < u64::from(limit) {
            return None;
        }
        self.told = Some(now);
        Some(macs)
    }
}

impl Tables {
    pub(super) fn see(&mut self, options: &ScanOptions, asked: Asked, now: u32) -> Seen {
        self.settle(options, now);
        let key = subscriber(asked.address);
        let mac = asked.mac.bits();
        let mut standing = Standing::Free;
        if asked.is_foreign && !self.sources.contains_key(&key) {
            self.make_room();
            self.sources.insert(key, Source::default());
        }
        if let Some(source) = self.sources.get_mut(&key) {
            self.entries -= source.forget(now);
            source.last = now;
            let (mut changed, mut is_whole) = (None, false);
            match source.find(mac) {
                Some(entry) => {
                    let before = entry.state;
                    let is_again =
                        entry.name != asked.name || entry.at.saturating_add(SECOND_NAME_S) <= now;
                    let is_phone = matches!(asked.bearing, Bearing::Phone { .. });
                    let waits = matches!(before, State::Waiting { .. } | State::Alone { .. });
                    if waits && is_again && is_phone {
                        entry.state = State::Whole;
                        changed = Some((Some(before), State::Whole));
                        source.shows_phone();
                    }
                    is_whole = changed.is_some() || before == State::Whole;
                }
                None if asked.is_foreign => {
                    let state = match asked.bearing {
                        Bearing::Phone { is_followed } => State::Waiting { is_followed },
                        unlike => State::Unlike(unlike),
                    };
                    source.push(Entry { mac, at: now, name: asked.name, state });
                    self.entries += 1;
                    changed = Some((None, state));
                    if let State::Waiting { .. } = state {
                        let at = now.saturating_add(SECOND_NAME_S);
                        self.due.push_back(Due { at, source: key, mac });
                    }
                }
                None => {}
            }
            let is_listed = is_whole || source.find(mac).is_some();
            if let Some(sweep) = source.sweep(options, network_of(key)) {
                standing = Standing::Sweeping(sweep);
            } else if is_listed && !is_whole && source.is_suspected(options, now) {
                standing = Standing::Suspected;
            }
            if let Some((before, after)) = changed {
                self.count(options, key, mac, before, after, now);
            }
        }
        if standing == Standing::Free || standing == Standing::Suspected {
            let wider = wider_of(key);
            let weight = self.networks.of.get_mut(&wider).map_or(0, |tally| tally.sum(now));
            if weight >= options.network_limit() {
                let macs = weight / MAC;
                let reason =
                    format!("unknown MACs of its addresses that come to {macs} in an hour");
                standing = Standing::Sweeping(Sweep { network: wider, reason });
            }
        }
        if let Standing::Sweeping(sweep) = &standing {
            self.forget(sweep.network);
        }
        if self.entries > MOST_ENTRIES {
            self.make_room();
        }
        Seen { standing, alarms: self.alarms(options, asked.mac.oui(), now) }
    }

    pub(super) fn forget(&mut self, network: IpNet) {
        let entries = &mut self.entries;
        let mut drop_one = |source: &Source| *entries -= source.entries.len();
        if network == network_of(network.addr()) {
            self.sources.remove(&network.addr()).iter().for_each(&mut drop_one);
        } else {
            self.sources.retain(|address, source| {
                let is_of_it = network.contains(address);
                if is_of_it {
                    drop_one(source);
                }
                !is_of_it
            });
        }
        self.networks.of.remove(&network);
    }

    /// Those whose minute is over asked for one name only.
    fn settle(&mut self, options: &ScanOptions, now: u32) {
        while let Some(due) = self.due.pop_front_if(|due| due.at < now) {
            let entry = self.sources.get_mut(&due.source).and_then(|own| own.find(due.mac));
            let Some(entry) = entry else { continue };
            if let State::Waiting { is_followed } = entry.state {
                let (before, after) = (entry.state, State::Alone { is_followed });
                entry.state = after;
                self.count(options, due.source, due.mac, Some(before), after, now);
            }
        }
    }

    /// A MAC is in another state than before.
    fn count(
        &mut self,
        options: &ScanOptions,
        source: IpAddr,
        mac: u64,
        before: Option<State>,
        after: State,
        now: u32,
    ) {
        let (took, adds) = (before.map_or(0, |state| state.weight(options)), after.weight(options));
        let wider = wider_of(source);
        if let Some(tally) = self.networks.make(wider, MOST_NETWORKS, now, Tally::counts) {
            tally.take(took, now);
            tally.add(adds, now);
        }
        let was = before.is_some_and(State::is_unproven);
        if was == after.is_unproven() {
            return;
        }
        let oui = u32::try_from(mac >> 24).unwrap_or(u32::MAX);
        let of_oui = self.ouis.make(oui, MOST_OUIS, now, |own, now| own.macs.counts(now));
        for watched in of_oui.into_iter().chain([&mut self.all]) {
            match was {
                true => watched.macs.take(1, now),
                false => watched.macs.add(1, now),
            }
        }
    }

    fn alarms(&mut self, options: &ScanOptions, oui: u32, now: u32) -> Vec<Alarm> {
        let of_oui =
            self.ouis.of.get_mut(&oui).and_then(|own| own.is_due(options.macs_per_oui, now));
        let of_all = self.all.is_due(options.macs_in_all, now);
        let due = [(Some(oui), of_oui), (None, of_all)];
        let told = due.into_iter().filter_map(|(oui, macs)| Some((oui, macs?)));
        told.map(|(oui, macs)| Alarm { oui, macs, addresses: self.askers(oui) }).collect()
    }

    /// The addresses that asked for such MACs; some milliseconds, once in an hour.
    fn askers(&self, oui: Option<u32>) -> usize {
        let is_of = |entry: &Entry| {
            entry.state.is_unproven() && oui.is_none_or(|oui| entry.mac >> 24 == u64::from(oui))
        };
        self.sources.values().filter(|source| source.entries.iter().any(is_of)).count()
    }

    /// The quietest eighth goes when there is no room, so that it is walked through once for many.
    fn make_room(&mut self) {
        while self.sources.len() >= MOST_SOURCES || self.entries > MOST_ENTRIES {
            let mut last: Vec<u32> = self.sources.values().map(|source| source.last).collect();
            let place = last.len() / 8;
            let (_, &mut quiet, _) = last.select_nth_unstable(place);
            let mut going = place + 1;
            let entries = &mut self.entries;
            self.sources.retain(|_, source| {
                let stays = source.last > quiet || going == 0;
                if !stays {
                    going -= 1;
                    *entries -= source.entries.len();
                }
                stays
            });
        }
        // What waits of those that went is found gone when its minute is over.
        if self.due.len() > 2 * MOST_ENTRIES {
            self.due.drain(..MOST_ENTRIES);
        }
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 5] {
        let Tables { sources, entries, due, networks, ouis, .. } = self;
        [sources.len(), *entries, due.len(), networks.of.len(), ouis.of.len()]
    }
}

/// The network that an address stands for: itself, or its /64.
pub(super) fn network_of(source: IpAddr) -> IpNet {
    narrowed(source, 32, 64)
}

/// The network whose addresses are summed up.
pub(super) fn wider_of(source: IpAddr) -> IpNet {
    narrowed(source, 24, 48)
}

fn narrowed(address: IpAddr, v4: u8, v6: u8) -> IpNet {
    let address = address.to_canonical();
    let length = if address.is_ipv4() { v4 } else { v6 };
    IpNet::new(address, length).expect("the length is one of its kind").trunc()
}
