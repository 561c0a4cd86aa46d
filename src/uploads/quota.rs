//! How much is kept, who is sending, and what there is to be sent back.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;

use super::{FileName, UploadError};
use crate::domain::{Mac, Turn, Turns, subscriber};

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
    state: Mutex<State>,
    // At random, so that nobody outside makes two names meet.
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes of whole files; `None` until they were counted.
    kept: Option<u64>,
    /// Bytes that the uploads under way may still become.
    coming: u64,
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
    pub(super) fn count(&self, bytes: u64, files: &[(Mac, FileName)]) {
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

    /// A turn for a device at that address. `None` when it is sending already, when too many are,
    /// or when nobody has counted yet.
    pub(super) fn turn(quota: &Arc<UploadQuota>, mac: Mac, address: IpAddr) -> Option<SendingTurn> {
        let turn = quota.turns.take(subscriber(address)).ok()?;
        let mut state = quota.state();
        state.kept?;
        let is_free = state.busy.insert(mac);
        drop(state);
        is_free.then(|| SendingTurn {
            quota: quota.clone(),
            mac,
            _turn: turn,
            reserved: 0,
            replaced: None,
        })
    }
}

impl SendingTurn {
    /// Takes `bytes` of `total` for the upload, which takes the place of a file of `replaced`
    /// bytes.
    ///
    /// # Errors
    /// [`UploadError::Full`].
    pub(super) fn reserve(
        &mut self,
        bytes: u64,
        replaced: Option<u64>,
        total: u64,
    ) -> Result<(), UploadError> {
        let mut state = self.quota.state();
        let others = (state.kept.unwrap_or(0) + state.coming).saturating_sub(replaced.unwrap_or(0));
        if others + bytes > total {
            return Err(UploadError::Full(total));
        }
        state.coming += bytes;
        drop(state);
        (self.reserved, self.replaced) = (bytes, replaced);
        Ok(())
    }

    /// The file is in its place, with so many bytes. Tells whether it took another one's.
    pub(super) fn keep(self, name: &FileName, bytes: u64) -> bool {
        let file = self.quota.hash(self.mac, name);
        let mut state = self.quota.state();
        let others = state.kept.unwrap_or(0).saturating_sub(self.replaced.unwrap_or(0));
        state.kept = Some(others + bytes);
        state.files.insert(file);
        drop(state);
        self.replaced.is_some()
    }
}

impl Drop for SendingTurn {
    fn drop(&mut self) {
        let mut state = self.quota.state();
        state.coming -= self.reserved;
        state.busy.remove(&self.mac);
    }
}
