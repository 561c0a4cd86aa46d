//! Who walks MAC addresses: what each address asked for in the last hour, and what that says.
//!
//! A MAC is no secret, and whoever asks for many of them looks for those that are served. The unit is
//! a MAC that its asker has no part in: one that nobody knows, or one of a device that was neither
//! seen in that network before nor proves itself. How much it weighs is how little like a phone it is
//! asked for ([`Bearing`]):
//!
//! | asked for | weighs |
//! |---|---|
//! | with what contradicts itself: two MACs, several makers | 3 |
//! | without a User-Agent, where phones of the family always send one | 2 |
//! | with the User-Agent of no phone, or a name of no family that has the MAC in it | 1 |
//! | as a phone asks, and for nothing else within a minute, though a phone goes on | 1 |
//! | as a phone asks, and for nothing else: there are boots of one name | 3 phones |
//! | as a phone asks, and then for a second name, or again after a minute | 1 phone |
//!
//! A *phone* is the [limit](ScanOptions::macs_per_address) divided by the
//! [phones](ScanOptions::phones_per_address) that one address may bring in an hour.
//!
//! A name without the MAC, which only the User-Agent tells then, is a common file's: phones ask for
//! more of them than the catalogue knows, before their own. It gets nobody a phone's file, so it is as
//! any name that a phone asks for, whatever it is called; who asks for nothing else gets no further
//! than with names of boots that have but one.
//!
//! What weighs as much as the limit is a sweep, and its address is to be banned; so is whoever asks
//! as phones do and counts its way up or down. Until a second name comes, a MAC is *waiting* and
//! weighs nothing: of 300 phones that boot at once there are 300 first names before any second one. So
//! from as many waiting ones on as the limit has, and one more for each phone that showed itself
//! whole, the address is a [suspect](Standing::Suspected), and active devices are kept from it that it
//! has no part in, until they show themselves whole. New phones lose nothing by that, which get nothing
//! anyway, and who copies a phone's User-Agent gets no further than the limit.
//!
//! Per network, block of addresses and in all the same is summed up. Of what comes from everywhere
//! nobody can be banned: it is told once in an hour ([`Alarm`]).

mod options;
mod source;
mod tables;
mod tally;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use ipnet::IpNet;

pub use options::ScanOptions;
use tables::Tables;

use crate::catalogue::{Catalogue, Contradiction, Identity};
use crate::domain::{Mac, Timestamp};

/// How much like a phone a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bearing {
    /// All it says goes together, and a phone of that family may ask so. `is_followed`: one that is
    /// refused it surely asks for another name.
    Phone { is_followed: bool },
    /// It names itself as nothing known, or asks for a name of no family.
    Strange,
    /// It does not name itself, and phones of its family always do.
    Silent,
    /// It contradicts itself.
    Contradicting,
}

impl Bearing {
    pub(super) fn of(catalogue: &Catalogue, identity: &Identity) -> Bearing {
        match identity.contradicts {
            Some(Contradiction::Macs | Contradiction::Makers) => Bearing::Contradicting,
            Some(Contradiction::NoUserAgent) => Bearing::Silent,
            None if catalogue.looks_like_a_phone(identity) => {
                Bearing::Phone { is_followed: catalogue.is_followed(identity) }
            }
            None => Bearing::Strange,
        }
    }
}

/// One request that names a MAC, and does not prove that it is that phone's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub address: IpAddr,
    pub mac: Mac,
    /// Tells the names apart that are asked for with one MAC.
    pub name: u32,
    pub bearing: Bearing,
    /// Whether the asker has no part in the device. Else it can only show itself whole.
    pub is_foreign: bool,
}

/// What is thought of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Free,
    /// More MACs wait for a second name than are believed, and this is one of them.
    Suspected,
    /// It is to be banned.
    Sweeping(Sweep),
}

/// A network that walks MACs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sweep {
    /// What is to be banned.
    pub network: IpNet,
    /// What was seen, in words for an operator.
    pub reason: String,
}

/// More unknown MACs were asked for in an hour than are usual, from wherever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alarm {
    /// The block they are of; `None`: of all blocks.
    pub oui: Option<u32>,
    /// The MACs that did not show themselves whole.
    pub macs: u64,
    /// The addresses that asked for them and are still remembered.
    pub addresses: usize,
}

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub standing: Standing,
    pub alarms: Vec<Alarm>,
}

/// The memory of one gateway. All of it together takes 30 MB at most.
#[derive(Debug)]
pub(super) struct Scans {
    options: ScanOptions,
    // A std mutex: no await happens under it. Phones that are served where they were before do not
    // come here.
    tables: Mutex<Tables>,
}

impl Scans {
    pub(super) fn new(options: ScanOptions) -> Scans {
        Scans { tables: Mutex::new(Tables::default()), options }
    }

    pub(super) fn options(&self) -> &ScanOptions {
        &self.options
    }

    /// Whether requests of that address are looked at at all.
    pub(super) fn watches(&self, address: IpAddr) -> bool {
        self.options.enabled && !self.options.is_never_banned(address)
    }

    /// Takes in one request, of an address that is [watched](Scans::watches).
    pub(super) fn see(&self, asked: Asked, now: Timestamp) -> Seen {
        let now = u32::try_from(now.seconds().max(0)).unwrap_or(u32::MAX);
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.see(&self.options, asked, now)
    }

    /// What was asked for by an address is forgotten: it is banned, or an operator lifted its ban.
    pub(super) fn forget(&self, network: IpNet) {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).forget(network);
    }
}
