//! The connections there are, and which of them is closed before the others.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use quick_cache::unsync::Cache;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::super::watch::Watch;

#[derive(Debug)]
pub(super) struct Rules {
    pub per_address: usize,
    pub grace: Duration,
}

impl Rules {
    /// A network that was served lately keeps so many connections that were of no use yet before
    /// those of others: phones that boot, and not all that an address may have.
    fn share_of_recent(&self) -> usize {
        (self.per_address / 8).max(1)
    }
}

/// No more than this are looked at for one that is closed.
const PROBES: usize = 32;

#[derive(Debug)]
pub(super) struct Table {
    connections: IndexMap<u64, Connection, RandomState>,
    /// The networks that have connections.
    networks: HashMap<IpAddr, Network, RandomState>,
    recent: RecentlyServed,
    next_id: u64,
    /// Where the next look for one to close begins, so that all are looked at in turn.
    hand: usize,
    closing: usize,
}

#[derive(Debug)]
struct Connection {
    /// `None`: a proxy's.
    network: Option<IpAddr>,
    /// Its place in [`Network::connections`].
    position: usize,
    watch: Arc<Watch>,
    is_closing: bool,
}

#[derive(Debug, Default)]
struct Network {
    connections: Vec<u64>,
    closing: usize,
}

/// The larger, the sooner it is closed: what the connection was good for, how many its network has,
/// how long its peer has been waited for.
type Rank = (u8, u32, Duration);

const OF_USE: u8 = 0;
const RECENT: u8 = 1;
const USELESS: u8 = 2;

impl Table {
    pub(super) fn new() -> Table {
        Table {
            connections: IndexMap::default(),
            networks: HashMap::default(),
            recent: RecentlyServed::new(),
            next_id: 0,
            hand: 0,
            closing: 0,
        }
    }

    /// Connections that are to stay.
    pub(super) fn open(&self) -> usize {
        self.connections.len() - self.closing
    }

    pub(super) fn closing(&self) -> usize {
        self.closing
    }

    /// Those of one network that are to stay.
    pub(super) fn count(&self, network: IpAddr) -> usize {
        let network = self.networks.get(&network);
        network.map_or(0, |network| network.connections.len() - network.closing)
    }

    pub(super) fn insert(&mut self, network: Option<IpAddr>, watch: Arc<Watch>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let connection = Connection { network: None, position: 0, watch, is_closing: false };
        self.connections.insert(id, connection);
        if let Some(network) = network {
            self.count_for(id, network);
        }
        id
    }

