//! What a handset's request does to the registry: nothing, a note, a better
//! type, or, for a MAC never seen, an inactive device within the quota.

use std::net::IpAddr;

use super::contacts::Contact;
use super::index::Known;
use super::newcomer::Newcomer;
use super::scans::{Asked, Bearing, Seen, Standing};
use super::sighting_fingerprint::SightingFingerprint;
use super::sighting_writer::SightingUpdate;
use super::waiting::NoRoom;
use super::{FoundToken, Registry};
use crate::catalogue::{Catalogue, FileMatch, Identity};
use crate::domain::settings::Written;
use crate::domain::{Claim, Mac, Sighting, Strength, Timestamp, TypeKey};

/// One request's evidence, as far as the registry keeps it.
#[derive(Clone, Copy)]
pub struct RequestEvidence<'a> {
    /// The device it named.
    pub mac: Mac,
    /// What the catalogue made of it.
    pub identity: &'a Identity,
    /// What it asked for, as received.
    pub target: &'a str,
    /// Where it came from.
    pub address: IpAddr,
    /// Clean and bounded, see [`Sighting::user_agent`]; empty when there was none.
    pub user_agent: &'a str,
    /// What tells the most of the verified client certificate, when there was one.
    pub certificate: Option<&'a str>,
    /// Whether the certificate was made for this very MAC.
    pub is_certified: bool,
    /// Whether it showed credentials or a certificate that only this very phone can: bans do not hold
    /// for it, nor for who has a token.
    pub is_proven: bool,
    /// Whose the token is that its URL holds.
    pub token: Option<&'a FoundToken>,
}

impl RequestEvidence<'_> {
    /// How well it tells the type.
    fn strength(&self) -> Strength {
        let strength = self.identity.strength;
        if self.is_certified { strength.certified() } else { strength }
    }

    /// What it claims the device to be; `None` when not even a generic type fits.
    fn claim(&self, now: Timestamp) -> Option<Claim> {
        Some(Claim {
            phone_type: self.identity.phone_type.clone()?,
            strength: self.strength(),
            first: now,
            last: now,
            address: Some(self.address),
            first_address: None,
            user_agent: self.user_agent.to_owned(),
        })
    }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SightOutcome {
    /// The device is known, and is as this says.
    Known(Known),
    /// New, and about to be recorded: it is known once that is durable.
    Recorded,
    /// New, and not recorded: it will be tried again when it comes again.
    NotRecorded(NotRecorded),
    /// No type of the catalogue fits, not even a generic one: nothing to record.
    NoType,
    /// Its network is banned, and it is no phone that is served there: it gets nothing, and nothing is
    /// recorded.
    Banned,
    /// The device is active, and its address asks for more phones than are believed: it gets nothing
    /// until it showed itself whole, see [`scans`](super::scans).
    Suspected,
}

/// Why a device that is new is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRecorded {
    /// The quota of new devices, or the room for those that wait for an operator, is used up.
    OverQuota,
    /// Too many come at once.
    QueueFull,
    /// The store took none of the last ones. It is held until the store does again, as long as
    /// there is room.
    StoreFailed,
}

/// A phone that says something else is noted after this long: a boot alternates between
/// updater and application, and a hostile one between anything.
const NOTE_CHANGE_S: i64 = 10;
/// A type with more ports than this is listed with one, until a certificate or an operator says
/// that the device is of it: the largest adapters and small bases have as many. Paths and
/// User-Agents are anybody's, and a waiting device is listed once a port: 100,000 strangers that
/// claim a thousand ports each would make a list of 100 million lines.
const CLAIMED_PORTS: u16 = 16;

impl Registry {
    /// Takes in what a request showed. Waits for nothing: what is to be stored is stored
    /// behind the answer.
    pub fn sight(&self, catalogue: &Catalogue, evidence: RequestEvidence<'_>) -> SightOutcome {
        let known = self.memory.index.known(evidence.mac);
        if let Some(turned_away) = self.turned_away(catalogue, known.as_ref(), &evidence) {
            return turned_away;
        }
        let Some(known) = known else { return self.first_contact(catalogue, evidence) };
        let strength = evidence.strength();
        if strength > known.strength && !is_settled(&known) {
            // Until it is recorded, what is as strong says nothing new.
            if self.claim(catalogue, evidence) {
                self.memory.index.claimed(evidence.mac, strength);
            }
        }
        self.note(catalogue, &known, evidence);
        SightOutcome::Known(known)
    }

