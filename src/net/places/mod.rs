//! Who has the places for connections, and who gives one up when they run short.
//!
//! Anybody can open a connection and ask for something useless now and then. So a connection has
//! its place for good only while it is *of use*: the edge said so of an answer
//! ([`Standing::of_use`](super::Standing::of_use)), a file for a phone or a command of somebody
//! signed in. When places run short, one is closed for each that comes, in this order:
//!
//! 1. Those that were of no use, of addresses with many connections before those with few, and
//!    of the same kind the one that has been waited for longest.
//! 2. Those that were of no use, of networks that were served lately ([`table`]), while the
//!    network has no more than its share of them.
//! 3. Those that were of use, the one that has been idle longest.
//!
//! Only a connection whose peer is waited for is ever closed, so that none loses an answer that is
//! being made, and none of which that has been so for less than [`Limits::newcomer_grace`]: so
//! those who come anew have their share, up to half of the places. An address that has all it may
//! have gives up one of its own, without a grace: a phone goes on although its neighbour behind the
//! same address holds two thousand connections.
//!
//! The order is looked up among some of the connections, as Redis does for its keys: the table is
//! a list, and nothing is sorted or locked while requests are answered. It is locked
//! when a connection begins and when it ends.

mod table;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

use super::Limits;
use super::watch::Watch;
use crate::domain::subscriber;
use table::{Rules, Table};

/// The places of one server.
#[derive(Debug)]
pub(super) struct Places {
    rules: Rules,
    /// Connections beyond this close another one: the rest is for those that are being closed.
    soft_limit: usize,
    /// A std mutex: no await happens under it.
    table: Mutex<Table>,
}

/// One connection's place, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    id: u64,
}

/// So many of the places are for connections whose successors are here already.
const IN_PASSING: usize = 16;

impl Places {
    pub(super) fn new(limits: &Limits) -> Arc<Places> {
        Arc::new(Places {
            rules: Rules {
                per_address: limits.connections_per_address as usize,
                grace: limits.newcomer_grace,
            },
            soft_limit: limits.connections - limits.connections / IN_PASSING,
            table: Mutex::new(Table::new()),
        })
    }

    /// A place for a connection from `address` (`None`: of a proxy, which is not counted), for which
    /// others may be closed. `None` when the address has as many as it may and we owe an answer to
    /// all of them.
    pub(super) fn enter(
        self: &Arc<Places>,
        address: Option<IpAddr>,
        watch: &Arc<Watch>,
    ) -> Option<Entered> {
        let mut closed = Vec::new();
        let mut table = self.table();
        let address = address.map(subscriber);
        if let Some(address) = address
            && table.count(address) >= self.rules.per_address
        {
            closed.push(table.close_one_of(address, &self.rules)?);
        }
        if table.open() >= self.soft_limit {
            closed.extend(table.close_one(&self.rules));
        }
        let id = table.insert(address, Arc::clone(watch));
        drop(table);
        let closed = close(closed);
        Some(Entered { place: Place { places: Arc::clone(self), id }, closed })
    }

    /// Counts a connection that has a place by `address` from now on: a proxy said whose it is.
    /// Returns how many connections of that address are closed for it; `None` as
    /// [`Places::enter`] does.
    fn count_for(&self, id: u64, address: IpAddr) -> Option<u64> {
        let address = subscriber(address);
        let mut table = self.table();
        let closed = match table.count(address) >= self.rules.per_address {
            true => vec![table.close_one_of(address, &self.rules)?],
            false => Vec::new(),
        };
        table.count_for(id, address);
        drop(table);
        Some(close(closed))
    }

    /// Closes up to `count` connections, so that there is room; returns how many.
    pub(super) fn make_room(&self, count: usize) -> u64 {
        let mut table = self.table();
        // Those that are on their way out make room already.
        let missing = count.saturating_sub(table.closing());
        let closed = (0..missing).map_while(|_| table.close_one(&self.rules)).collect();
        drop(table);
        close(closed)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Counts the connection, which is a proxy's so far, by the `address` that the proxy says it
    /// comes from. Returns how many others of that address are closed for it; `None` when the
    /// address has as many as it may and we owe an answer to all of them.
    pub(super) fn count_for(&self, address: IpAddr) -> Option<u64> {
        self.places.count_for(self.id, address)
    }
}

/// What came of [`Places::enter`].
pub(super) struct Entered {
    pub place: Place,
    /// How many connections are closed for it.
    pub closed: u64,
}

/// Outside of the lock: a task that ends takes it.
fn close(tasks: Vec<AbortHandle>) -> u64 {
    for task in &tasks {
        task.abort();
    }
    tasks.len() as u64
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.table().remove(self.id);
    }
}