    /// Counts a connection, which no network has yet, as one of `network`.
    pub(super) fn count_for(&mut self, id: u64, network: IpAddr) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        debug_assert!(connection.network.is_none(), "a connection changes its network once");
        let of_network = self.networks.entry(network).or_default();
        connection.network = Some(network);
        connection.position = of_network.connections.len();
        of_network.connections.push(id);
        of_network.closing += usize::from(connection.is_closing);
    }

    pub(super) fn remove(&mut self, id: u64) {
        let Some(connection) = self.connections.swap_remove(&id) else { return };
        self.closing -= usize::from(connection.is_closing);
        let Some(address) = connection.network else { return };
        if connection.watch.was_of_use() {
            self.recent.add(address);
        }
        let Some(network) = self.networks.get_mut(&address) else { return };
        network.closing -= usize::from(connection.is_closing);
        network.connections.swap_remove(connection.position);
        if let Some(moved) = network.connections.get(connection.position) {
            self.connections[moved].position = connection.position;
        } else if network.connections.is_empty() {
            self.networks.remove(&address);
        }
    }

    /// Marks the connection to close among those of `network`; `None` if we owe all an answer.
    pub(super) fn close_one_of(&mut self, network: IpAddr, rules: &Rules) -> Option<AbortHandle> {
        let hand = self.next_hand();
        let connections = &self.networks.get(&network)?.connections;
        let now = Instant::now();
        let rank = |&id: &u64| {
            let (rank, _, waited) = self.rank(&self.connections[&id], now, rules)?;
            // One that is of use has its grace, as everywhere: it may be between two requests.
            (rank != OF_USE || waited >= rules.grace).then_some(((rank, waited), id))
        };
        let looked_at = probes(hand, connections.len());
        let (_, id) = looked_at.filter_map(|at| rank(&connections[at])).max()?;
        self.close(id)
    }

    /// Marks the connection to close among all; `None` if there is none that may be.
    pub(super) fn close_one(&mut self, rules: &Rules) -> Option<AbortHandle> {
        let hand = self.next_hand();
        let now = Instant::now();
        let length = self.connections.len();
        let rank = |at: usize| {
            let (&id, connection) = self.connections.get_index(at)?;
            Some((self.rank(connection, now, rules)?, id))
        };
        let looked_at = probes(hand, length).count();
        let ranked = probes(hand, length).filter_map(rank);
        let (newcomers, others): (Vec<_>, Vec<_>) =
            ranked.partition(|((_, _, waited), _)| *waited < rules.grace);
        let newcomers: Vec<_> =
            newcomers.into_iter().filter(|(rank, _)| rank.0 == USELESS).collect();
        let mut found = others.into_iter().max()?;
        // Their grace is for half of the places, or a flood of them would close all the others.
        if found.0.0 < USELESS && newcomers.len() * 2 > looked_at {
            found = newcomers.into_iter().max()?;
        }
        self.close(found.1)
    }

    fn rank(&self, connection: &Connection, now: Instant, rules: &Rules) -> Option<Rank> {
        if connection.is_closing {
            return None;
        }
        let waited = connection.watch.waited_for_peer(now)?;
        let crowd = connection.network.map_or(0, |network| self.count(network));
        let is_recent = match connection.network {
            Some(network) => crowd <= rules.share_of_recent() && self.recent.contains(network),
            None => true,
        };
        let rank = match connection.watch.was_of_use() {
            true => OF_USE,
            false if is_recent => RECENT,
            false => USELESS,
        };
        // By powers of two: among alike crowds it is the time that counts.
        Some((rank, crowd.checked_ilog2().unwrap_or(0), waited))
    }

    fn next_hand(&mut self) -> usize {
        let hand = self.hand;
        self.hand = hand.wrapping_add(1);
        hand
    }

    fn close(&mut self, id: u64) -> Option<AbortHandle> {
        let connection = self.connections.get_mut(&id)?;
        let task = connection.watch.task()?;
        connection.is_closing = true;
        self.closing += 1;
        if let Some(network) =
            connection.network.and_then(|address| self.networks.get_mut(&address))
        {
            network.closing += 1;
        }
        Some(task)
    }
}

/// Gives up to [`PROBES`] indices below `length`, spread over all, others with another `hand`.
fn probes(hand: usize, length: usize) -> impl Iterator<Item = usize> {
    let stride = length.div_ceil(PROBES).max(1);
    (0..length).step_by(stride).map(move |step| hand.wrapping_add(step) % length)
}

/// A large provider has so many sites, which take some 5 MB. When there are more, those that
/// were of use longest ago are forgotten. A restart forgets all, and the first boots tell them.
const MAX_NETWORKS: usize = 65_536;

/// The networks that were of use lately: where phones are.
struct RecentlyServed(Cache<IpAddr, ()>);

impl RecentlyServed {
    fn new() -> RecentlyServed {
        RecentlyServed(Cache::new(MAX_NETWORKS))
    }

    fn add(&mut self, network: IpAddr) {
        // A look makes it younger.
        if self.0.get(&network).is_none() {
            self.0.insert(network, ());
        }
    }

    /// Does not make it younger: a stranger's connections must not keep a network in.
    fn contains(&self, network: IpAddr) -> bool {
        self.0.peek(&network).is_some()
    }
}

impl fmt::Debug for RecentlyServed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecentlyServed").field(&self.0.len()).finish()
    }
}
