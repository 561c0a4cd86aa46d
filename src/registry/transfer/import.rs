//! Into an empty registry: all of a document or nothing.

use std::collections::BTreeSet;

use serde_json::json;

use super::check::{Check, CheckedUser};
use super::document::{Document, Seed};
use super::error::ImportError;
use crate::domain::settings::Layer;
use crate::domain::{Action, Company, Device, PasswordSeed, Role, Subject, Timestamp};
use crate::registry::directory::Directory;
use crate::registry::random::Random;
use crate::registry::{Actor, Registry};
use crate::store::{Guard, Mutation, StoreError, SystemSettings};

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Companies the document has.
    pub companies: usize,
    /// Users the document has.
    pub users: usize,
    /// Devices the document has.
    pub devices: usize,
    /// Phones the document has.
    pub phones: usize,
    /// What the operator should know and may have meant.
    pub warnings: Vec<String>,
}

/// A document in which nothing is wrong.
pub struct CheckedDocument {
    settings: Layer,
    password_seed: Option<PasswordSeed>,
    companies: Vec<Company>,
    users: Vec<CheckedUser>,
    devices: Vec<Device>,
    now: Timestamp,
}

impl Document {
    /// Checks all of it, which takes no store; `now` is the time of what has none.
    ///
    /// # Errors
    /// [`ImportError::Problems`] with everything that is wrong.
    pub fn check(self, now: Timestamp) -> Result<CheckedDocument, ImportError> {
        let mut check = Check::new(now);
        let companies = check.companies(&self.companies);
        let settings = check.layer("settings", self.settings.as_deref());
        let users = check.users(self.users);
        let devices = check.devices(self.devices);
        let password_seed = self.password_seed.and_then(|Seed(text)| {
            let seed = PasswordSeed::from_exposed(&text);
            if seed.is_none() {
                check.problem("password_seed", "must be 64 hex digits");
            }
            seed
        });
        require_admin(&mut check, &users);
        if check.problems.is_empty() {
            Ok(CheckedDocument { settings, password_seed, companies, users, devices, now })
        } else {
            Err(ImportError::Problems(check.problems))
        }
    }
}

impl Registry {
    /// Takes in a whole document. For the gateway's own command: asks nobody's role. Durable when
    /// it returns.
    ///
    /// # Errors
    /// [`ImportError::NotEmpty`]; what the store says. Nothing is imported then.
    pub async fn import(
        &self,
        document: CheckedDocument,
        random: &dyn Random,
    ) -> Result<Imported, ImportError> {
        let CheckedDocument { settings, password_seed, companies, users, devices, now } = document;
        let mut hashed = Vec::with_capacity(users.len());
        for CheckedUser { mut user, password } in users {
            if let Some(password) = password {
                user.password_hash = Some(self.passwords.hash(password, random).await?);
            }
            hashed.push(user);
        }
        let imported = Imported {
            companies: companies.len(),
            users: hashed.len(),
            devices: devices.len(),
            phones: devices.iter().map(|device| device.ports().count()).sum(),
            warnings: self.unknown_types(&devices),
        };

        let mut event = Actor::Gateway.event(now, Action::Import, Subject::Registry, String::new());
        event.after = json!({
            "companies": imported.companies, "users": imported.users,
            "devices": imported.devices, "phones": imported.phones,
        });
        self.memory.follow(&self.store).await?;
        let committed = self.commit_once(|directory| {
            // Read first: what comes in later is a change.
            let unchanged = Guard::Unchanged(self.memory.floor());
            if !self.memory.index.is_empty() || !is_empty(directory) {
                return Err(ImportError::NotEmpty);
            }
            let companies = companies.into_iter().map(|company| {
                let there = directory.companies.get(&company.id);
                Mutation::PutCompany { expect: there.map(|there| there.revision), company }
            });
            let users = hashed.into_iter().map(|user| Mutation::PutUser { user, expect: None });
            let system = (!settings.is_empty() || password_seed.is_some()).then(|| {
                let expect = directory.system.revision;
                let password_seed = password_seed.or(directory.system.password_seed);
                let system =
                    SystemSettings { settings, password_seed, changed: now, revision: expect };
                Mutation::PutSystemSettings { system, expect }
            });
            let devices = devices.into_iter();
            let devices = devices.map(|device| Mutation::PutDevice { device, expect: None });
            let mutations = companies.chain(users).chain(system).chain(devices);
            Ok((mutations.chain([Mutation::Append(event)]).collect(), vec![unchanged]))
        });
        committed.await?.map_err(|error| match error {
            // Somebody put something there since it was looked at.
            StoreError::Conflict(_) => ImportError::NotEmpty,
            error => error.into(),
        })?;
        Ok(imported)
    }

    fn unknown_types(&self, devices: &[Device]) -> Vec<String> {
        let catalogue = self.catalogue();
        let types: BTreeSet<_> = devices.iter().map(|device| &device.phone_type).collect();
        let unknown = types.into_iter().filter(|key| catalogue.phone_type(key).is_none());
        unknown
            .map(|key| format!("no family has the type {key}: its phones are kept and get nothing"))
            .collect()
    }
}

/// Users nobody of whom can administer the system would lock everybody out.
fn require_admin(check: &mut Check, users: &[CheckedUser]) {
    let can = |CheckedUser { user, password }: &CheckedUser| {
        user.role == Role::SystemAdmin
            && (password.is_some() || user.password_hash.is_some() || !user.key_hashes.is_empty())
    };
    if !users.is_empty() && !users.iter().any(can) {
        check.problem(
            "users",
            "no System-Admin can sign in: give one a `password` or a `key`, or leave all users out \
             and make one with `dialtone user key LOGIN --store URL`",
        );
    }
}

fn is_empty(directory: &Directory) -> bool {
    let only_default = directory.companies.values().all(|company| company.id.is_default());
    directory.users.is_empty()
        && only_default
        && directory.companies.values().all(|company| company.settings == Layer::default())
        && directory.system.settings.is_empty()
}
