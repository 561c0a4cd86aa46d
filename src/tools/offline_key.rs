//! `dialtone user key LOGIN --store URL`: a key for who has none that the API would take.

use super::local::{Local, LocalError};
use crate::config::Config;
use crate::domain::Role;
use crate::registry::{
    Actor, NewUser, Registry, RegistryError, Revoke, SystemRandom, UserChange, UserRef,
};
use crate::store::url::StoreUrl;

/// What to do with the keys of one user, in a store that no gateway has open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// The store they are in.
    pub store: StoreUrl,
    /// Whose keys they are.
    pub login: String,
    /// Which keys to take away. With keys that are named one by one no new one is made.
    pub revoke: Revoke,
}

/// Why the keys are as they were.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum KeyChangeError {
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error("keys of user {login}")]
    Registry { login: String, source: RegistryError },
}

/// Makes a key, unless keys to revoke are named one by one, and returns it; it is kept
/// nowhere else. Where no System-Admin can sign in, one is made with it if nobody has the login:
/// whoever may write the store's file may do anything. On return the change and its audit record,
/// which names the gateway, are durable.
///
/// # Errors
/// [`KeyChangeError`]: among others a gateway has the store, or there is no such user.
pub async fn change(change: KeyChange) -> Result<Option<String>, KeyChangeError> {
    let KeyChange { store, login, revoke } = change;
    let mut config = Config::default();
    config.store.url = store;
    let instead = "leave --store out and use a key over the API, or stop the gateway first";
    let local = Local::open(&config, instead).await?;
    let changed = change_in(&local.registry, &login, revoke).await;
    local.close().await;
    changed.map_err(|source| KeyChangeError::Registry { login, source })
}

async fn change_in(
    registry: &Registry,
    login: &str,
    revoke: Revoke,
) -> Result<Option<String>, RegistryError> {
    let makes_key = !matches!(revoke, Revoke::These(_));
    let change = UserChange { key: makes_key, revoke, ..UserChange::default() };
    let who = UserRef::Login(login.to_owned());
    match registry.update_user(&Actor::Gateway, &who, change, &SystemRandom).await {
        Err(RegistryError::NoSuchUser) if makes_key && !registry.has_administrator() => {
            let admin = NewUser {
                login: login.to_owned(),
                name: "Administrator".to_owned(),
                role: Role::SystemAdmin,
                company: None,
                companies: Vec::new(),
                password: None,
                key: true,
            };
            registry.create_user(&Actor::Gateway, admin, &SystemRandom).await
        }
        changed => changed,
    }
}
