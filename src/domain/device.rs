//! A device: all phones behind one MAC, and what may happen to them.
//!
//! The device is the unit that is read, changed and stored as a whole: it makes
//! one boot, has one type, and every command of the API that names one of its
//! phones is all or nothing for the ports it touches. Each transition takes
//! the device as it is and returns the device as it should be; nothing is
//! changed until the store has committed the result.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use super::settings::{Layer, Written};
use super::{Claim, Claims, CompanyId, Mac, PhoneId, Port, Revision, Strength, Timestamp, TypeKey};

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
    pub state: State,
    /// First contact (or `create`); kept through promote and assign.
    pub created: Timestamp,
    /// For people; empty when none was given.
    pub name: String,
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
    pub first: Timestamp,
    pub last: Timestamp,
    pub address: IpAddr,
    /// At most [`Sighting::MAX_USER_AGENT`] bytes, control characters escaped;
    /// empty when the handset sent none.
    pub user_agent: String,
    /// The type the last telling request suggested; may differ from the device's.
    pub type_guess: Option<TypeKey>,
    /// As the User-Agent spelled it.
    pub firmware: Option<String>,
    /// Subject CN of the client certificate, when one was presented and checked.
    pub certificate: Option<String>,
}

impl Sighting {
    /// The longest real User-Agent known has 140 bytes; twice that is kept.
    pub const MAX_USER_AGENT: usize = 280;

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
    pub mac: Mac,
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
    /// When anything that its configuration is made of last changed.
    pub changed: Timestamp,
    /// Of its last change; given by the store. What is noted of its requests is none.
    pub revision: Revision,
}

/// Why a command cannot be done to a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// The named port is not there, or not in the state the command acts on.
    #[error("there is no such phone in the state that is needed")]
    NotFound,
    /// A matched phone is in another company than the caller said.
    #[error("a phone is in another company than was said")]
    SourceCompanyMismatch,
    #[error("the phone is active already")]
    AlreadyExists,
    /// The device is of another type, and a device has only one.
    #[error("the device is of another phone type")]
    TypeMismatch,
    /// An active port that the other type does not have.
    #[error("port {0} is active and the phone type has no such port")]
    PortInUse(Port),
}

/// The result of [`Device::assign`].
#[derive(Debug, Clone, PartialEq)]
pub struct Assigned {
    pub device: Device,
    /// The company each matched port was in before.
    pub from: BTreeMap<Port, CompanyId>,
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

    fn require_inactive(&self, port: Port) -> Result<(), TransitionError> {
        match self.phone(port) {
            Some(phone) if phone.state == State::Inactive => Ok(()),
            _ => Err(TransitionError::NotFound),
        }
    }

    /// Every inactive port goes to `company`; returns how many did. Ports that
    /// are active already stay as they are.
    ///
    /// # Errors
    /// [`TransitionError::NotFound`] when `named` itself is not inactive.
    pub fn promote(
        &self,
        named: Port,
        company: &CompanyId,
        now: Timestamp,
    ) -> Result<(Device, usize), TransitionError> {
        self.require_inactive(named)?;
        let mut device = self.changed_at(now);
        let mut moved = 0;
        if let Some(waiting) = device.waiting.take() {
            for port in self.waiting_ports() {
                device.phones.insert(port, Phone::inactive(waiting.created));
            }
        }
        for phone in device.phones.values_mut().filter(|p| p.state == State::Inactive) {
            phone.state = State::Active(company.clone());
            moved += 1;
        }
        Ok((device, moved))
    }

    /// Every inactive port goes; returns what is left (`None`: nothing) and how many went.
    ///
    /// # Errors
    /// [`TransitionError::NotFound`] when `named` itself is not inactive.
    pub fn demote(
        &self,
        named: Port,
        now: Timestamp,
    ) -> Result<(Option<Device>, usize), TransitionError> {
        self.require_inactive(named)?;
        let mut device = self.changed_at(now);
        device.waiting = None;
        device.phones.retain(|_, phone| phone.state != State::Inactive);
        Ok((device.with_some_phone(), self.inactive_ports()))
    }

