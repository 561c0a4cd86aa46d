//! The last requests of handsets and what became of them: the answer to "why
//! does this phone not get its configuration?".
//!
//! In memory only, bounded, newest kept.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;

use serde::Serialize;

use crate::domain::{Mac, Timestamp};

/// What a request was answered with, and why. Only for operators: a handset
/// sees one refusal, whatever the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A file was sent.
    Served,
    /// The path and headers name no MAC.
    NoMac,
    /// Recorded as inactive by this very request.
    Recorded,
    /// Known and not promoted.
    Inactive,
    /// The type on record has no such file, or one the gateway has nothing to say in.
    NoSuchFile,
    /// The type on record, or what an unknown phone says it is, is not in the catalogue.
    NoSuchType,
    /// A limit on unknown handsets was reached.
    OverQuota,
    /// The client certificate names another device than the request.
    CertificateOfAnother,
    /// The file could not be made of the settings.
    RenderFailed,
    /// The store could not take the rows.
    StoreFailed,
}

/// One request.
#[derive(Debug, Clone, Serialize)]
pub struct RequestLogEntry {
    pub at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    pub address: IpAddr,
    pub target: String,
    pub user_agent: String,
    pub outcome: Outcome,
    /// What could not be done, in words; empty when the outcome says all.
    pub detail: String,
}

/// The last requests of all handsets: a ring for each of some groups of MACs, so
/// that one busy phone does not push out the others and no lock is hot.
#[derive(Debug)]
pub struct RequestLog {
    rings: Vec<Mutex<VecDeque<RequestLogEntry>>>,
}

const RINGS: usize = 256;
/// With [`RINGS`], 16,384 requests; at 300 bytes about 5 MB.
const RING_LENGTH: usize = 64;
/// Longer targets are cut: the beginning says enough.
const MAX_TARGET: usize = 256;

impl Default for RequestLog {
    fn default() -> RequestLog {
        RequestLog { rings: (0..RINGS).map(|_| Mutex::default()).collect() }
    }
}

impl RequestLog {
    pub fn push(&self, mut entry: RequestLogEntry) {
        if entry.target.len() > MAX_TARGET {
            let end = entry.target.floor_char_boundary(MAX_TARGET);
            entry.target.truncate(end);
        }
        // A std lock: nothing awaits under it.
        let mut ring = self.ring(entry.mac).lock().expect("no holder of this lock panics");
        if ring.len() == RING_LENGTH {
            ring.pop_front();
        }
        ring.push_back(entry);
    }

    /// The kept requests of a device, newest first; with `None` those that named no MAC.
    #[must_use]
    pub fn of(&self, mac: Option<Mac>) -> Vec<RequestLogEntry> {
        let ring = self.ring(mac).lock().expect("no holder of this lock panics");
        ring.iter().rev().filter(|entry| entry.mac == mac).cloned().collect()
    }

    fn ring(&self, mac: Option<Mac>) -> &Mutex<VecDeque<RequestLogEntry>> {
        let bits = mac.map_or(0, Mac::bits).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &self.rings[usize::try_from(bits >> 56).expect("8 bits fit") % RINGS]
    }
}
