//! The published API's six phone commands, but for reading the types: inactive, active, promote,
//! demote, assign.

use std::collections::BTreeMap;

use serde_json::json;

use super::change::Plan;
use super::phones::{no_type, require_port};
use super::untyped::Untyped;
use super::{Actor, Listing, Registry, RegistryError, limits};
use crate::domain::{Action, CompanyId, Device, Mac, PhoneId, Port, Subject, Timestamp, TypeKey};

/// What an operator says that a device is, as it is promoted.
#[derive(Debug, Clone)]
pub struct PromotedAs {
    /// The type of the whole device.
    pub phone_type: TypeKey,
    /// Whether the MAC may be of another maker than the type.
    pub other_maker: bool,
}

impl Registry {
    /// Every inactive phone.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`] without access to `default`.
    pub fn inactive(&self, actor: &Actor) -> Result<Listing, RegistryError> {
        actor.require_default_company()?;
        Ok(self.memory.index.list(false, None))
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
        Ok(self.memory.index.list(true, companies.or(actor.companies())))
    }

    /// Activates every inactive port of the device in the company of that name, all or nothing;
    /// returns how many. Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], also for who says the type of a device with an active
    /// port and is no System-Admin; [`RegistryError::NoSuchCompany`], "Phone not found",
    /// [`RegistryError::NoSuchType`], [`RegistryError::Invalid`] when the type is another maker's,
    /// or is to be said, since the phone names a maker and none of its types;
    /// [`RegistryError::Render`] when a file of the type cannot be made of the settings.
    pub async fn promote(
        &self,
        actor: &Actor,
        id: PhoneId,
        company: &str,
        said: Option<&PromotedAs>,
    ) -> Result<usize, RegistryError> {
        actor.require_default_company()?;
        // Before the device: that must not show to whom the company is not.
        let company = &self.directory().require_own_company(actor, company)?;
        let now = self.clock.now();
        self.change_device(actor, id.mac, |device, directory| {
            let (mut promoted, mut moved) = device.promote(id.port, company, now)?;
            directory.require_company(actor, company)?;
            match said {
                Some(said) => {
                    let typed = self.said_to_be(actor, device, id, said, now)?;
                    (promoted, moved) = typed.promote(id.port, company, now)?;
                }
                None => {
                    let untyped = Untyped::of(&self.catalogue(), device);
                    untyped.map_or(Ok(()), |untyped| untyped.require_type(id))?;
                }
            }
            let mut event = actor.event(now, Action::Promote, Subject::Phone, id.to_string());
            event.company = company.to_string();
            event.before = json!({ "state": "inactive" });
            event.after = json!({ "state": "active", "company": company, "ports": moved });
            if promoted.phone_type != device.phone_type {
                event.before["phone_type"] = json!(device.phone_type);
                event.after["phone_type"] = json!(promoted.phone_type);
            }
            let plan = self.plan_device(actor, id, (Some(device), promoted), directory, moved)?;
            Ok(plan.recorded(event))
        })
        .await
    }

    /// The device as one of the type that an operator says.
    fn said_to_be(
        &self,
        actor: &Actor,
        device: &Device,
        id: PhoneId,
        said: &PromotedAs,
        now: Timestamp,
    ) -> Result<Device, RegistryError> {
        // Active ports are of a company, and get the files of the type.
        if device.has_active_port() {
            actor.require_system_admin()?;
        }
        let (catalogue, key) = (self.catalogue(), &said.phone_type);
        let phone_type = catalogue.phone_type(key).ok_or_else(|| no_type(&catalogue, key))?;
        require_port(phone_type, id.port)?;
        if !said.other_maker {
            limits::require_maker(&catalogue, id.mac, phone_type)?;
        }
        Ok(device.with_type(key, phone_type.ports, now)?)
    }

    /// Removes every inactive port of the device; returns how many. Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], "Phone not found".
    pub async fn demote(&self, actor: &Actor, id: PhoneId) -> Result<usize, RegistryError> {
        actor.require_default_company()?;
        let now = self.clock.now();
        self.change_device(actor, id.mac, |device, _| {
            let (left, removed) = device.demote(id.port, now)?;
            let mut event = actor.event(now, Action::Demote, Subject::Phone, id.to_string());
            event.before = json!({
                "state": "inactive", "phone_type": device.phone_type, "ports": removed,
            });
            Ok(Plan::device(Some(device), left, removed).recorded(event))
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
        self.change_device(actor, mac, |device, directory| {
            directory.require_company(actor, target)?;
            let assigned = device.assign(port, source, target, now)?;
            let first = *assigned.from.keys().next().expect("assign matches at least one port");
            let id = PhoneId { mac, port: port.unwrap_or(first) };
            let mut event = actor.event(now, Action::Assign, Subject::Phone, id.to_string());
            event.company = target.to_string();
            event.before = json!({ "company": assigned.from });
            event.after = json!({ "company": target });
            let change = (Some(device), assigned.device);
            let plan = self.plan_device(actor, id, change, directory, assigned.from)?;
            Ok(plan.recorded(event))
        })
        .await
    }
}
