//! The connections there are, and which of them is closed before the others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::recent::RecentlyServed;
use crate::net::watch::Watch;
use crate::net::{Networks, subscriber};

#[derive(Debug)]
pub(super) struct Rules {
    pub per_address: usize,
    pub uncounted: Networks,
    pub grace: Duration,
}

impl Rules {
    /// The network whose connections are counted together; `None` for a proxy's.
    pub fn counted(&self, address: IpAddr) -> Option<IpAddr> {
        (!self.uncounted.contains(address)).then(|| subscriber(address))
    }

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
    /// Only those with connections.
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
    pub fn new() -> Table {
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
    pub fn open(&self) -> usize {
        self.connections.len() - self.closing
    }

    pub fn closing(&self) -> usize {
        self.closing
    }

    /// Those of one network that are to stay.
    pub fn count(&self, network: IpAddr) -> usize {
        let network = self.networks.get(&network);
        network.map_or(0, |network| network.connections.len() - network.closing)
    }

    pub fn insert(&mut self, network: Option<IpAddr>, watch: Arc<Watch>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let mut position = 0;
        if let Some(network) = network {
            let connections = &mut self.networks.entry(network).or_default().connections;
            position = connections.len();
            connections.push(id);
        }
        self.connections.insert(id, Connection { network, position, watch, is_closing: false });
        id
    }

    pub fn remove(&mut self, id: u64) {
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
    pub fn close_one_of(&mut self, network: IpAddr, rules: &Rules) -> Option<AbortHandle> {
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
    pub fn close_one(&mut self, rules: &Rules) -> Option<AbortHandle> {
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

/// Up to [`PROBES`] indices below `length`, spread over all of them, others with another `hand`.
fn probes(hand: usize, length: usize) -> impl Iterator<Item = usize> {
    let stride = length.div_ceil(PROBES).max(1);
    (0..length).step_by(stride).map(move |step| hand.wrapping_add(step) % length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules() -> Rules {
        Rules { per_address: 16, uncounted: Networks::none(), grace: Duration::ZERO }
    }

    fn network(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    /// A connection whose task never ends by itself.
    fn watch() -> Arc<Watch> {
        let watch = Arc::new(Watch::new());
        watch.set_task(tokio::spawn(std::future::pending::<()>()).abort_handle());
        watch
    }

    #[tokio::test]
    async fn the_crowd_is_closed_first_then_strangers_then_sites_then_those_of_use() {
        let mut table = Table::new();
        let served = watch();
        served.be_of_use();
        let earlier = table.insert(Some(network(1)), Arc::clone(&served));
        table.remove(earlier);
        let of_use = table.insert(Some(network(2)), served);
        let of_a_site = table.insert(Some(network(1)), watch());
        let stranger = table.insert(Some(network(3)), watch());
        let crowd: Vec<u64> = (0..8).map(|_| table.insert(Some(network(4)), watch())).collect();
        let mut closed = Vec::new();
        while table.close_one(&rules()).is_some() {
            let is_new = |(id, connection): (&u64, &Connection)| {
                (connection.is_closing && !closed.contains(id)).then_some(*id)
            };
            closed.extend(table.connections.iter().find_map(is_new));
        }
        // Of two alone the one that was waited for longer.
        assert!(closed[..7].iter().all(|id| crowd.contains(id)), "{closed:?}");
        let mut last_of_its_crowd = closed[7..9].to_vec();
        last_of_its_crowd.retain(|id| !crowd.contains(id));
        assert_eq!(last_of_its_crowd, [stranger]);
        assert_eq!(closed[9..], [of_a_site, of_use]);
        assert_eq!(table.open(), 0);
    }

    proptest! {
        /// Whatever comes and goes, each network counts what it has, and is forgotten with its last.
        #[test]
        fn counts_are_right(steps in proptest::collection::vec((any::<bool>(), 0u8..4, any::<u8>()), 0..200)) {
            let mut table = Table::new();
            let mut there: Vec<(u64, u8)> = Vec::new();
            for (comes, number, which) in steps {
                if comes || there.is_empty() {
                    let id = table.insert(Some(network(number)), Arc::new(Watch::new()));
                    there.push((id, number));
                } else {
                    let (id, _) = there.swap_remove(usize::from(which) % there.len());
                    table.remove(id);
                }
                for number in 0..4 {
                    let count = there.iter().filter(|(_, of)| *of == number).count();
                    prop_assert_eq!(table.count(network(number)), count);
                    prop_assert_eq!(table.networks.contains_key(&network(number)), count > 0);
                }
                prop_assert_eq!(table.open(), there.len());
            }
        }
    }
}
