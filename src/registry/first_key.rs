//! The first System-Admin of a new store, so that somebody can sign in.

use super::random::{Random, token};
use super::{Actor, Registry, RegistryError};
use crate::domain::{Action, ApiKeyHash, Event, Role, Subject, User};
use crate::store::Mutation;

/// Login of the user made.
const LOGIN: &str = "admin";

/// A new API key: 256 bits, and a prefix by which a leaked one is recognised.
pub(super) fn new_key(random: &dyn Random) -> String {
    format!("dt_{}", token::<32>(random))
}

impl Registry {
    /// On a store without users, makes the System-Admin `admin` and returns its
    /// API key, which is kept nowhere else. `None` when there are users. Durable
    /// when it returns.
    ///
    /// # Errors
    /// What the store says.
    pub async fn first_admin(&self, random: &dyn Random) -> Result<Option<String>, RegistryError> {
        let key = new_key(random);
        let now = self.clock.now();
        let made = self.change_directory(|directory| {
            if !directory.users.is_empty() {
                return Ok((Vec::new(), false));
            }
            let user = User {
                id: 1,
                login: LOGIN.to_owned(),
                name: "Administrator".to_owned(),
                role: Role::SystemAdmin,
                company: None,
                admin_companies: Vec::new(),
                password_hash: None,
                key_hashes: vec![ApiKeyHash::of(&key)],
                created: now,
                revision: 1,
            };
            let event = Event {
                after: super::users::shown(&user),
                ..Actor::Gateway.event(now, Action::Create, Subject::User, LOGIN.to_owned())
            };
            Ok((vec![Mutation::PutUser { user, expect: None }, Mutation::Append(event)], true))
        });
        Ok(made.await?.then_some(key))
    }
}
