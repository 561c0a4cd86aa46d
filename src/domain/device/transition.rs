//! What may happen to a device.
//!
//! Each transition takes the device as it is and returns the device as it should be; nothing
//! is changed until the store has committed the result.

use std::collections::BTreeMap;

use super::{Device, Phone, State, Waiting};
use crate::domain::settings::Layer;
use crate::domain::{Claim, CompanyId, Port, Strength, Timestamp, TypeKey};

/// Why a command cannot be done to a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// The named port is not there, or not in the state the command acts on.
    #[error("there is no such phone in the state that is needed")]
    NotFound,
    /// A matched phone is in another company than the caller said.
    #[error("a phone is in another company than was said")]
    SourceCompanyMismatch,
    /// The named port is active, and the command acts on inactive ones.
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
    /// The device as it is afterwards.
    pub device: Device,
    /// The company each matched port was in before.
    pub from: BTreeMap<Port, CompanyId>,
}

impl Device {
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
        device.admission = device.admission.given(now);
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
        device.admission = device.admission.given(now);
        Ok(Assigned { device, from })
    }

    /// Adds a claim, of a type of which the first `ports` ports are believed. A claim
    /// stronger than all before tells the type, while no port is active or the device was never
    /// sent a file of its own: an operator who promoted it may have been misled. While no port is
    /// active, so does one that the strongest [does not touch](Claim::is_untouched_by). `None`
    /// when there is nothing new.
    #[must_use]
    pub fn claimed(&self, claim: Claim, ports: u16, now: Timestamp) -> Option<Device> {
        let settled = self.has_active_port() && self.served.is_some();
        let mut is_stronger = claim.strength > self.strength();
        let phone_type = claim.phone_type.clone();
        let mut device = self.clone();
        if device.claims.is_empty() && device.strength() == Strength::Operator {
            device.claims.decide(device.phone_type.clone(), device.changed);
        }
        if !device.has_active_port()
            && device.claims.strongest().is_some_and(|strongest| claim.is_untouched_by(strongest))
        {
            device.claims.discount_strongest();
            is_stronger = true;
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

    /// The device with another type, or with more of its ports; `None` when that is nothing new, or
    /// an active port would have to go.
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
        device.admission = device.admission.given(now);
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