    /// `None`: nothing speaks against who asks.
    fn turned_away(
        &self,
        catalogue: &Catalogue,
        known: Option<&Known>,
        evidence: &RequestEvidence<'_>,
    ) -> Option<SightOutcome> {
        let RequestEvidence { mac, identity, address, .. } = *evidence;
        let is_active = known.is_some_and(|known| known.active);
        let is_at_home = known.is_some_and(|known| self.memory.index.is_at_home(known, address));
        let is_served_here = is_active && is_at_home && known.is_some_and(|known| known.served);
        if evidence.is_proven || is_served_here || evidence.token.is_some_and(FoundToken::vouches) {
            return None;
        }
        if self.banned(address).is_some() {
            return Some(SightOutcome::Banned);
        }
        // One that waited here and was promoted is no stranger.
        if (is_active && is_at_home) || !self.scans.watches(address) {
            return None;
        }
        let asked = Asked {
            address,
            mac,
            name: identity.file.as_ref().map_or(0, FileMatch::name),
            bearing: Bearing::of(catalogue, identity),
            is_foreign: !is_at_home,
        };
        let Seen { standing, alarms } = self.scans.see(asked, self.clock.now());
        alarms.iter().for_each(|alarm| self.tell_alarm(alarm));
        match standing {
            Standing::Free => None,
            // Who is unknown gets nothing anyway.
            Standing::Suspected => is_active.then_some(SightOutcome::Suspected),
            Standing::Sweeping(sweep) => {
                self.ban_sweep(sweep, evidence);
                Some(SightOutcome::Banned)
            }
        }
    }

    /// The type that the device was of when it was looked up.
    #[must_use]
    pub fn phone_type(&self, known: &Known) -> TypeKey {
        self.memory.index.phone_type(known)
    }

    /// Looks the device up and takes in nothing, for the time that it takes.
    pub fn look_up(&self, mac: Mac) {
        std::hint::black_box(self.memory.index.known(mac));
    }

    /// The device was sent a file of its own, to that address. Costs nothing but for the first time in
    /// a network.
    pub fn note_served(&self, mac: Mac, known: &Known, address: IpAddr) {
        if known.served {
            if !self.memory.index.is_at_home(known, address) {
                self.memory.index.moved(mac, address);
            }
            return;
        }
        let served = SightingUpdate::Served(mac, self.clock.now());
        // A full queue drops it; the next file tells it again.
        if self.sighting_updates.try_send(served).is_ok() {
            self.memory.index.served(mac, address);
        }
    }

    /// A file is sent to the device that sets `now`, whose files are known to have set `before`.
    /// Whether that is known from now on, or will be stored behind the answer: `false` when there
    /// is no room to keep it in, and the next file must tell it again.
    #[must_use]
    pub fn note_written(&self, mac: Mac, before: &Written, now: Written) -> bool {
        if before.covers(&now) {
            return true;
        }
        let update = SightingUpdate::Written(mac, now.clone());
        let is_noted = self.sighting_updates.try_send(update).is_ok();
        if is_noted {
            self.memory.index.written(mac, &now);
        }
        is_noted
    }

    fn first_contact(&self, catalogue: &Catalogue, evidence: RequestEvidence<'_>) -> SightOutcome {
        let RequestEvidence { mac, address, .. } = evidence;
        let now = self.clock.now();
        let Some(claim) = evidence.claim(now) else { return SightOutcome::NoType };
        let waiting = self.memory.index.waiting();
        if let Some(is_stronger) = waiting.claims_more(mac, claim.strength) {
            if is_stronger {
                self.claim(catalogue, evidence);
            }
            return self.sent_to_be_recorded();
        }
        let per_hour = self.quota.new_macs_per_address_per_hour;
        let Some(counted) = self.new_macs.admit(address, per_hour, now) else {
            self.new_macs.note_over_address_limit(address);
            return SightOutcome::NotRecorded(NotRecorded::OverQuota);
        };
        let room = match waiting.take_room(mac, address, claim.strength) {
            Ok(room) => room,
            Err(NoRoom::Already) => return self.sent_to_be_recorded(),
            Err(NoRoom::Full) => {
                self.new_macs.note_full(waiting.limit());
                return SightOutcome::NotRecorded(NotRecorded::OverQuota);
            }
        };
        let ports = listed_ports(catalogue, &claim);
        let shown = shown(evidence);
        let newcomer = Box::new(Newcomer {
            mac,
            address,
            claim,
            ports,
            is_told: shown.type_guess.is_some(),
            firmware: shown.firmware.map(str::to_owned),
            certificate: shown.certificate.map(str::to_owned),
        });
        if self.contacts.send(Contact::First { newcomer, room, counted }).is_err() {
            self.contacts.note_dropped(&QUEUE_FULL);
            return SightOutcome::NotRecorded(NotRecorded::QueueFull);
        }
        self.sent_to_be_recorded()
    }

