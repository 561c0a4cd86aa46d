//! What a handset's request does to the registry: nothing, a note, a better
//! type, or, for a MAC never seen, inactive rows within the quota.

use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::quality::FixedState;

use super::change::Plan;
use super::index::Known;
use super::sighting_writer::SightingUpdate;
use super::{Registry, RegistryError};
use crate::catalogue::{Catalogue, Identity};
use crate::domain::{Action, Device, Mac, Sighting, Subject, TypeKey};

use super::actor::Actor;

/// One request's evidence, as far as the registry keeps it.
#[derive(Debug, Clone, Copy)]
pub struct RequestEvidence<'a> {
    pub mac: Mac,
    pub identity: &'a Identity,
    pub address: IpAddr,
    /// Clean and bounded, see [`Sighting::user_agent`]; empty when there was none.
    pub user_agent: &'a str,
    pub certificate: Option<&'a str>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SightOutcome {
    Known(Known),
    /// Recorded just now, durably.
    Recorded,
    OverQuota,
    /// No type of the catalogue fits, not even a generic one: nothing to record.
    NoType,
}

/// A phone that says the same is noted again after this long.
const NOTE_AGAIN_S: i64 = 3600;
/// One that says something else, after this long: a boot alternates between
/// updater and application, and a hostile one between anything.
const NOTE_CHANGE_S: i64 = 10;
/// A device whose type was told is believed another one after this long.
const RETYPE_AGAIN_S: i64 = 24 * 3600;

impl Registry {
    /// Records what a request showed. What was [`SightOutcome::Recorded`] is durable.
    ///
    /// # Errors
    /// Only for an unknown MAC whose rows could not be stored.
    pub async fn sight(
        &self,
        catalogue: &Catalogue,
        evidence: RequestEvidence<'_>,
    ) -> Result<SightOutcome, RegistryError> {
        let Some(known) = self.memory.index.known(evidence.mac) else {
            // In boxes, both that are rare: else every request had room for them.
            return Box::pin(self.first_contact(catalogue, evidence)).await;
        };
        if let Some(better) = self.better_type(catalogue, &known, evidence.identity) {
            // Of no use to the phone now: a failure is logged and does not matter to it.
            let retyped = Box::pin(self.retype(catalogue, evidence.mac, &better)).await;
            if let Err(error) = retyped {
                tracing::warn!(mac = %evidence.mac, %error, "a better type guess could not be stored");
            }
        }
        self.note(&known, evidence);
        Ok(SightOutcome::Known(known))
    }

    async fn first_contact(
        &self,
        catalogue: &Catalogue,
        evidence: RequestEvidence<'_>,
    ) -> Result<SightOutcome, RegistryError> {
        let Some(phone_type) = evidence.identity.phone_type.as_ref() else {
            return Ok(SightOutcome::NoType);
        };
        let ports = catalogue.phone_type(phone_type).map_or(1, |phone_type| phone_type.ports);
        self.make_device(evidence.mac, |device| {
            // Recorded while this request waited for another of the same phone, or by
            // another gateway.
            if let Some(known) = self.memory.index.known(evidence.mac) {
                return Ok(Plan::nothing(SightOutcome::Known(known)));
            }
            if device.is_some() {
                return Ok(Plan::nothing(SightOutcome::Recorded));
            }
            let now = self.clock.now();
            if self.memory.index.inactive_rows() >= self.quota.inactive_rows {
                return Ok(Plan::nothing(SightOutcome::OverQuota));
            }
            let per_hour = self.quota.new_macs_per_address_per_hour;
            if !self.arrivals.admit(evidence.address, per_hour, now) {
                return Ok(Plan::nothing(SightOutcome::OverQuota));
            }
            let sighted =
                Device::sighted(evidence.mac, phone_type.clone(), ports, sighting(evidence, now));
            Ok(Plan::device(None, Some(sighted), SightOutcome::Recorded))
        })
        .await
    }

