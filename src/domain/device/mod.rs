//! A device: all phones behind one MAC.
//!
//! The device is the unit that is read, changed and stored as a whole: it makes
//! one boot, has one type, and every command of the API that names one of its
//! phones is all or nothing for the ports it touches. What may happen to it is in
//! [`transition`].

#[cfg(test)]
mod tests;
mod transition;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use super::admission::AdmissionState;
use super::settings::{Layer, Written};
use super::{Claims, CompanyId, Mac, PhoneId, Port, Revision, Strength, Timestamp, TypeKey};
pub use transition::{Assigned, TransitionError};

/// Ports that wait for an operator. They follow from the device's type and are
/// nothing of their own: whatever type an unknown device claims, it is one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The first so many ports of the device wait, but for those among its [`Device::phones`].
    /// At least 1.
    pub ports: u16,
    /// First contact.
    pub created: Timestamp,
}

/// All phones behind one MAC. Has at least one, waiting or its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// Unique: what tells the device from all others.
    pub mac: Mac,
    /// The type of every phone of it.
    pub phone_type: TypeKey,
    /// `None`: every phone of the device is among [`Device::phones`].
    pub waiting: Option<Waiting>,
    /// The phones an operator made active, or gave a name or settings.
    pub phones: BTreeMap<Port, Phone>,
    /// `None`: created by an operator and not seen yet.
    pub sighting: Option<Sighting>,
    /// What it was claimed to be. The strongest told [`Device::phone_type`], unless an operator
    /// promoted the device before that claim came.
    pub claims: Claims,
    /// When it was first sent a file of its own.
    pub served: Option<Timestamp>,
    /// What files that it was sent have set, and what must be taken back therefore where nothing
    /// sets it any more. Only grows, for as long as there is the device.
    pub written: Written,
    /// How it proved itself before.
    pub admission: AdmissionState,
    /// When anything that its configuration is made of last changed.
    pub changed: Timestamp,
    /// The revision of its last change; given by the store. What is noted of its requests is no
    /// change.
    pub revision: Revision,
}

impl Device {
    /// A device as its first request makes it: every port of the type waits.
    #[must_use]
    pub fn sighted(mac: Mac, phone_type: TypeKey, ports: u16, sighting: Sighting) -> Device {
        let now = sighting.first;
        Device {
            mac,
            phone_type,
            waiting: Some(Waiting { ports: ports.max(1), created: now }),
            phones: BTreeMap::new(),
            sighting: Some(sighting),
            claims: Claims::default(),
            served: None,
            written: Written::default(),
            admission: AdmissionState::default(),
            changed: now,
            revision: Revision::NONE,
        }
    }

    /// The phone of `port`, waiting or its own.
    #[must_use]
    pub fn phone(&self, port: Port) -> Option<Cow<'_, Phone>> {
        if let Some(phone) = self.phones.get(&port) {
            return Some(Cow::Borrowed(phone));
        }
        let waiting = self.waiting.filter(|waiting| port.number() < waiting.ports)?;
        Some(Cow::Owned(Phone::inactive(waiting.created)))
    }

    /// Every port there is, in order.
    pub fn ports(&self) -> impl Iterator<Item = Port> + '_ {
        let waiting = self.waiting.map_or(0, |waiting| waiting.ports);
        let own = self.phones.keys().copied();
        Port::first(waiting).chain(own.filter(move |port| port.number() >= waiting))
    }

    /// The ports that wait, in order.
    fn waiting_ports(&self) -> impl Iterator<Item = Port> + '_ {
        let first = Port::first(self.waiting.map_or(0, |waiting| waiting.ports));
        first.filter(|port| !self.phones.contains_key(port))
    }

    /// The names of its phones, in order of port.
    pub fn phone_ids(&self) -> impl Iterator<Item = PhoneId> + '_ {
        self.ports().map(|port| PhoneId { mac: self.mac, port })
    }

    /// Whether at least one of its phones is active.
    #[must_use]
    pub fn has_active_port(&self) -> bool {
        self.phones.values().any(|phone| phone.state != State::Inactive)
    }

    /// How many of its phones are inactive, those that wait and others.
    #[must_use]
    pub fn inactive_ports(&self) -> usize {
        let own = self.phones.values().filter(|phone| phone.state == State::Inactive);
        self.waiting_ports().count() + own.count()
    }

    /// The companies of its active phones, in order of port.
    pub fn companies(&self) -> impl Iterator<Item = &CompanyId> {
        self.phones.values().filter_map(Phone::company)
    }

    /// How strong a claim is that tells its type: what is not stronger changes nothing. A type
    /// that nobody claimed, of a device with an active port, is an operator's.
    #[must_use]
    pub fn strength(&self) -> Strength {
        match self.claims.strongest() {
            Some(claim) => claim.strength,
            None if self.has_active_port() => Strength::Operator,
            None => Strength::Assumed,
        }
    }

    /// Whether an operator decided anything about it: what it is, or what one of its phones gets.
    #[must_use]
    pub fn is_touched(&self) -> bool {
        !self.phones.is_empty() || self.strength() == Strength::Operator
    }

    /// When it was last heard of: a request, or one of its phones made.
    #[must_use]
    pub fn last_sign(&self) -> Timestamp {
        let seen = self.sighting.as_ref().map(|seen| seen.last);
        let waiting = self.waiting.map(|waiting| waiting.created);
        let made = self.phones.values().map(|phone| phone.created);
        seen.into_iter().chain(waiting).chain(made).max().unwrap_or_default()
    }

    /// Inactive phones that nobody gave anything, all made at one time, become waiting
    /// ports, when there is no gap before the last of them. For devices of which each
    /// phone is told, as in an import.
    #[must_use]
    pub fn folded(mut self) -> Device {
        if self.waiting.is_some() {
            return self;
        }
        let bare = |phone: &Phone| *phone == Phone::inactive(phone.created);
        let Some((last, phone)) = self.phones.iter().rfind(|(_, phone)| bare(phone)) else {
            return self;
        };
        let (ports, created) = (last.number() + 1, phone.created);
        let before = self.phones.range(..=*last);
        let at_one_time =
            self.phones.values().filter(|own| bare(own)).all(|own| own.created == created);
        if before.count() == usize::from(ports) && at_one_time {
            self.phones.retain(|_, phone| !bare(phone));
            self.waiting = Some(Waiting { ports, created });
        }
        self
    }

    fn changed_at(&self, now: Timestamp) -> Device {
        Device { changed: now, ..self.clone() }
    }

    /// `None` when no phone is left; without [`Device::waiting`] when nothing waits.
    fn with_some_phone(mut self) -> Option<Device> {
        if self.waiting_ports().next().is_none() {
            self.waiting = None;
        }
        (self.waiting.is_some() || !self.phones.is_empty()).then_some(self)
    }
}

