//! How much is kept, who is sending, and what there is to be sent back.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;

use super::room::Bytes;
use super::{FileName, Sender, UploadError};
use crate::domain::{Mac, subscriber};
use crate::throttle::{Turn, Turns};

/// Uploads at a time. Phones send them when they have time; one that is told to come again keeps
/// its log until then. So many write to one disk without keeping it from the store.
const AT_A_TIME: usize = 32;
/// How many uploads of one subscriber's network are under way at a time: a large site shares them,
/// and nobody keeps the others from theirs.
const AT_A_TIME_PER_SUBSCRIBER: usize = 8;

/// Shared by all uploads under way.
#[derive(Debug)]
pub(super) struct UploadQuota {
    turns: Turns<IpAddr>,
    // A std lock: nothing awaits under it.
    state: Mutex<State>,
    /// Uploads that there was no room for, since the start.
    without_room: AtomicU64,
    // At random, so that nobody outside makes two names meet.
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes of whole files; `None` until they were counted.
    kept: Option<Bytes>,
    /// Bytes that the uploads under way may still become.
    coming: Bytes,
    /// Devices that are sending or are looked through.
    busy: HashSet<Mac>,
    /// Hashes of device and name of each file, so that a phone that asks for one that is not there
    /// hears so as fast as a stranger.
    files: HashSet<u64>,
}

/// The right of one device to send, until it is dropped.
#[derive(Debug)]
pub(super) struct SendingTurn {
    quota: Arc<UploadQuota>,
    mac: Mac,
    owner: String,
    _turn: Turn<IpAddr>,
    /// What it may become, and the length of the file whose place it takes.
    reserved: u64,
    replaced: Option<u64>,
}

/// A device that cannot send.
#[derive(Debug)]
pub(super) struct Still<'q> {
    quota: &'q UploadQuota,
    mac: Mac,
}

impl Drop for Still<'_> {
    fn drop(&mut self) {
        self.quota.state().busy.remove(&self.mac);
    }
}

impl Default for UploadQuota {
    fn default() -> UploadQuota {
        UploadQuota {
            turns: Turns::new(AT_A_TIME_PER_SUBSCRIBER, AT_A_TIME),
            state: Mutex::default(),
            without_room: AtomicU64::new(0),
            hasher: RandomState::default(),
        }
    }
}

impl UploadQuota {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hash(&self, mac: Mac, name: &FileName) -> u64 {
        self.hasher.hash_one((mac, name.as_str()))
    }

    /// Whether the device has sent a file of that name, to whichever company it belonged.
    pub(super) fn may_have(&self, mac: Mac, name: &FileName) -> bool {
        let file = self.hash(mac, name);
        self.state().files.contains(&file)
    }

    /// So many bytes are there, in these files. What was written meanwhile may be in it or not:
    /// the next count sets the bytes right, and no name is lost.
    pub(super) fn count(&self, bytes: Bytes, files: &[(Mac, FileName)]) {
        let found: HashSet<u64> = files.iter().map(|(mac, name)| self.hash(*mac, name)).collect();
        let mut state = self.state();
        if state.busy.is_empty() {
            state.files = found;
        } else {
            state.files.extend(found);
        }
        state.kept = Some(bytes);
    }

    /// Keeps the device from sending until that is dropped; `None` when it sends.
    pub(super) fn hold_still(&self, mac: Mac) -> Option<Still<'_>> {
        let is_free = self.state().busy.insert(mac);
        is_free.then(|| Still { quota: self, mac })
    }

    /// The bytes of whole files, `None` until they were counted, and how many uploads there was no
    /// room for since the start.
    pub(super) fn status(&self) -> (Option<u64>, u64) {
        let kept = self.state().kept.as_ref().map(Bytes::all);
        (kept, self.without_room.load(Ordering::Relaxed))
    }

    /// A turn for a device at that address. `None` when it is sending already, when too many are,
    /// or when nobody has counted yet.
    pub(super) fn turn(
        quota: &Arc<UploadQuota>,
        from: &Sender,
        address: IpAddr,
    ) -> Option<SendingTurn> {
        let (mac, owner) = (from.mac(), from.owner().to_owned());
        let turn = quota.turns.take(subscriber(address)).ok()?;
        let mut state = quota.state();
        state.kept.as_ref()?;
        let is_free = state.busy.insert(mac);
        drop(state);
        is_free.then(|| SendingTurn {
            quota: quota.clone(),
            mac,
            owner,
            _turn: turn,
            reserved: 0,
            replaced: None,
        })
    }
}