    /// What is told of a device that waits for the store.
    fn sent_to_be_recorded(&self) -> SightOutcome {
        if self.contacts.store_failed() {
            return SightOutcome::NotRecorded(NotRecorded::StoreFailed);
        }
        SightOutcome::Recorded
    }

    /// Has the claim recorded; whether there was room for it.
    fn claim(&self, catalogue: &Catalogue, evidence: RequestEvidence<'_>) -> bool {
        let Some(claim) = evidence.claim(self.clock.now()) else { return false };
        let ports = listed_ports(catalogue, &claim);
        let claim = Contact::Claim { mac: evidence.mac, claim: Box::new(claim), ports };
        let sent = self.contacts.send(claim).is_ok();
        if !sent {
            self.contacts.note_dropped(&QUEUE_FULL);
        }
        sent
    }

    fn note(&self, catalogue: &Catalogue, known: &Known, evidence: RequestEvidence<'_>) {
        let now = self.clock.now();
        let age = now - known.last_seen;
        if age < NOTE_CHANGE_S {
            return;
        }
        let hash = shown(evidence).hash();
        let is_new = hash != known.seen_hash;
        if !is_new && known.last_seen >= Sighting::hour_of(evidence.mac, now) {
            return;
        }
        let sighting = sighting(evidence, now);
        // A full queue drops it; the index stays as it was, so the next request tries again.
        if self.sighting_updates.try_send(SightingUpdate::Seen(evidence.mac, sighting)).is_err() {
            return;
        }
        self.memory.index.noted(evidence.mac, now, Some(hash));
        // What contradicts is kept beside what counts, for the operator who decides. A guess is
        // as well where nothing better is known, and may count, see `Claim::is_untouched_by`.
        let is_kept = evidence.strength().is_told() || known.strength == Strength::Contradicted;
        let told = evidence.identity.phone_type.as_ref().filter(|_| is_kept);
        if is_new
            && !is_settled(known)
            && told.is_some_and(|told| *told != self.memory.index.phone_type(known))
            && evidence.strength() <= known.strength
        {
            self.claim(catalogue, evidence);
        }
    }
}

const QUEUE_FULL: &str = "too many come at once";

/// An operator promoted it, and it takes what it is sent: nothing that requests claim counts.
fn is_settled(known: &Known) -> bool {
    known.active && known.served
}

/// The ports of a type as far as the claim is believed.
fn listed_ports(catalogue: &Catalogue, claim: &Claim) -> u16 {
    let ports = catalogue.phone_type(&claim.phone_type).map_or(1, |phone_type| phone_type.ports);
    if ports > CLAIMED_PORTS && claim.strength < Strength::Certificate { 1 } else { ports }
}

fn sighting(evidence: RequestEvidence<'_>, now: Timestamp) -> Sighting {
    let shown = shown(evidence);
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

/// What it shows; a type that it tells only.
fn shown(evidence: RequestEvidence<'_>) -> SightingFingerprint<'_> {
    let identity = evidence.identity;
    SightingFingerprint {
        address: evidence.address,
        user_agent: evidence.user_agent,
        type_guess: identity.phone_type.as_ref().filter(|_| identity.strength.is_told()),
        firmware: identity.firmware.as_deref(),
        certificate: evidence.certificate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_ports_are_listed_for_a_certificate_or_an_operator() {
        let catalogue = Catalogue::load(&crate::catalogue::Sources::default()).unwrap();
        let ports = |phone_type: &str, strength| {
            let phone_type = phone_type.parse().unwrap();
            let claim = Claim {
                phone_type,
                strength,
                first: Timestamp::from_seconds(1),
                last: Timestamp::from_seconds(1),
                address: None,
                first_address: None,
                user_agent: String::new(),
            };
            listed_ports(&catalogue, &claim)
        };
        for strength in [Strength::Path, Strength::UserAgent] {
            assert_eq!(ports("kws6000", strength), 1, "{strength:?}");
            assert_eq!(ports("kws300", strength), 12, "{strength:?}");
        }
        for strength in [Strength::Certificate, Strength::Operator] {
            assert_eq!(ports("kws6000", strength), 1_000, "{strength:?}");
        }
    }
}
