//! A device: all phones behind one MAC, and what may happen to them.
//!
//! The device is the unit that is read, changed and stored as a whole: it makes
//! one boot, has one type, and every command of the API that names one of its
//! phones is all or nothing for the ports it touches. Each transition takes
//! the device as it is and returns the device as it should be; nothing is
//! changed until the store has committed the result.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::settings::Layer;
use super::{CompanyId, Mac, PhoneId, Port, Revision, Timestamp, TypeKey};

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

/// All phones behind one MAC. Has at least one port.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    pub mac: Mac,
    pub phone_type: TypeKey,
    pub ports: BTreeMap<Port, Phone>,
    /// `None`: created by an operator and not seen yet.
    pub sighting: Option<Sighting>,
    /// When anything that its configuration is made of last changed.
    pub changed: Timestamp,
    pub revision: Revision,
}

/// Why a command cannot be done to a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// The named port is not there, or not in the state the command acts on.
    #[error("Phone not found")]
    NotFound,
    /// A matched phone is in another company than the caller said.
    #[error("Source company mismatch")]
    SourceCompanyMismatch,
    #[error("Phone already activated")]
    AlreadyExists,
    /// The device is of another type, and a device has only one.
    #[error("Device is of another phone type")]
    TypeMismatch,
    /// An active port that the other type does not have.
    #[error("Port {0} is active and the phone type has no such port")]
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
    /// A device as its first request makes it: every port of the type, inactive.
    #[must_use]
    pub fn sighted(mac: Mac, phone_type: TypeKey, ports: u16, sighting: Sighting) -> Device {
        let now = sighting.first;
        Device {
            mac,
            phone_type,
            ports: Port::first(ports.max(1)).map(|port| (port, Phone::inactive(now))).collect(),
            sighting: Some(sighting),
            changed: now,
            revision: 1,
        }
    }

    #[must_use]
    pub fn phone(&self, port: Port) -> Option<&Phone> {
        self.ports.get(&port)
    }

    /// The names of its phones, in order of port.
    pub fn phone_ids(&self) -> impl Iterator<Item = PhoneId> + '_ {
        self.ports.keys().map(|&port| PhoneId { mac: self.mac, port })
    }

    #[must_use]
    pub fn has_active_port(&self) -> bool {
        self.ports.values().any(|phone| phone.state != State::Inactive)
    }

    #[must_use]
    pub fn inactive_ports(&self) -> usize {
        self.ports.values().filter(|phone| phone.state == State::Inactive).count()
    }

    fn next(&self, now: Timestamp) -> Device {
        Device { changed: now, revision: self.revision + 1, ..self.clone() }
    }

    fn require_inactive(&self, port: Port) -> Result<(), TransitionError> {
        match self.ports.get(&port).map(|phone| &phone.state) {
            Some(State::Inactive) => Ok(()),
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
        let mut device = self.next(now);
        let mut moved = 0;
        for phone in device.ports.values_mut().filter(|p| p.state == State::Inactive) {
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
        let mut device = self.next(now);
        let before = device.ports.len();
        device.ports.retain(|_, phone| phone.state != State::Inactive);
        let removed = before - device.ports.len();
        Ok(((!device.ports.is_empty()).then_some(device), removed))
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
        let mut device = self.next(now);
        let mut from = BTreeMap::new();
        for (&number, phone) in &mut device.ports {
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

    /// A better guess at the type of a device none of whose ports is active:
    /// missing ports appear, ports the type does not have go, the rest keep
    /// their `created`. `None` when a port is active (an operator decided) or
    /// nothing would change.
    #[must_use]
    pub fn retyped(&self, phone_type: &TypeKey, ports: u16, now: Timestamp) -> Option<Device> {
        if self.has_active_port() || self.phone_type == *phone_type {
            return None;
        }
        let mut device = self.next(now);
        device.phone_type = phone_type.clone();
        device.ports.retain(|port, _| port.number() < ports.max(1));
        for port in Port::first(ports.max(1)) {
            device.ports.entry(port).or_insert_with(|| Phone::inactive(now));
        }
        Some(device)
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
        if self.ports.get(&port).is_some_and(|there| there.state != State::Inactive) {
            return Err(TransitionError::AlreadyExists);
        }
        if self.has_active_port() && self.phone_type != *phone_type {
            return Err(TransitionError::TypeMismatch);
        }
        let mut device = self.next(now);
        device.phone_type = phone_type.clone();
        let created = self.ports.get(&port).map_or(phone.created, |there| there.created);
        device.ports.insert(port, Phone { created, ..phone });
        Ok(device)
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
        let mut device = self.next(now);
        let phone = device.ports.get_mut(&port).ok_or(TransitionError::NotFound)?;
        phone.name = name;
        phone.settings = settings;
        Ok(device)
    }

    /// Makes the device one of another type, as an operator says: inactive ports
    /// the type does not have go; those it has besides appear inactive, once the
    /// device was seen.
    ///
    /// # Errors
    /// [`TransitionError::PortInUse`] when an active one would have to go.
    pub fn with_type(
        &self,
        phone_type: &TypeKey,
        ports: u16,
        now: Timestamp,
    ) -> Result<Device, TransitionError> {
        let mut device = self.next(now);
        device.phone_type = phone_type.clone();
        device
            .ports
            .retain(|port, phone| port.number() < ports.max(1) || phone.state != State::Inactive);
        if let Some(port) = device.ports.keys().find(|port| port.number() >= ports.max(1)) {
            return Err(TransitionError::PortInUse(*port));
        }
        for port in Port::first(ports).filter(|_| self.sighting.is_some()) {
            device.ports.entry(port).or_insert_with(|| Phone::inactive(now));
        }
        Ok(device)
    }

    /// Removes the active phone of `port`; `None` when no phone is left.
    ///
    /// # Errors
    /// [`TransitionError::NotFound`] when that port is not active.
    pub fn without_active(
        &self,
        port: Port,
        now: Timestamp,
    ) -> Result<Option<Device>, TransitionError> {
        match self.ports.get(&port).map(|phone| &phone.state) {
            Some(State::Active(_)) => {}
            _ => return Err(TransitionError::NotFound),
        }
        let mut device = self.next(now);
        device.ports.remove(&port);
        Ok((!device.ports.is_empty()).then_some(device))
    }
}