impl SendingTurn {
    /// Takes `bytes` of `total` for the upload, which takes the place of a file of `replaced`
    /// bytes. Owners share fairly: none gets more than it leaves to the others, so that one alone
    /// has half, and whoever comes finds some. What takes no more room than before is kept.
    ///
    /// # Errors
    /// [`UploadError::Full`], [`UploadError::CompanyIsFull`].
    pub(super) fn reserve(
        &mut self,
        bytes: u64,
        replaced: Option<u64>,
        total: u64,
    ) -> Result<(), UploadError> {
        let before = replaced.unwrap_or(0);
        let mut state = self.quota.state();
        let has = |of: fn(&Bytes, &str) -> u64| {
            let kept = state.kept.as_ref().map_or(0, |kept| of(kept, &self.owner));
            (kept + of(&state.coming, &self.owner)).saturating_sub(before) + bytes
        };
        let (all, own) = (has(|bytes, _| bytes.all()), has(Bytes::of));
        let full = if all > total {
            Some(UploadError::Full(total))
        } else if own > total - all && bytes > before {
            Some(UploadError::CompanyIsFull(total))
        } else {
            None
        };
        if let Some(full) = full {
            self.quota.without_room.fetch_add(1, Ordering::Relaxed);
            return Err(full);
        }
        state.coming.add(&self.owner, bytes);
        drop(state);
        (self.reserved, self.replaced) = (bytes, replaced);
        Ok(())
    }

    /// The file is in its place, with so many bytes. Tells whether it took another one's.
    pub(super) fn keep(self, name: &FileName, bytes: u64) -> bool {
        let file = self.quota.hash(self.mac, name);
        let mut state = self.quota.state();
        if let Some(kept) = &mut state.kept {
            kept.take_away(&self.owner, self.replaced.unwrap_or(0));
            kept.add(&self.owner, bytes);
        }
        state.files.insert(file);
        drop(state);
        self.replaced.is_some()
    }
}

impl Drop for SendingTurn {
    fn drop(&mut self) {
        let mut state = self.quota.state();
        state.coming.take_away(&self.owner, self.reserved);
        state.busy.remove(&self.mac);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const TOTAL: u64 = 1_000;

    /// What one company keeps when each of its phones sends as much as it gets room for.
    fn fill(quota: &Arc<UploadQuota>, company: &str, macs: &mut impl Iterator<Item = u64>) -> u64 {
        let name = FileName::new("a.log").unwrap();
        let mut kept = 0;
        for mac in macs {
            let sender = Sender::in_test(Mac::from_bits(mac), company);
            let address = Ipv4Addr::LOCALHOST.into();
            let mut turn = UploadQuota::turn(quota, &sender, address).unwrap();
            match turn.reserve(10, None, TOTAL) {
                Ok(()) => drop(turn.keep(&name, 10)),
                Err(error) => {
                    assert!(matches!(error, UploadError::CompanyIsFull(TOTAL)), "{error}");
                    return kept;
                }
            }
            kept += 10;
        }
        kept
    }

    #[test]
    fn one_company_cannot_take_all_the_room_nor_can_a_few() {
        let quota = Arc::new(UploadQuota::default());
        quota.count(Bytes::default(), &[]);
        let mut macs = 0..;
        let kept = ["one", "two", "three"].map(|company| fill(&quota, company, &mut macs));
        assert_eq!(kept, [500, 250, 120]);
        assert_eq!(quota.status(), (Some(870), 3));
        // What takes no more room than before is still kept.
        let sender = Sender::in_test(Mac::from_bits(0), "one");
        let mut turn = UploadQuota::turn(&quota, &sender, Ipv4Addr::LOCALHOST.into()).unwrap();
        assert!(turn.reserve(11, Some(10), TOTAL).is_err());
        assert!(turn.reserve(10, Some(10), TOTAL).is_ok());
        drop(turn);
        assert_eq!(quota.state().coming.all(), 0, "what was reserved is given back");
    }

    #[test]
    fn nothing_is_taken_in_before_it_is_counted() {
        let quota = Arc::new(UploadQuota::default());
        let sender = Sender::in_test(Mac::from_bits(0), "one");
        assert!(UploadQuota::turn(&quota, &sender, Ipv4Addr::LOCALHOST.into()).is_none());
        assert_eq!(quota.status(), (None, 0));
    }
}
