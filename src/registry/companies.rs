//! Companies: made, read, changed, deleted.
//!
//! New settings of a company are checked as a layer only. Whether every phone's
//! files can still be made of them is not tried: there may be thousands, and one
//! phone in odd company must not forbid a change for all. One phone of each type is
//! tried afterwards, see [`Registry::reach`]. A phone whose file
//! cannot be made keeps what it has, and `preview` shows why.

use std::num::NonZeroU64;
use std::sync::Arc;

use serde_json::{Value, json};

use super::audit::FieldChanges;
use super::change::Plan;
use super::limits::{require_families, require_later_token, require_no_file_key};
use super::text::{check_name, patched};
use super::{Actor, Directory, Registry, RegistryError};
use crate::ambient::Random;
use crate::domain::settings::Layer;
use crate::domain::{Action, Company, CompanyId, Event, Subject, Timestamp};
use crate::store::Mutation;

/// A company to be made.
#[derive(Clone)]
pub struct NewCompany {
    /// Must be free.
    pub id: CompanyId,
    /// What people call the company; may be empty.
    pub name: String,
    /// A document of settings; `None`: no settings.
    pub settings: Option<Value>,
}

/// What is to change; `None` stays.
#[derive(Clone, Default)]
pub struct CompanyChange {
    /// The new name.
    pub name: Option<String>,
    /// A merge patch (RFC 7396).
    pub settings: Option<Value>,
}

impl Registry {
    /// `companies`, or all the caller administers, in order of id.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], [`RegistryError::NoSuchCompany`].
    pub fn companies(
        &self,
        actor: &Actor,
        companies: Option<&[CompanyId]>,
    ) -> Result<Vec<Arc<Company>>, RegistryError> {
        actor.require_admin()?;
        let directory = self.directory();
        for company in companies.unwrap_or_default() {
            directory.require_company(actor, company)?;
        }
        let wanted = companies.or(actor.companies());
        let fits = |company: &&Arc<Company>| wanted.is_none_or(|list| list.contains(&company.id));
        Ok(directory.companies.values().filter(fits).cloned().collect())
    }

    /// Makes a company. Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], [`RegistryError::AlreadyExists`],
    /// [`RegistryError::Settings`].
    pub async fn create_company(
        &self,
        actor: &Actor,
        new: NewCompany,
        random: &dyn Random,
    ) -> Result<(), RegistryError> {
        actor.require_system_admin()?;
        check_name(&new.name)?;
        let now = self.clock.now();
        let mut company = Company::new(new.id, new.name, now);
        company.instance = new_instance(random);
        company.settings = patched(&company.settings, new.settings.as_ref())?;
        require_families(&self.catalogue(), &Layer::default(), &company.settings)?;
        require_no_file_key(&Layer::default(), &company.settings)?;
        self.change_directory(actor, |directory| {
            if directory.companies.contains_key(&company.id) {
                return Err(RegistryError::AlreadyExists(format!("Company {}", company.id)));
            }
            let after = json!({ "name": company.name, "settings": company.settings.redacted() });
            let event = Event { after, ..event(actor, now, Action::Create, &company.id) };
            let put = Mutation::PutCompany { company: company.clone(), expect: None };
            Ok(Plan::commit(vec![put], ()).recorded(event))
        })
        .await
    }

    /// Changes name and settings. Durable when it returns. Gives the settings before and after, for
    /// [`Registry::reach`].
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], [`RegistryError::NoSuchCompany`],
    /// [`RegistryError::Settings`].
    pub async fn update_company(
        &self,
        actor: &Actor,
        id: &CompanyId,
        change: CompanyChange,
    ) -> Result<(Layer, Layer), RegistryError> {
        actor.require_admin()?;
        change.name.as_deref().map_or(Ok(()), check_name)?;
        let now = self.clock.now();
        self.change_directory(actor, |directory| {
            directory.require_company(actor, id)?;
            let before = &directory.companies[id];
            let (company, event) = self.changed(actor, directory, before, &change, now)?;
            let layers = (before.settings.clone(), company.settings.clone());
            let put = Mutation::PutCompany { company, expect: Some(before.revision) };
            Ok(Plan::commit(vec![put], layers).recorded(event))
        })
        .await
    }

    /// The company with the change, and what is on record of it.
    pub(super) fn changed(
        &self,
        actor: &Actor,
        directory: &Directory,
        before: &Company,
        change: &CompanyChange,
        now: Timestamp,
    ) -> Result<(Company, Event), RegistryError> {
        let below = [&directory.system.settings];
        let company = Company {
            name: change.name.clone().unwrap_or_else(|| before.name.clone()),
            settings: self.keeping_old_credentials(
                &[&self.gateway_layer, below[0]],
                &before.settings,
                patched(&before.settings, change.settings.as_ref())?,
            ),
            changed: now,
            ..before.clone()
        };
        require_families(&self.catalogue(), &before.settings, &company.settings)?;
        require_no_file_key(&before.settings, &company.settings)?;
        require_later_token(&below, &before.settings, &company.settings)?;
        let mut changes = FieldChanges::default();
        changes.field("name", before.name.as_str(), company.name.as_str());
        changes.settings(&before.settings, &company.settings);
        Ok((company, changes.of(event(actor, now, Action::Update, &before.id))))
    }

    /// Deletes a company nothing belongs to any more. Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], [`RegistryError::NoSuchCompany`],
    /// [`RegistryError::InUse`] for `default` and while a phone or a user names it.
    pub async fn delete_company(&self, actor: &Actor, id: &CompanyId) -> Result<(), RegistryError> {
        actor.require_system_admin()?;
        let now = self.clock.now();
        self.change_directory(actor, |directory| {
            directory.require_company(actor, id)?;
            if id.is_default() {
                let why = "The company default cannot be deleted".to_owned();
                return Err(RegistryError::InUse(why));
            }
            if self.memory.index.company_has_phones(id) {
                return Err(RegistryError::InUse(format!("Company {id} still has phones")));
            }
            let names = |user: &&Arc<crate::domain::User>| {
                user.company.as_ref() == Some(id) || user.admin_companies.contains(id)
            };
            if let Some(user) = directory.users.values().find(names) {
                let why = format!("Company {id} is still a company of user {}", user.login);
                return Err(RegistryError::InUse(why));
            }
            let company = &directory.companies[id];
            let before = json!({ "name": company.name, "settings": company.settings.redacted() });
            let event = Event { before, ..event(actor, now, Action::Delete, id) };
            let remove = Mutation::RemoveCompany { id: id.clone(), expect: company.revision };
            Ok(Plan::commit(vec![remove], ()).recorded(event))
        })
        .await
    }
}

/// Another one for each company; none once in 2^64 times.
fn new_instance(random: &dyn Random) -> Option<NonZeroU64> {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    NonZeroU64::new(u64::from_be_bytes(bytes))
}

fn event(actor: &Actor, now: Timestamp, action: Action, id: &CompanyId) -> Event {
    let event = actor.event(now, action, Subject::Company, id.to_string());
    Event { company: id.to_string(), ..event }
}
