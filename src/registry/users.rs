//! Users of the admin API: made, read, changed, deleted; their passwords and keys.

use std::sync::Arc;

use serde_json::{Value, json};

use super::audit::FieldChanges;
use super::change::Plan;
use super::passwords::MAX_PASSWORD;
use super::text::{check_login, check_name};
use super::{Actor, Directory, Registry, RegistryError};
use crate::ambient::{Random, new_key};
use crate::domain::settings::{HIDDEN, HIDDEN_CHANGED};
use crate::domain::{
    Action, ApiKeyHash, CompanyId, Event, Revision, Role, SecondFactor, Subject, Timestamp, User,
    UserId, to_hex,
};
use crate::store::{Guard, Mutation};

/// Shortest password a user may be given, in characters (NIST SP 800-63B-4, section 3.1.1.2,
/// with a second factor or, as here, with attempts that are few).
pub const MIN_PASSWORD: usize = 8;

/// Names a user in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserRef {
    /// The user of that number.
    Id(UserId),
    /// The user of that login.
    Login(String),
}

/// A user to be made. No `Debug`: it has a password.
#[derive(Clone)]
pub struct NewUser {
    /// Must be free; 1 to [`MAX_LOGIN`](super::MAX_LOGIN) characters.
    pub login: String,
    /// What people call the user; may be empty.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// Where the user belongs; `None`: to the default company.
    pub company: Option<CompanyId>,
    /// Those a Company-Admin administers.
    pub companies: Vec<CompanyId>,
    /// A password of at least [`MIN_PASSWORD`] characters; `None`: there is no login with one.
    pub password: Option<String>,
    /// Make an API key.
    pub key: bool,
}

/// What is to change; `None` stays. No `Debug`: it has passwords.
#[derive(Clone, Default)]
pub struct UserChange {
    /// The new name.
    pub name: Option<String>,
    /// The new role.
    pub role: Option<Role>,
    /// `Some(None)`: belongs to no company but the default one.
    pub company: Option<Option<CompanyId>>,
    /// The companies to administer, in place of all that were before.
    pub companies: Option<Vec<CompanyId>>,
    /// `Some(None)`: no login with a password any more.
    pub password: Option<Option<String>>,
    /// Asked of those who change their own and are no System-Admin.
    pub current_password: Option<String>,
    /// Make one more API key.
    pub key: bool,
    /// Keys that stop working; a new one that is made along is not among them.
    pub revoke: Revoke,
}

/// API keys that stop working.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Revoke {
    /// All go on.
    #[default]
    None,
    /// None goes on.
    All,
    /// These keys, each named by its [`fingerprint`].
    These(Vec<String>),
}

impl UserChange {
    /// Nothing but what users may change of themselves.
    fn is_self_service(&self) -> bool {
        self.name.is_none()
            && self.role.is_none()
            && self.company.is_none()
            && self.companies.is_none()
            && !self.key
            && self.revoke == Revoke::None
            && matches!(self.password, Some(Some(_)))
    }
}

/// What a key is called in lists: the first eight hex digits of its SHA-256.
#[must_use]
pub fn fingerprint(hash: &ApiKeyHash) -> String {
    to_hex(&hash.0[..4])
}

impl Registry {
    /// Every user, in order of id.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`] for anyone but a System-Admin.
    pub fn users(&self, actor: &Actor) -> Result<Vec<Arc<User>>, RegistryError> {
        actor.require_system_admin()?;
        Ok(self.directory().users.values().cloned().collect())
    }

    /// Makes a user; returns the API key if one was asked for. It is kept nowhere
    /// else. Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], [`RegistryError::Invalid`],
    /// [`RegistryError::AlreadyExists`], [`RegistryError::NoSuchCompany`].
    pub async fn create_user(
        &self,
        actor: &Actor,
        new: NewUser,
        random: &dyn Random,
    ) -> Result<Option<String>, RegistryError> {
        actor.require_system_admin()?;
        check_login(&new.login)?;
        check_name(&new.name)?;
        let password_hash = match new.password {
            None => None,
            Some(password) => Some(self.hash(password, random).await?),
        };
        let key = new.key.then(|| new_key(random));
        let now = self.clock.now();
        let user = User {
            id: UserId::NONE,
            login: new.login,
            name: new.name,
            role: new.role,
            company: new.company,
            admin_companies: distinct(new.companies),
            password_hash,
            key_hashes: key.iter().map(|key| ApiKeyHash::of(key)).collect(),
            second_factor: None,
            created: now,
            revision: Revision::NONE,
        };
        self.change_directory(actor, |directory| {
            if directory.logins.contains_key(&user.login) {
                return Err(RegistryError::AlreadyExists(format!("User {}", user.login)));
            }
            require_companies(directory, actor, &user)?;
            let last = directory.users.keys().next_back();
            let id = last.map_or(UserId::NONE, |last| *last).next();
            let user = User { id, ..user.clone() };
            let event = Event { after: shown(&user), ..event(actor, now, Action::Create, &user) };
            Ok(Plan::commit(vec![Mutation::PutUser { user, expect: None }], ()).recorded(event))
        })
        .await?;
        Ok(key)
    }

