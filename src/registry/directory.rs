//! Companies, users and system settings: few, read without a lock, replaced as
//! a whole by each change.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::admission::PolicyCache;
use super::layer_cache::LayerCache;
use super::progress::Progress;
use super::{Actor, RegistryError};
use crate::domain::{ApiKeyHash, Company, CompanyId, User, UserId};
use crate::store::{Change, Changed, Guard, Object, SystemSettings};

/// What is small enough to be replaced as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Directory {
    pub companies: BTreeMap<CompanyId, Arc<Company>>,
    pub users: BTreeMap<UserId, Arc<User>>,
    pub logins: HashMap<String, UserId>,
    pub keys: HashMap<ApiKeyHash, UserId>,
    pub system: Arc<SystemSettings>,
    /// What layers of these come to, with the type's.
    pub layers: LayerCache,
    /// What these say of admission.
    pub policies: PolicyCache,
}

impl Directory {
    /// The user of that login, if there is one.
    #[must_use]
    pub(super) fn user_by_login(&self, login: &str) -> Option<&Arc<User>> {
        self.users.get(self.logins.get(login)?)
    }

    /// The user whose API key it is.
    #[must_use]
    pub(super) fn user_by_key(&self, key: &str) -> Option<&Arc<User>> {
        self.users.get(self.keys.get(&ApiKeyHash::of(key))?)
    }

    /// # Errors
    /// [`RegistryError::NoSuchCompany`] when there is none, and likewise when the caller
    /// does not administer it: foreign companies must not show.
    pub(super) fn require_company(
        &self,
        actor: &Actor,
        id: &CompanyId,
    ) -> Result<(), RegistryError> {
        if self.companies.contains_key(id) && actor.administers(id) {
            Ok(())
        } else {
            Err(RegistryError::NoSuchCompany)
        }
    }

    /// The company of that name, as one that something is given to: a Company-Admin may give
    /// to its own alone.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`] for a Company-Admin when it is not one of its own,
    /// also when there is none or can be none: foreign companies must not show.
    /// [`RegistryError::NoSuchCompany`] when there is none and the caller may know.
    pub(super) fn require_own_company(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<CompanyId, RegistryError> {
        let id: Option<CompanyId> = name.parse().ok();
        let may_know = match &id {
            Some(id) => actor.administers(id),
            None => actor.companies().is_none(),
        };
        if !may_know {
            return Err(RegistryError::PermissionDenied);
        }
        id.filter(|id| self.companies.contains_key(id)).ok_or(RegistryError::NoSuchCompany)
    }

    /// The names of all that is in it, but the system settings.
    pub(super) fn objects(&self) -> impl Iterator<Item = Object> + '_ {
        let companies = self.companies.keys().map(|id| Object::Company(id.clone()));
        companies.chain(self.users.keys().map(|&id| Object::User(id)))
    }

    /// What a decision on a device in these companies relies on.
    pub(super) fn guards<'a>(&self, companies: impl Iterator<Item = &'a CompanyId>) -> Vec<Guard> {
        let mut guards: Vec<Guard> = companies
            .filter_map(|id| self.companies.get(id))
            .map(|company| Guard::Same(Object::Company(company.id.clone()), company.revision))
            .collect();
        guards.dedup();
        guards.push(Guard::Same(Object::SystemSettings, self.system.revision));
        guards
    }

    /// Takes over what changed, if it is newer than what is there.
    pub(super) fn apply(&mut self, change: Change, progress: &Progress) {
        let there = match &change.object {
            Changed::Company(id, _) => self.companies.get(id).map(|company| company.revision),
            Changed::User(id, _) => self.users.get(id).map(|user| user.revision),
            Changed::SystemSettings(_) => Some(self.system.revision),
            Changed::Device(..) | Changed::Ban(..) => return,
        };
        let name = change.object.name();
        let is_removal = change.object.revision().is_none();
        match there {
            Some(there) if is_removal && there > change.revision => return,
            Some(there) if !is_removal && there >= change.revision => return,
            None if !is_removal && progress.is_stale(&name, change.revision) => return,
            _ => {}
        }
        if is_removal {
            progress.removed(name, change.revision);
        }
        match change.object {
            Changed::Company(id, Some(company)) => {
                self.companies.insert(id, Arc::new(company));
            }
            Changed::Company(id, None) => drop(self.companies.remove(&id)),
            Changed::User(_, Some(user)) => self.put_user(user),
            Changed::User(id, None) => self.remove_user(id),
            Changed::SystemSettings(system) => self.system = Arc::new(system),
            Changed::Device(..) | Changed::Ban(..) => unreachable!("returned above"),
        }
    }

    fn put_user(&mut self, user: User) {
        self.remove_user(user.id);
        self.logins.insert(user.login.clone(), user.id);
        self.keys.extend(user.key_hashes.iter().map(|&hash| (hash, user.id)));
        self.users.insert(user.id, Arc::new(user));
    }

    /// What the user had may be another's by now: changes come in any order.
    fn remove_user(&mut self, id: UserId) {
        if let Some(user) = self.users.remove(&id) {
            if self.logins.get(&user.login) == Some(&id) {
                self.logins.remove(&user.login);
            }
            for hash in &user.key_hashes {
                if self.keys.get(hash) == Some(&id) {
                    self.keys.remove(hash);
                }
            }
        }
    }
}
