//! Companies, users and system settings: few, read without a lock, replaced as
//! a whole by each change.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::layer_cache::LayerCache;
use super::{Actor, Registry, RegistryError};
use crate::domain::{ApiKeyHash, Company, CompanyId, User, UserId};
use crate::store::{Mutation, Store, StoreError, SystemSettings};

/// Times a change is tried again when another process changed the same object.
const TRIES: usize = 4;

/// What is small enough to be replaced as a whole.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    pub companies: BTreeMap<CompanyId, Arc<Company>>,
    pub users: BTreeMap<UserId, Arc<User>>,
    pub logins: HashMap<String, UserId>,
    pub keys: HashMap<ApiKeyHash, UserId>,
    pub system: Arc<SystemSettings>,
    /// What layers of these come to, with the type's.
    pub(crate) layers: LayerCache,
}

impl Directory {
    pub(super) async fn load(store: &dyn Store) -> Result<Directory, StoreError> {
        let read = store.tenancy().await?;
        let mut directory = Directory { system: Arc::new(read.system), ..Directory::default() };
        for company in read.companies {
            directory.companies.insert(company.id.clone(), Arc::new(company));
        }
        for user in read.users {
            directory.put_user(user);
        }
        Ok(directory)
    }

    /// The user of that login, if there is one.
    #[must_use]
    pub fn user_by_login(&self, login: &str) -> Option<&Arc<User>> {
        self.users.get(self.logins.get(login)?)
    }

    /// The user whose API key it is.
    #[must_use]
    pub fn user_by_key(&self, key: &str) -> Option<&Arc<User>> {
        self.users.get(self.keys.get(&ApiKeyHash::of(key))?)
    }

    /// # Errors
    /// [`RegistryError::NoSuchCompany`] when there is none, and likewise when the caller
    /// does not administer it: foreign companies must not show.
    pub fn require_company(&self, actor: &Actor, id: &CompanyId) -> Result<(), RegistryError> {
        if self.companies.contains_key(id) && actor.administers(id) {
            Ok(())
        } else {
            Err(RegistryError::NoSuchCompany)
        }
    }

    fn put_user(&mut self, user: User) {
        self.remove_user(user.id);
        self.logins.insert(user.login.clone(), user.id);
        self.keys.extend(user.key_hashes.iter().map(|&hash| (hash, user.id)));
        self.users.insert(user.id, Arc::new(user));
    }

    fn remove_user(&mut self, id: UserId) {
        if let Some(user) = self.users.remove(&id) {
            self.logins.remove(&user.login);
            for hash in &user.key_hashes {
                self.keys.remove(hash);
            }
        }
    }

    /// As they are after a commit of `writes`.
    fn after(&self, writes: Vec<Mutation>) -> Directory {
        let mut directory = self.clone();
        for write in writes {
            match write {
                Mutation::PutCompany { company, .. } => {
                    directory.companies.insert(company.id.clone(), Arc::new(company));
                }
                Mutation::RemoveCompany { id, .. } => drop(directory.companies.remove(&id)),
                Mutation::PutUser { user, .. } => directory.put_user(user),
                Mutation::RemoveUser { id, .. } => directory.remove_user(id),
                Mutation::PutSystemSettings { system, .. } => directory.system = Arc::new(system),
                Mutation::PutDevice { .. }
                | Mutation::RemoveDevice { .. }
                | Mutation::NoteSighting { .. }
                | Mutation::Append(_) => {}
            }
        }
        directory
    }
}

impl Registry {
    /// Takes over what the store now has of companies, users and settings.
    pub(crate) async fn reload_directory(&self) -> Result<(), StoreError> {
        self.publish(Directory::load(&*self.store).await?);
        Ok(())
    }

    /// Puts `directory` in force, and then makes what was rendered of the old ones stale:
    /// of the companies that changed, of all when the system settings did.
    pub(super) fn publish(&self, directory: Directory) {
        let directory = Arc::new(directory);
        let before = self.directory.swap(directory.clone());
        for (id, company) in &directory.companies {
            let same = |old: &Arc<Company>| old.revision == company.revision;
            if !before.companies.get(id).is_some_and(same) {
                self.index.company_changed(id);
            }
        }
        if before.system.revision != directory.system.revision {
            self.index.system_changed();
        }
    }

    /// One change to the directory: compute the writes, commit, take over. `next` is
    /// asked again, with what the store then has, when another process was faster.
    ///
    /// What was committed is taken over from the writes, not read again: that
    /// cannot fail half way.
    pub(super) async fn change_directory<T>(
        &self,
        next: impl Fn(&Directory) -> Result<(Vec<Mutation>, T), RegistryError>,
    ) -> Result<T, RegistryError> {
        let _changing = self.directory_lock.lock().await;
        let mut contended = String::new();
        for _ in 0..TRIES {
            let directory = self.directory();
            let (writes, result) = next(&directory)?;
            if writes.is_empty() {
                return Ok(result);
            }
            match self.store.commit(writes.clone()).await {
                Ok(()) => {
                    self.publish(directory.after(writes));
                    return Ok(result);
                }
                Err(StoreError::Conflict(what)) => {
                    self.reload_directory().await?;
                    contended = what;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(RegistryError::Contended(contended))
    }
}