    /// Moves active phones to `target`: the one of `port`, or all.
    ///
    /// # Errors
    /// [`TransitionError::NotFound`] when no active phone matches;
    /// [`TransitionError::SourceCompanyMismatch`] when `source` is given and one
    /// of the matched is elsewhere. Nothing moves then.
    pub fn assign(
        &self,
        port: Option<Port>,
        source: Option<&CompanyId>,
        target: &CompanyId,
        now: Timestamp,
    ) -> Result<Assigned, TransitionError> {
        let mut device = self.changed_at(now);
        let mut from = BTreeMap::new();
        for (&number, phone) in &mut device.phones {
            if port.is_some_and(|wanted| wanted != number) {
                continue;
            }
            let State::Active(company) = &mut phone.state else { continue };
            if source.is_some_and(|source| source != company) {
                return Err(TransitionError::SourceCompanyMismatch);
            }
            from.insert(number, std::mem::replace(company, target.clone()));
        }
        if from.is_empty() {
            return Err(TransitionError::NotFound);
        }
        Ok(Assigned { device, from })
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

    /// With one more claim, of a type of which the first `ports` ports are believed. A claim
    /// stronger than all before tells the type, while no port is active or the device was never
    /// sent a file of its own: an operator who promoted it may have been misled. `None` when
    /// there is nothing new.
    #[must_use]
    pub fn claimed(&self, claim: Claim, ports: u16, now: Timestamp) -> Option<Device> {
        let settled = self.has_active_port() && self.served.is_some();
        let is_stronger = claim.strength > self.strength();
        let phone_type = claim.phone_type.clone();
        let mut device = self.clone();
        if device.claims.is_empty() && device.strength() == Strength::Operator {
            device.claims.decide(device.phone_type.clone(), device.changed);
        }
        device.claims.add(claim);
        if is_stronger
            && !settled
            && let Some(retyped) = device.of_type(&phone_type, ports, now)
        {
            return Some(retyped);
        }
        (!device.claims.say_the_same(&self.claims)).then_some(device)
    }

    /// Of another type, or with more of its ports; `None` when that is nothing new, or an active
    /// port would have to go.
    fn of_type(&self, phone_type: &TypeKey, ports: u16, now: Timestamp) -> Option<Device> {
        let there = self.waiting.map_or(0, |waiting| waiting.ports);
        if self.phone_type == *phone_type && (there >= ports || self.waiting.is_none()) {
            return None;
        }
        if !self.has_active_port() && self.phone_type != *phone_type {
            return self.retyped(phone_type, ports, now);
        }
        self.of_type_with(phone_type, ports, now).ok()
    }

    /// A better guess at the type of a device none of whose ports is active: its
    /// ports are those of that type, and wait since the device was first there.
    /// `None` when a port is active (an operator decided) or nothing would change.
    #[must_use]
    pub fn retyped(&self, phone_type: &TypeKey, ports: u16, now: Timestamp) -> Option<Device> {
        if self.has_active_port() || self.phone_type == *phone_type {
            return None;
        }
        let mut device = self.changed_at(now);
        device.phone_type = phone_type.clone();
        device.phones.retain(|port, _| port.number() < ports.max(1));
        let created = self.waiting.map_or(now, |waiting| waiting.created);
        device.waiting = Some(Waiting { ports: ports.max(1), created });
        device.with_some_phone()
    }

    /// Adds an active phone to the device, as `create` does.
    ///
    /// # Errors
    /// [`TransitionError::AlreadyExists`] when the port is active already,
    /// [`TransitionError::TypeMismatch`] when another active port fixed another type.
    pub fn with_active(
        &self,
        port: Port,
        phone_type: &TypeKey,
        phone: Phone,
        now: Timestamp,
    ) -> Result<Device, TransitionError> {
        let there = self.phone(port);
        if there.as_ref().is_some_and(|there| there.state != State::Inactive) {
            return Err(TransitionError::AlreadyExists);
        }
        if self.has_active_port() && self.phone_type != *phone_type {
            return Err(TransitionError::TypeMismatch);
        }
        let mut device = self.changed_at(now);
        device.phone_type = phone_type.clone();
        device.claims.decide(phone_type.clone(), now);
        let created = there.map_or(phone.created, |there| there.created);
        device.phones.insert(port, Phone { created, ..phone });
        device.with_some_phone().ok_or(TransitionError::NotFound)
    }

    /// Gives the phone of `port` another name and other settings.
    ///
    /// # Errors
    /// [`TransitionError::NotFound`] when there is no such port.
    pub fn with_values(
        &self,
        port: Port,
        name: String,
        settings: Layer,
        now: Timestamp,
    ) -> Result<Device, TransitionError> {
        let phone = self.phone(port).ok_or(TransitionError::NotFound)?;
        let mut device = self.changed_at(now);
        if phone.name != name || phone.settings != settings {
            let phone = Phone { name, settings, ..phone.into_owned() };
            device.phones.insert(port, phone);
        }
        device.with_some_phone().ok_or(TransitionError::NotFound)
    }

    /// Makes the device one of another type, as an operator says: inactive ports
    /// the type does not have go; those it has besides wait, once the device was seen.
    ///
    /// # Errors
    /// [`TransitionError::PortInUse`] when an active one would have to go.
    pub fn with_type(
        &self,
        phone_type: &TypeKey,
        ports: u16,
        now: Timestamp,
    ) -> Result<Device, TransitionError> {
        let mut device = self.of_type_with(phone_type, ports, now)?;
        device.claims.decide(phone_type.clone(), now);
        Ok(device)
    }

    fn of_type_with(
        &self,
        phone_type: &TypeKey,
        ports: u16,
        now: Timestamp,
    ) -> Result<Device, TransitionError> {
        let ports = ports.max(1);
        let mut device = self.changed_at(now);
        device.phone_type = phone_type.clone();
        device.phones.retain(|port, phone| port.number() < ports || phone.state != State::Inactive);
        if let Some(port) = device.phones.keys().find(|port| port.number() >= ports) {
            return Err(TransitionError::PortInUse(*port));
        }
        let created = self.waiting.map_or(now, |waiting| waiting.created);
        device.waiting = match (&self.sighting, self.waiting) {
            (Some(_), _) => Some(Waiting { ports, created }),
            (None, waiting) => waiting.map(|w| Waiting { ports: w.ports.min(ports), ..w }),
        };
        device.with_some_phone().ok_or(TransitionError::NotFound)
    }

    /// Removes the active phone of `port`; `None` when no phone is left. While other
    /// ports of the device wait, that one waits with them again.
    ///
    /// # Errors
    /// [`TransitionError::NotFound`] when that port is not active.
    pub fn without_active(
        &self,
        port: Port,
        now: Timestamp,
    ) -> Result<Option<Device>, TransitionError> {
        match self.phones.get(&port).map(|phone| &phone.state) {
            Some(State::Active(_)) => {}
            _ => return Err(TransitionError::NotFound),
        }
        let mut device = self.changed_at(now);
        device.phones.remove(&port);
        Ok(device.with_some_phone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn port(number: u16) -> Port {
        Port::new(number).unwrap()
    }

    fn key(text: &str) -> TypeKey {
        text.parse().unwrap()
    }

    fn company() -> CompanyId {
        CompanyId::default_company()
    }

    fn waiting(ports: u16) -> Device {
        let sighting = Sighting {
            first: at(5),
            last: at(5),
            address: [192, 0, 2, 1].into(),
            user_agent: String::new(),
            type_guess: None,
            firmware: None,
            certificate: None,
        };
        Device::sighted(Mac::from_bits(1), key("pap2t"), ports, sighting)
    }

    fn numbers(device: &Device) -> Vec<u16> {
        device.ports().map(Port::number).collect()
    }

    /// Port 1 is active, 0 and 2 wait.
    fn mixed() -> Device {
        let active = Phone { state: State::Active(company()), ..Phone::inactive(at(9)) };
        waiting(3).with_active(port(1), &key("pap2t"), active, at(9)).unwrap()
    }

    #[test]
    fn all_that_waits_is_promoted_and_keeps_when_it_came() {
        let device = mixed();
        assert_eq!((numbers(&device), device.inactive_ports()), (vec![0, 1, 2], 2));
        let (promoted, moved) = device.promote(port(2), &company(), at(20)).unwrap();
        assert_eq!((moved, promoted.waiting), (2, None));
        let phones: Vec<_> = promoted.phones.values().map(|p| (p.created, &p.state)).collect();
        assert_eq!(phones, [(at(5), &State::Active(company())); 3]);
        for named in [0, 1, 3] {
            let gone = promoted.promote(port(named), &company(), at(30));
            assert_eq!(gone, Err(TransitionError::NotFound), "{named}");
        }
    }

    #[test]
    fn all_that_waits_is_demoted_and_the_active_stay() {
        let (left, removed) = mixed().demote(port(0), at(20)).unwrap();
        let left = left.unwrap();
        assert_eq!((numbers(&left), removed, left.waiting), (vec![1], 2, None));
        assert_eq!(waiting(12).demote(port(11), at(20)), Ok((None, 12)));
        assert_eq!(waiting(12).demote(port(12), at(20)), Err(TransitionError::NotFound));
    }

    #[test]
    fn a_phone_deleted_among_waiting_ones_waits_again() {
        let left = mixed().without_active(port(1), at(20)).unwrap().unwrap();
        assert_eq!((numbers(&left), left.inactive_ports()), (vec![0, 1, 2], 3));
        let active = waiting(1).promote(Port::FIRST, &company(), at(9)).unwrap().0;
        assert_eq!(active.without_active(Port::FIRST, at(20)), Ok(None));
    }

    #[test]
    fn a_waiting_port_that_is_given_something_has_a_phone_of_its_own() {
        let named =
            waiting(2).with_values(port(1), "door".to_owned(), Layer::default(), at(9)).unwrap();
        assert_eq!(named.phones.len(), 1);
        assert_eq!(named.phone(port(1)).unwrap().created, at(5));
        let same = waiting(2).with_values(port(1), String::new(), Layer::default(), at(9)).unwrap();
        assert_eq!(same.phones.len(), 0);
        let retyped = named.retyped(&key("spa112"), 1, at(10)).unwrap();
        assert_eq!((numbers(&retyped), retyped.phones.len()), (vec![0], 0));
        assert_eq!(retyped.waiting, Some(Waiting { ports: 1, created: at(5) }));
    }

    #[test]
    fn phones_told_one_by_one_wait_together_where_that_says_the_same() {
        let told = |phones: &[(u16, i64)]| Device {
            waiting: None,
            phones: phones
                .iter()
                .map(|&(n, created)| (port(n), Phone::inactive(at(created))))
                .collect(),
            ..waiting(1)
        };
        let folded = |phones| told(phones).folded().waiting;
        assert_eq!(folded(&[(0, 4), (1, 4)]), Some(Waiting { ports: 2, created: at(4) }));
        for other in [&[(0, 4), (2, 4)][..], &[(0, 4), (1, 5)], &[(1, 4)], &[]] {
            assert_eq!(told(other).folded(), told(other));
        }
        // A port above the last that waits is its own in any case.
        let mut active = told(&[(0, 4), (1, 4)]);
        let phone = Phone { state: State::Active(company()), ..Phone::inactive(at(4)) };
        active.phones.insert(port(7), phone);
        assert_eq!(numbers(&active.clone().folded()), numbers(&active));
    }
}