    /// Changes a user; returns the API key if one was asked for. A System-Admin
    /// changes anyone; others only their own password, giving the current one.
    /// Sessions end with the password they began with. Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], [`RegistryError::NoSuchUser`],
    /// [`RegistryError::Invalid`], [`RegistryError::NoSuchCompany`],
    /// [`RegistryError::InUse`] when no System-Admin could sign in any more.
    pub async fn update_user(
        &self,
        actor: &Actor,
        who: &UserRef,
        change: UserChange,
        random: &dyn Random,
    ) -> Result<Option<String>, RegistryError> {
        if actor.require_system_admin().is_err() {
            self.require_own(actor, who)?;
            if !change.is_self_service() {
                return Err(RegistryError::PermissionDenied);
            }
            self.require_current_password(actor, change.current_password.as_deref()).await?;
        }
        change.name.as_deref().map_or(Ok(()), check_name)?;
        let password_hash = match change.password.clone() {
            None => None,
            Some(None) => Some(None),
            Some(Some(password)) => Some(Some(self.hash(password, random).await?)),
        };
        let key = change.key.then(|| new_key(random));
        let now = self.clock.now();
        self.change_directory(actor, |directory| {
            let before = directory.user(who)?;
            let mut key_hashes = left(&before.key_hashes, &change.revoke)?;
            key_hashes.extend(key.as_deref().map(ApiKeyHash::of));
            if key_hashes.len() > User::MAX_KEYS {
                let message = format!("a user has at most {}; revoke one first", User::MAX_KEYS);
                return Err(RegistryError::Invalid { field: "key".to_owned(), message });
            }
            let companies = change.companies.clone().map(distinct);
            let user = User {
                name: change.name.clone().unwrap_or_else(|| before.name.clone()),
                role: change.role.unwrap_or(before.role),
                company: change.company.clone().unwrap_or_else(|| before.company.clone()),
                admin_companies: companies.unwrap_or_else(|| before.admin_companies.clone()),
                password_hash: password_hash.clone().unwrap_or(before.password_hash.clone()),
                key_hashes,
                ..User::clone(before)
            };
            require_companies(directory, actor, &user)?;
            let guard = require_remaining_admin(directory, before, Some(&user))?;
            let event = changes(before, &user).of(event(actor, now, Action::Update, &user));
            let put = Mutation::PutUser { user, expect: Some(before.revision) };
            Ok(Plan::commit(vec![put], ()).recorded(event).guarded(guard))
        })
        .await?;
        Ok(key)
    }

    /// Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], [`RegistryError::NoSuchUser`],
    /// [`RegistryError::InUse`] when no System-Admin could sign in any more.
    pub async fn delete_user(&self, actor: &Actor, who: &UserRef) -> Result<(), RegistryError> {
        actor.require_system_admin()?;
        let now = self.clock.now();
        self.change_directory(actor, |directory| {
            let user = directory.user(who)?;
            let guard = require_remaining_admin(directory, user, None)?;
            let event = Event { before: shown(user), ..event(actor, now, Action::Delete, user) };
            let remove = Mutation::RemoveUser { id: user.id, expect: user.revision };
            Ok(Plan::commit(vec![remove], ()).recorded(event).guarded(guard))
        })
        .await
    }

    async fn hash(&self, password: String, random: &dyn Random) -> Result<String, RegistryError> {
        if password.chars().count() < MIN_PASSWORD || password.len() > MAX_PASSWORD {
            let message = format!(
                "must have at least {MIN_PASSWORD} characters and at most {MAX_PASSWORD} bytes"
            );
            return Err(RegistryError::Invalid { field: "password".to_owned(), message });
        }
        self.passwords.hash(password, random).await
    }

    /// # Errors
    /// [`RegistryError::PermissionDenied`] unless the actor is that user.
    pub(super) fn require_own(&self, actor: &Actor, who: &UserRef) -> Result<(), RegistryError> {
        let own = match (actor, who) {
            (Actor::Gateway, _) => false,
            (Actor::User { user, .. }, UserRef::Id(id)) => *id == user.id,
            (Actor::User { user, .. }, UserRef::Login(login)) => *login == user.login,
        };
        if own { Ok(()) } else { Err(RegistryError::PermissionDenied) }
    }

    /// Users change what signs them in when they know the password they have: a stolen session must
    /// not become a stolen account.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] when it is another one; [`RegistryError::TooManyAttempts`].
    pub(super) async fn require_current_password(
        &self,
        actor: &Actor,
        current: Option<&str>,
    ) -> Result<(), RegistryError> {
        let Actor::User { user, from } = actor else { return Ok(()) };
        if self.is_password(user, current.unwrap_or_default(), *from).await? {
            return Ok(());
        }
        let message = "is not your current password".to_owned();
        Err(RegistryError::Invalid { field: "current_password".to_owned(), message })
    }
}

