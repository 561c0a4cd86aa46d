//! The published API's six phone commands, but for reading the types: inactive, active, promote,
//! demote, assign.

use std::collections::BTreeMap;

use serde_json::json;

use super::change::Plan;
use super::{Actor, Listing, Registry, RegistryError};
use crate::domain::{Action, CompanyId, Mac, PhoneId, Port, Subject};

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
    /// returns how many.
    /// Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], [`RegistryError::NoSuchCompany`], "Phone not found",
    /// [`RegistryError::Render`] when a file of the type cannot be made of the settings.
    pub async fn promote(
        &self,
        actor: &Actor,
        id: PhoneId,
        company: &str,
    ) -> Result<usize, RegistryError> {
        actor.require_default_company()?;
        // Before the device: that must not show to whom the company is not.
        let company = &self.directory().require_own_company(actor, company)?;
        let now = self.clock.now();
        self.change_device(actor, id.mac, |device, directory| {
            let (promoted, moved) = device.promote(id.port, company, now)?;
            directory.require_company(actor, company)?;
            let mut event = actor.event(now, Action::Promote, Subject::Phone, id.to_string());
            event.company = company.to_string();
            event.before = json!({ "state": "inactive" });
            event.after = json!({ "state": "active", "company": company, "ports": moved });
            let plan = self.plan_device(actor, id, (Some(device), promoted), directory, moved)?;
            Ok(plan.recorded(event))
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
