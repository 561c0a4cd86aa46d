//! The published API's six phone commands, but for reading the types: inactive, active, promote,
//! demote, assign; and what makes inactive devices go by themselves.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Actor, DeviceChange, Listing, Registry, RegistryError};
use crate::domain::{
    Action, CompanyId, Device, Event, Mac, PhoneId, Port, Subject, TransitionError,
};
use crate::store::{Mutation, StoreError};

/// Times a change is tried again when another process changed the same device.
const TRIES: usize = 4;

/// Inactive devices that go in one round; the next round takes more.
const EXPIRED_AT_ONCE: usize = 1000;

impl Registry {
    /// Every inactive phone.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`] without access to `default`.
    pub fn inactive(&self, actor: &Actor) -> Result<Listing, RegistryError> {
        actor.require_default_company()?;
        Ok(self.index.list(false, None))
    }

    /// The active phones of `companies`, or of all the caller administers.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`] without access to `default`;
    /// [`RegistryError::NoSuchCompany`] when one is unknown or another's.
    pub fn active(
        &self,
        actor: &Actor,
        companies: Option<&[CompanyId]>,
    ) -> Result<Listing, RegistryError> {
        actor.require_default_company()?;
        let directory = self.directory();
        for company in companies.unwrap_or_default() {
            directory.require_company(actor, company)?;
        }
        Ok(self.index.list(true, companies.or(actor.companies())))
    }

    /// Activates every inactive port of the device, all or nothing; returns how many.
    /// Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], [`RegistryError::NoSuchCompany`], "Phone not found",
    /// [`RegistryError::Render`] when a file of the type cannot be made of the settings.
    pub async fn promote(
        &self,
        actor: &Actor,
        id: PhoneId,
        company: &CompanyId,
    ) -> Result<usize, RegistryError> {
        actor.require_default_company()?;
        if !actor.administers(company) {
            return Err(RegistryError::PermissionDenied);
        }
        self.directory().require_company(actor, company)?;
        let now = self.clock.now();
        self.change(id.mac, |device| {
            let (promoted, moved) = device.promote(id.port, company, now)?;
            self.compose(promoted.clone()).check_renderable(id)?;
            let mut event = actor.event(now, Action::Promote, Subject::Phone, id.to_string());
            event.company = company.to_string();
            event.before = json!({ "state": "inactive" });
            event.after = json!({ "state": "active", "company": company, "ports": moved });
            Ok((Some(promoted), event, moved))
        })
        .await
    }

    /// Removes every inactive port of the device; returns how many. Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], "Phone not found".
    pub async fn demote(&self, actor: &Actor, id: PhoneId) -> Result<usize, RegistryError> {
        actor.require_default_company()?;
        let now = self.clock.now();
        self.change(id.mac, |device| {
            let (left, removed) = device.demote(id.port, now)?;
            let mut event = actor.event(now, Action::Demote, Subject::Phone, id.to_string());
            event.before = json!({
                "state": "inactive", "phone_type": device.phone_type, "ports": removed,
            });
            Ok((left, event, removed))
        })
        .await
    }

    /// Moves active phones of a device to `target`; returns the company each was in.
    /// Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], [`RegistryError::NoSuchCompany`], "Phone not found",
    /// "Source company mismatch", [`RegistryError::Render`].
    pub async fn assign(
        &self,
        actor: &Actor,
        mac: Mac,
        port: Option<Port>,
        source: Option<&CompanyId>,
        target: &CompanyId,
    ) -> Result<BTreeMap<Port, CompanyId>, RegistryError> {
        actor.require_system_admin()?;
        self.directory().require_company(actor, target)?;
        let now = self.clock.now();
        self.change(mac, |device| {
            let assigned = device.assign(port, source, target, now)?;
            let first = *assigned.from.keys().next().expect("assign matches at least one port");
            let id = PhoneId { mac, port: port.unwrap_or(first) };
            self.compose(assigned.device.clone()).check_renderable(id)?;
            let mut event = actor.event(now, Action::Assign, Subject::Phone, id.to_string());
            event.company = target.to_string();
            event.before = json!({ "company": assigned.from });
            event.after = json!({ "company": target });
            Ok((Some(assigned.device), event, assigned.from))
        })
        .await
    }

    /// Removes inactive devices nobody asked for in the quota's time; returns how many.
    ///
    /// # Errors
    /// What the store says; devices before it are gone.
    pub async fn expire(&self) -> Result<usize, RegistryError> {
        let now = self.clock.now();
        let before = now - self.quota.inactive_max_age_s;
        let mut gone = 0;
        for mac in self.index.unseen_since(before, EXPIRED_AT_ONCE) {
            let expired = self
                .change(mac, |device| {
                    let Some(first) = device.ports.keys().next().copied() else {
                        return Err(TransitionError::NotFound.into());
                    };
                    let (left, removed) = device.demote(first, now)?;
                    let name = mac.to_string();
                    let mut event =
                        Actor::Gateway.event(now, Action::Expired, Subject::Phone, name);
                    event.before = json!({ "phone_type": device.phone_type, "ports": removed });
                    Ok((left, event, ()))
                })
                .await;
            match expired {
                Ok(()) => gone += 1,
                Err(RegistryError::Transition(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(gone)
    }

    /// One change to one device: read, compute, commit with its audit record, index.
    ///
    /// `next` gives the device as it should be (`None`: gone), the record and the
    /// result. It is asked again when another process was faster.
    pub(super) async fn change<T>(
        &self,
        mac: Mac,
        next: impl Fn(&Device) -> Result<(Option<Device>, Event, T), RegistryError>,
    ) -> Result<T, RegistryError> {
        self.change_or_make(mac, |device| match device {
            Some(device) => next(device),
            None => Err(TransitionError::NotFound.into()),
        })
        .await
    }

    /// As [`Registry::change`], also for a device there is not yet.
    pub(super) async fn change_or_make<T>(
        &self,
        mac: Mac,
        next: impl Fn(Option<&Device>) -> Result<(Option<Device>, Event, T), RegistryError>,
    ) -> Result<T, RegistryError> {
        let _changing = self.lock_device(mac).await;
        for _ in 0..TRIES {
            let device = self.store.device(mac).await?;
            if device.is_none() {
                self.index.remove(mac);
            }
            let (changed, event, result) = next(device.as_ref())?;
            let expect = device.map(|device| device.revision);
            let (write, change) = match (changed, expect) {
                (Some(device), expect) => (
                    Mutation::PutDevice { device: device.clone(), expect },
                    DeviceChange::Put { device, seen_hash: None },
                ),
                (None, Some(expect)) => {
                    (Mutation::RemoveDevice { mac, expect }, DeviceChange::Remove(mac))
                }
                (None, None) => return Err(TransitionError::NotFound.into()),
            };
            match self.commit_device(vec![write, Mutation::Append(event)], change).await {
                Ok(()) => return Ok(result),
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(RegistryError::Contended(format!("phone {mac}")))
    }
}
