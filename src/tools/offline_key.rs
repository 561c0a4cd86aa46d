//! `dialtone user key LOGIN` with `--store URL` or `--config FILE`: a key for who has none that the
//! API would take.

use super::config_arguments::ConfigArguments;
use super::local::{Local, LocalError};
use crate::config::ConfigError;
use crate::domain::Role;
use crate::registry::{
    Actor, NewUser, Registry, RegistryError, Revoke, SystemRandom, UserChange, UserRef,
};

/// What to do with the keys of one user in the store itself: a file that no gateway has open, or a
/// database, which gateways may go on working with.
#[derive(Debug, Clone)]
pub struct KeyChange {
    /// Which store they are in.
    pub config: ConfigArguments,
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
    Config(#[from] ConfigError),
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error("keys of user {login}")]
    Registry { login: String, source: RegistryError },
}

/// Makes a key, unless keys to revoke are named one by one, and returns it; it is kept
/// nowhere else. Where no System-Admin can sign in, one is made with it if nobody has the login:
/// whoever may write the store may do anything. On return the change and its audit record,
/// which names the gateway, are durable.
///
/// # Errors
/// [`KeyChangeError`]: among others a gateway has the store's file, or there is no such user.
pub async fn change(change: KeyChange) -> Result<Option<String>, KeyChangeError> {
    let KeyChange { config, login, revoke } = change;
    let (config, _) = config.load()?;
    let instead = "leave --store and --config out and use a key over the API, or stop the gateway \
                   first";
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
