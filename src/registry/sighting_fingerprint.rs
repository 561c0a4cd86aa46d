//! Whether a device shows something else than when it was seen before.

use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::quality::FixedState;

use crate::domain::{Sighting, TypeKey};

/// A sighting without its times.
#[derive(Hash)]
pub(super) struct SightingFingerprint<'a> {
    pub address: IpAddr,
    pub user_agent: &'a str,
    pub type_guess: Option<&'a TypeKey>,
    pub firmware: Option<&'a str>,
    pub certificate: Option<&'a str>,
}

impl SightingFingerprint<'_> {
    /// The index keeps no more of it than this, for each device. That two differ and hash alike
    /// happens once in four thousand million changes, and then the next note an hour later has it.
    pub(super) fn hash(&self) -> u32 {
        (FixedState::default().hash_one(self) >> 32) as u32
    }
}

impl<'a> From<&'a Sighting> for SightingFingerprint<'a> {
    fn from(sighting: &'a Sighting) -> SightingFingerprint<'a> {
        SightingFingerprint {
            address: sighting.address,
            user_agent: &sighting.user_agent,
            type_guess: sighting.type_guess.as_ref(),
            firmware: sighting.firmware.as_deref(),
            certificate: sighting.certificate.as_deref(),
        }
    }
}
