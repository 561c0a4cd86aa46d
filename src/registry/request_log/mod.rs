//! The last requests of handsets and what became of them: the answer to "why
//! does this phone not get its configuration?".
//!
//! In memory only, bounded, newest kept. The requests of active phones have room of their own.
//! All others, which anybody can send in any number and with any MAC, have room by the network
//! they come from: whoever floods pushes out what came from his own network and little else.

mod detail;
mod in_vain;
mod logged_target;

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;
use ipnet::IpNet;
use serde::Serialize;

use super::actor::may_see;
use super::{Actor, Registry, RegistryError};
use crate::domain::{CompanyId, Mac, Site, Timestamp};

pub use detail::Detail;
pub use logged_target::LoggedTarget;

/// What a request was answered with, and why. Only for operators: a handset
/// sees one refusal, whatever the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestOutcome {
    /// A file was sent.
    Served,
    /// What the phone sent was kept.
    Received,
    /// What the phone sent was not kept; the detail says why.
    NotReceived,
    /// A file laid out for phones is there and was not sent; the detail says why.
    NotSent,
    /// The path and headers name no MAC.
    NoMac,
    /// New: about to be listed as inactive.
    Recorded,
    /// Known and not promoted.
    Inactive,
    /// The type on record has no such file, or one the gateway has nothing to say in.
    NoSuchFile,
    /// The type on record, or what an unknown phone says it is, is not in the catalogue.
    NoSuchType,
    /// A limit on unknown handsets was reached.
    OverQuota,
    /// It came from a network that may not ask.
    ForbiddenNetwork,
    /// Its network is banned.
    Banned,
    /// Its address asks for more unknown phones than are believed, and it did not show that it is
    /// the phone.
    Suspected,
    /// It did not prove the credentials that its listener asks for; the detail says why.
    Challenged,
    /// The client certificate names another device than the request.
    CertificateOfAnother,
    /// The phone is active, and the request did not show what its company asks for; the detail says
    /// what.
    NotAdmitted,
    /// The file could not be made of the settings.
    RenderFailed,
    /// New, and not listed: more unknown phones came at once than can be recorded.
    NotRecorded,
    /// New, and not listed before the store is back: it took none of the last ones.
    StoreFailed,
}

/// One request.
#[derive(Debug, Clone, Serialize)]
pub struct RequestLogEntry {
    /// When the request came.
    pub at: Timestamp,
    /// The device it named; `None` when it named none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// Where it came from.
    pub address: IpAddr,
    /// What it asked for, without secrets.
    pub target: LoggedTarget,
    /// Control characters escaped; empty when there was none.
    pub user_agent: String,
    /// What it was answered, and why.
    pub outcome: RequestOutcome,
    /// What could not be done.
    pub detail: Detail,
}

/// Whose request it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requester {
    /// A phone that an operator made active.
    ActivePhone(Mac),
    /// Anybody else.
    Stranger,
}

/// The last requests of handsets.
#[derive(Debug)]
pub(super) struct RequestLog {
    active: Rings,
    strangers: Rings,
    // Random, so that nobody can choose whose requests his own push out.
    hasher: RandomState,
}

/// Requests of active phones kept of those whose MACs meet in one ring.
const OF_ACTIVE: usize = 64;
/// Requests of strangers kept of those whose networks meet in one ring.
const OF_STRANGERS: usize = 32;
/// The most one look-up gives.
const MOST: usize = 64;

impl Default for RequestLog {
    fn default() -> RequestLog {
        RequestLog {
            active: Rings::new(OF_ACTIVE),
            strangers: Rings::new(OF_STRANGERS),
            hasher: RandomState::default(),
        }
    }
}

impl Registry {
    /// Keeps a request for operators. In memory only.
    pub fn log_request(&self, requester: Requester, entry: RequestLogEntry) {
        self.request_log.push(requester, entry);
    }

    /// The kept requests that named the MAC, or with `None` those that named none; newest
    /// first, at most 64. Callers see those of devices they see a phone of, and with `default`
    /// those of MACs that are no device and of none; what went wrong in words, which may be of any
    /// phone of the device, only when they see all.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`] for an ordinary user.
    pub fn requests(
        &self,
        actor: &Actor,
        mac: Option<Mac>,
    ) -> Result<Vec<RequestLogEntry>, RegistryError> {
        actor.require_admin()?;
        let device = mac.and_then(|mac| self.memory.index.device(mac));
        let (some, all) = match &device {
            Some(device) => {
                let phones = device.ports().filter_map(|port| device.phone(port));
                let seen: Vec<bool> = phones.map(|phone| may_see(actor, &phone)).collect();
                (seen.contains(&true), !seen.contains(&false))
            }
            None => [actor.administers(&CompanyId::default_company()); 2].into(),
        };
        let mut entries = if some { self.request_log.of(mac) } else { Vec::new() };
        if !all {
            entries.iter_mut().for_each(|entry| entry.detail = Detail::Nothing);
        }
        Ok(entries)
    }
}

impl RequestLog {
    fn push(&self, requester: Requester, entry: RequestLogEntry) {
        match requester {
            Requester::ActivePhone(mac) => self.active.push(self.hash(mac), entry),
            Requester::Stranger => {
                self.strangers.push(self.hash(Site::of(entry.address)), entry);
            }
        }
    }