impl Directory {
    /// # Errors
    /// [`RegistryError::NoSuchUser`].
    pub(super) fn user(&self, who: &UserRef) -> Result<&Arc<User>, RegistryError> {
        let found = match who {
            UserRef::Id(id) => self.users.get(id),
            UserRef::Login(login) => self.user_by_login(login),
        };
        found.ok_or(RegistryError::NoSuchUser)
    }
}

/// Somebody must be able to administer the system. Gives what keeps that so when another
/// gateway changes another administrator at the same time.
fn require_remaining_admin(
    directory: &Directory,
    before: &User,
    after: Option<&User>,
) -> Result<Option<Guard>, RegistryError> {
    if !before.can_administer_system() || after.is_some_and(User::can_administer_system) {
        return Ok(None);
    }
    let others = directory.users.values().filter(|user| user.id != before.id);
    if others.into_iter().any(|user| user.can_administer_system()) {
        return Ok(Some(Guard::RemainingAdmin));
    }
    let why = format!("User {} is the last System-Admin who can sign in", before.login);
    Err(RegistryError::InUse(why))
}

fn require_companies(
    directory: &Directory,
    actor: &Actor,
    user: &User,
) -> Result<(), RegistryError> {
    let mut named = user.company.iter().chain(&user.admin_companies);
    // Who changes only the own password does not administer the companies named.
    if actor.require_system_admin().is_err() {
        return Ok(());
    }
    named.try_for_each(|company| directory.require_company(actor, company))
}

fn left(keys: &[ApiKeyHash], revoke: &Revoke) -> Result<Vec<ApiKeyHash>, RegistryError> {
    let these = match revoke {
        Revoke::None => return Ok(keys.to_vec()),
        Revoke::All => return Ok(Vec::new()),
        Revoke::These(these) => these,
    };
    let has = |print: &String| keys.iter().any(|key| fingerprint(key) == *print);
    if let Some(unknown) = these.iter().find(|print| !has(print)) {
        // No more than a fingerprint has: it may be the key itself, and messages are logged.
        let message = format!("no key of the user is {unknown:.8}");
        return Err(RegistryError::Invalid { field: "revoke_keys".to_owned(), message });
    }
    Ok(keys.iter().filter(|key| !these.contains(&fingerprint(key))).copied().collect())
}

fn distinct(mut companies: Vec<CompanyId>) -> Vec<CompanyId> {
    let mut seen = std::collections::BTreeSet::new();
    companies.retain(|company| seen.insert(company.clone()));
    companies
}

pub(super) fn event(actor: &Actor, now: Timestamp, action: Action, user: &User) -> Event {
    let event = actor.event(now, action, Subject::User, user.login.clone());
    Event { company: user.company.as_ref().map(ToString::to_string).unwrap_or_default(), ..event }
}

/// A user as records show it: of password and keys only that they are there.
pub(super) fn shown(user: &User) -> Value {
    let mut shown = json!({
        "name": user.name,
        "role": user.role,
        "company": user.company,
        "companies": user.admin_companies,
        "password": user.password_hash.is_some(),
        "keys": prints(user),
    });
    if let Some(state) = factor_state(user) {
        shown["second_factor"] = state.into();
    }
    shown
}

pub(super) fn changes(before: &User, after: &User) -> FieldChanges {
    let mut changes = FieldChanges::default();
    changes.field("name", before.name.as_str(), after.name.as_str());
    changes.field("role", before.role.as_str(), after.role.as_str());
    changes.field("company", json!(before.company), json!(after.company));
    changes.field("companies", json!(before.admin_companies), json!(after.admin_companies));
    changes.field("keys", prints(before), prints(after));
    let password = |user: &User, set| user.password_hash.as_ref().map(|_| set);
    if before.password_hash != after.password_hash {
        changes.field("password", password(before, HIDDEN), password(after, HIDDEN_CHANGED));
    }
    if before.second_factor != after.second_factor {
        let secret = |user: &User| user.second_factor.as_ref().map(SecondFactor::expose_secret);
        let is = match factor_state(after) {
            // Set up anew, and waits as before.
            same @ Some(_) if same == factor_state(before) && secret(before) != secret(after) => {
                Some("replaced")
            }
            state => state,
        };
        changes.field("second_factor", factor_state(before), is);
    }
    changes
}

fn factor_state(user: &User) -> Option<&'static str> {
    let factor = user.second_factor.as_ref()?;
    Some(if factor.is_in_force() { "in force" } else { "waits for its first code" })
}

fn prints(user: &User) -> Vec<String> {
    user.key_hashes.iter().map(fingerprint).collect()
}
