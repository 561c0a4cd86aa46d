//! How much is kept, and which phones are sending.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::Mac;

/// Shared by all uploads under way.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// `None` until it was counted.
    kept: Option<u64>,
    /// Phones that are sending.
    sending: HashSet<Mac>,
}

/// The right of one phone to send, until it is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    ledger: Arc<Ledger>,
    mac: Mac,
    replaced: Option<u64>,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many bytes are there. What is written meanwhile may be in it or not: the next count
    /// sets that right.
    pub(super) fn count(&self, bytes: u64) {
        self.state().kept = Some(bytes);
    }

    /// `None` when the phone is sending already, or nobody has counted yet.
    pub(super) fn reserve(ledger: &Arc<Ledger>, mac: Mac) -> Option<Reservation> {
        let mut state = ledger.state();
        state.kept?;
        if !state.sending.insert(mac) {
            return None;
        }
        Some(Reservation { ledger: ledger.clone(), mac, replaced: None })
    }
}

impl Reservation {
    /// The length of the file whose place it takes.
    pub(super) fn replaces(&mut self, bytes: Option<u64>) {
        self.replaced = bytes;
    }

    /// What all other files have.
    pub(super) fn others(&self) -> u64 {
        let kept = self.ledger.state().kept.unwrap_or(0);
        kept.saturating_sub(self.replaced.unwrap_or(0))
    }

    /// The file is in its place, with so many bytes. Tells whether it took another one's.
    pub(super) fn keep(self, bytes: u64) -> bool {
        let mut state = self.ledger.state();
        let others = state.kept.unwrap_or(0).saturating_sub(self.replaced.unwrap_or(0));
        state.kept = Some(others + bytes);
        self.replaced.is_some()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.ledger.state().sending.remove(&self.mac);
    }
}