/// The two states of a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Seen, not yet promoted: gets nothing.
    Inactive,
    /// Belongs to a company and gets its configuration.
    Active(CompanyId),
}

/// One phone: a port of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct Phone {
    /// Whether it belongs to a company and gets its configuration.
    pub state: State,
    /// First contact (or `create`); kept through promote and assign.
    pub created: Timestamp,
    /// What people call the phone; empty when no name was given.
    pub name: String,
    /// The highest layer: what is said of this phone alone.
    pub settings: Layer,
}

impl Phone {
    /// A phone that nobody has promoted: no company, no name, no settings.
    #[must_use]
    pub fn inactive(created: Timestamp) -> Phone {
        Phone { state: State::Inactive, created, name: String::new(), settings: Layer::default() }
    }

    /// The company of an active phone.
    #[must_use]
    pub fn company(&self) -> Option<&CompanyId> {
        match &self.state {
            State::Inactive => None,
            State::Active(company) => Some(company),
        }
    }
}

/// What the requests of a device told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// When the first request came.
    pub first: Timestamp,
    /// When the last request came that was noted.
    pub last: Timestamp,
    /// Where that one came from.
    pub address: IpAddr,
    /// The `User-Agent`, at most [`Sighting::MAX_USER_AGENT`] bytes, control characters escaped;
    /// empty when the handset sent none.
    pub user_agent: String,
    /// The type the last telling request suggested; may differ from the device's.
    pub type_guess: Option<TypeKey>,
    /// The version as the User-Agent spelled it.
    pub firmware: Option<String>,
    /// What told the most of the client certificate, its common name as a rule, when one was
    /// presented and checked.
    pub certificate: Option<String>,
}

impl Sighting {
    /// The longest real User-Agent known has 140 bytes; twice that is kept.
    pub const MAX_USER_AGENT: usize = 280;

    /// A device that shows the same is noted once in so many seconds.
    const NOTED_EVERY_S: i64 = 3600;

    /// When the hour began that `at` is in. A device has hours of its own, in each of which a request
    /// that shows nothing new is noted once, by whichever gateway: what is on record is right to the
    /// hour. If all devices had the same, those that ask every few minutes would be noted at the same
    /// time.
    #[must_use]
    pub fn hour_of(mac: Mac, at: Timestamp) -> Timestamp {
        // MACs of one delivery are consecutive; a multiplication spreads them.
        let spread = mac.bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let begins = spread.cast_signed() % Sighting::NOTED_EVERY_S;
        at - (at.seconds().saturating_sub(begins)).rem_euclid(Sighting::NOTED_EVERY_S)
    }

    /// Whether a `later` sighting is to be noted in this one, which is on record of the device: it
    /// shows something else, or is the first in its hour.
    #[must_use]
    pub fn is_news(&self, mac: Mac, later: &Sighting) -> bool {
        self.last < Sighting::hour_of(mac, later.last)
            || Sighting { last: self.last, ..self.noting(later) } != *self
    }

    /// This sighting with a `later` one noted in it. What the later request did
    /// not tell (no User-Agent, no model) stays as it was known.
    #[must_use]
    pub fn noting(&self, later: &Sighting) -> Sighting {
        let told = !later.user_agent.is_empty();
        Sighting {
            first: self.first,
            last: later.last.max(self.last),
            address: later.address,
            user_agent: if told { &later.user_agent } else { &self.user_agent }.clone(),
            type_guess: later.type_guess.clone().or_else(|| self.type_guess.clone()),
            firmware: later.firmware.clone().or_else(|| self.firmware.clone()),
            certificate: later.certificate.clone().or_else(|| self.certificate.clone()),
        }
    }
}
