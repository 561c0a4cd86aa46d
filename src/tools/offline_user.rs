//! `dialtone user key LOGIN` and `dialtone user second-factor LOGIN --remove` with `--store URL` or
//! `--config FILE`: for who has nothing that the API would take.

use super::config_arguments::ConfigArguments;
use super::local::{Local, LocalError};
use crate::ambient::SystemRandom;
use crate::config::ConfigError;
use crate::domain::Role;
use crate::registry::{Actor, NewUser, Registry, RegistryError, Revoke, UserChange, UserRef};

/// What to do with one user in the store itself: a file that no gateway has open, or a
/// database, which gateways may go on working with.
#[derive(Debug, Clone)]
pub struct OfflineUserChange {
    /// Which store the user is in.
    pub config: ConfigArguments,
    /// Who it is.
    pub login: String,
    /// What is changed.
    pub what: OfflineWhat,
}

/// What of a user is changed in the store itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfflineWhat {
    /// These keys are taken away. Unless they are named one by one a new one is made.
    Keys(Revoke),
    /// The second factor is taken off: whoever may write the store may do anything.
    NoSecondFactor,
}

/// Why the user is as it was.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum OfflineUserError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error("{what} of user {login}")]
    Registry { what: &'static str, login: String, source: RegistryError },
}

/// Takes the second factor off, or makes a key, unless keys to revoke are named one by one, and returns it; it is kept
/// nowhere else. Where no System-Admin can sign in, one is made with it if nobody has the login:
/// whoever may write the store may do anything. On return the change and its audit record,
/// which names the gateway, are durable.
///
/// # Errors
/// [`OfflineUserError`]: among others a gateway has the store's file, or there is no such user.
pub async fn change(change: OfflineUserChange) -> Result<Option<String>, OfflineUserError> {
    let OfflineUserChange { config, login, what } = change;
    let (config, _) = config.load()?;
    let instead = "leave --store and --config out and use a key over the API, or stop the gateway \
                   first";
    let local = Local::open(&config, instead).await?;
    let (changed, what) = match what {
        OfflineWhat::Keys(revoke) => (change_keys(&local.registry, &login, revoke).await, "keys"),
        OfflineWhat::NoSecondFactor => {
            let who = UserRef::Login(login.clone());
            let deleted = local.registry.delete_second_factor(&Actor::Gateway, &who, None).await;
            (deleted.map(|()| None), "second factor")
        }
    };
    local.close().await;
    changed.map_err(|source| OfflineUserError::Registry { what, login, source })
}

async fn change_keys(
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