    /// A type that was told, where the one on record differs and no operator has
    /// decided yet. One that was only assumed gives way at once; one that was told too
    /// only after a day: whoever sends contradictions must not cause a write each.
    fn better_type(
        &self,
        catalogue: &Catalogue,
        known: &Known,
        identity: &Identity,
    ) -> Option<TypeKey> {
        if known.active || !identity.strength.is_told() {
            return None;
        }
        let told = identity.phone_type.as_ref()?;
        let current = self.memory.index.phone_type(known);
        let settled =
            !catalogue.is_assumed(&current) && self.clock.now() - known.changed < RETYPE_AGAIN_S;
        (current != *told && !settled).then(|| told.clone())
    }

    async fn retype(
        &self,
        catalogue: &Catalogue,
        mac: Mac,
        better: &TypeKey,
    ) -> Result<(), RegistryError> {
        let ports = catalogue.phone_type(better).map_or(1, |phone_type| phone_type.ports);
        self.change_or_make_device(&Actor::Gateway, mac, |device, _| {
            let now = self.clock.now();
            let retyped = device.and_then(|device| device.retyped(better, ports, now));
            let (Some(device), Some(retyped)) = (device, retyped) else {
                return Ok(Plan::nothing(()));
            };
            let name = mac.to_string();
            let mut event = Actor::Gateway.event(now, Action::Retyped, Subject::Phone, name);
            event.before = summary(device);
            event.after = summary(&retyped);
            Ok(Plan::device(Some(device), Some(retyped), ()).recorded(event))
        })
        .await
    }

    fn note(&self, known: &Known, evidence: RequestEvidence<'_>) {
        let now = self.clock.now();
        let age = now - known.last_seen;
        if age < NOTE_CHANGE_S {
            return;
        }
        let hash = SightingFingerprint::of(evidence).hash();
        if hash == known.seen_hash && age < NOTE_AGAIN_S {
            return;
        }
        let sighting = sighting(evidence, now);
        // A full queue drops it; the index stays as it was, so the next request tries again.
        if self.sighting_updates.try_send(SightingUpdate { mac: evidence.mac, sighting }).is_ok() {
            self.memory.index.noted(evidence.mac, now, Some(hash));
        }
    }
}

/// What an audit record says of a device's make-up.
fn summary(device: &Device) -> serde_json::Value {
    serde_json::json!({ "phone_type": device.phone_type, "ports": device.ports().count() })
}

fn sighting(evidence: RequestEvidence<'_>, now: i64) -> Sighting {
    let shown = SightingFingerprint::of(evidence);
    Sighting {
        first: now,
        last: now,
        address: shown.address,
        user_agent: shown.user_agent.to_owned(),
        type_guess: shown.type_guess.cloned(),
        firmware: shown.firmware.map(str::to_owned),
        certificate: shown.certificate.map(str::to_owned),
    }
}

/// A sighting without its times: tells whether a phone says something else than before.
#[derive(Hash)]
struct SightingFingerprint<'a> {
    address: IpAddr,
    user_agent: &'a str,
    type_guess: Option<&'a TypeKey>,
    firmware: Option<&'a str>,
    certificate: Option<&'a str>,
}

impl<'a> SightingFingerprint<'a> {
    fn of(evidence: RequestEvidence<'a>) -> SightingFingerprint<'a> {
        let identity = evidence.identity;
        SightingFingerprint {
            address: evidence.address,
            user_agent: evidence.user_agent,
            type_guess: identity.phone_type.as_ref().filter(|_| identity.strength.is_told()),
            firmware: identity.firmware.as_deref(),
            certificate: evidence.certificate,
        }
    }

    fn hash(&self) -> u32 {
        (FixedState::default().hash_one(self) >> 32) as u32
    }
}

pub(super) fn hash_of(sighting: &Sighting) -> u32 {
    let shown = SightingFingerprint {
        address: sighting.address,
        user_agent: &sighting.user_agent,
        type_guess: sighting.type_guess.as_ref(),
        firmware: sighting.firmware.as_deref(),
        certificate: sighting.certificate.as_deref(),
    };
    shown.hash()
}