    fn of(&self, mac: Option<Mac>) -> Vec<RequestLogEntry> {
        let mut found = Vec::new();
        if let Some(mac) = mac {
            self.active.collect(self.active.at(self.hash(mac)), Some(mac), &mut found);
        }
        // A phone may have asked from anywhere: some 8,000 entries are looked at, in 0.1 ms.
        for ring in &self.strangers.rings {
            self.strangers.collect(ring, mac, &mut found);
        }
        // Stable: of one second, each ring's order stays.
        found.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        found.truncate(MOST);
        found
    }

    /// The last requests of strangers from a network, newest first; looks at some 8,000, in 0.1 ms.
    pub(super) fn of_network(&self, network: IpNet, limit: usize) -> Vec<RequestLogEntry> {
        let mut found = Vec::new();
        for ring in &self.strangers.rings {
            let is_of_it =
                |entry: &&RequestLogEntry| network.contains(&entry.address.to_canonical());
            found.extend(lock(ring).iter().rev().filter(is_of_it).cloned());
        }
        found.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        found.truncate(limit);
        found
    }

    fn hash(&self, key: impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }
}

/// Rings of entries, many, so that no lock is hot.
#[derive(Debug)]
struct Rings {
    rings: Vec<Mutex<VecDeque<RequestLogEntry>>>,
    length: usize,
}

/// So many rings of the lengths above hold some 25,000 requests; at 300 bytes that is 7 MB.
const RINGS: usize = 256;

impl Rings {
    fn new(length: usize) -> Rings {
        Rings { rings: (0..RINGS).map(|_| Mutex::default()).collect(), length }
    }

    fn at(&self, hash: u64) -> &Mutex<VecDeque<RequestLogEntry>> {
        &self.rings[usize::try_from(hash >> 56).expect("8 bits fit") % RINGS]
    }

    fn push(&self, hash: u64, entry: RequestLogEntry) {
        let mut ring = lock(self.at(hash));
        if ring.len() == self.length {
            ring.pop_front();
        }
        ring.push_back(entry);
    }

    fn collect(
        &self,
        ring: &Mutex<VecDeque<RequestLogEntry>>,
        mac: Option<Mac>,
        found: &mut Vec<RequestLogEntry>,
    ) {
        found.extend(lock(ring).iter().rev().filter(|entry| entry.mac == mac).cloned());
    }
}

// A std lock: nothing awaits under it.
fn lock(ring: &Mutex<VecDeque<RequestLogEntry>>) -> MutexGuard<'_, VecDeque<RequestLogEntry>> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mac: Option<Mac>, address: [u8; 4], at: i64) -> RequestLogEntry {
        RequestLogEntry {
            at: Timestamp::from_seconds(at),
            mac,
            address: address.into(),
            target: LoggedTarget::new("/a.cfg".to_owned()),
            user_agent: String::new(),
            outcome: RequestOutcome::Inactive,
            detail: Detail::Nothing,
        }
    }

    fn times(log: &RequestLog, mac: Option<Mac>) -> Vec<i64> {
        log.of(mac).iter().map(|entry| entry.at.seconds()).collect()
    }

    #[test]
    fn a_flood_of_macs_pushes_out_no_active_phone_and_no_other_network() {
        let log = RequestLog::default();
        let (phone, waiting) = (Mac::from_bits(0x0015_6512_3456), Mac::from_bits(0x0004_1300_0001));
        log.push(Requester::ActivePhone(phone), entry(Some(phone), [192, 0, 2, 1], 1));
        log.push(Requester::Stranger, entry(Some(waiting), [192, 0, 2, 1], 2));
        // From a network whose requests are not in the same ring, as one in 256 is.
        let own = log.hash(Site::of([192, 0, 2, 1].into())) >> 56;
        let other = (2..).map(|last| [192, 0, 2, last]);
        let other =
            { other }.find(|&address| log.hash(Site::of(address.into())) >> 56 != own).unwrap();
        for number in 0..40_000 {
            let mac = Mac::from_bits(0x0a00_0000_0000 + number);
            log.push(Requester::Stranger, entry(Some(mac), other, 3));
        }
        assert_eq!(times(&log, Some(phone)), [1]);
        assert_eq!(times(&log, Some(waiting)), [2]);
        let kept: usize = log.strangers.rings.iter().map(|ring| lock(ring).len()).sum();
        assert_eq!(kept, 1 + OF_STRANGERS, "a flood has the room of its network");
    }

    #[test]
    fn a_phone_is_found_wherever_it_asked_from_newest_first() {
        let log = RequestLog::default();
        let mac = Mac::from_bits(1);
        log.push(Requester::Stranger, entry(Some(mac), [192, 0, 2, 1], 1));
        log.push(Requester::Stranger, entry(Some(mac), [198, 51, 100, 1], 3));
        log.push(Requester::ActivePhone(mac), entry(Some(mac), [203, 0, 113, 1], 2));
        log.push(Requester::Stranger, entry(None, [192, 0, 2, 1], 4));
        assert_eq!(times(&log, Some(mac)), [3, 2, 1]);
        assert_eq!(times(&log, None), [4]);
        for at in 0..200 {
            log.push(Requester::ActivePhone(mac), entry(Some(mac), [203, 0, 113, 1], at));
        }
        assert_eq!(times(&log, Some(mac)).len(), MOST);
    }
}
