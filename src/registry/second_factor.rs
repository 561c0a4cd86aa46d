//! Second factors of users: set up, put in force by a first right code, used, taken off.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::json;

use super::change::Plan;
use super::passwords::{CodeAttempt, Failure};
use super::users::{changes, event};
use super::{Actor, Registry, RegistryError, UserRef};
use crate::ambient::Random;
use crate::domain::{Action, CodeKind, Event, SecondFactor, User, recovery_code};
use crate::store::Mutation;

/// What is shown once of a second factor that was set up. No `Debug`: it holds the secret.
pub struct Enrolment {
    /// Whose it is.
    pub login: String,
    /// In base32, for who types it.
    pub secret: String,
    /// What an authenticator reads.
    pub uri: String,
}

impl Registry {
    /// Sets up a second factor, in the place of one that is not in force. It is asked for once
    /// [`Registry::confirm_second_factor`] was given a right code. Durable when it returns.
    ///
    /// `current_password` is asked of who sets up their own and is no System-Admin: a stolen
    /// session must not become an account that its owner is locked out of.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`] for another's and no System-Admin,
    /// [`RegistryError::NoSuchUser`], [`RegistryError::InUse`] where one is in force,
    /// [`RegistryError::Invalid`] for a wrong password.
    pub async fn create_second_factor(
        &self,
        actor: &Actor,
        who: &UserRef,
        current_password: Option<&str>,
        random: &dyn Random,
    ) -> Result<Enrolment, RegistryError> {
        if actor.require_system_admin().is_err() {
            self.require_own(actor, who)?;
            self.require_current_password(actor, current_password).await?;
        }
        let mut secret = [0; 20];
        random.fill(&mut secret);
        let factor = SecondFactor::new(secret);
        self.change_second_factor(actor, who, |before| {
            if before.factor_in_force().is_some() {
                let why = format!("User {} has a second factor: delete it first", before.login);
                return Err(RegistryError::InUse(why));
            }
            let enrolment = Enrolment {
                login: before.login.clone(),
                secret: factor.expose_secret(),
                uri: factor.expose_uri(&before.login),
            };
            Ok((Some(factor.clone()), enrolment))
        })
        .await
    }

    /// Puts a second factor in force, given a first right code: sessions without one end. Returns
    /// the recovery codes, which are kept as hashes only. Durable when it returns.
    ///
    /// # Errors
    /// As [`Registry::create_second_factor`]; [`RegistryError::Invalid`] for a wrong code and
    /// where none was set up; [`RegistryError::TooManyAttempts`].
    pub async fn confirm_second_factor(
        &self,
        actor: &Actor,
        who: &UserRef,
        code: &str,
        random: &dyn Random,
    ) -> Result<Vec<String>, RegistryError> {
        if actor.require_system_admin().is_err() {
            self.require_own(actor, who)?;
        }
        let mut codes = Vec::with_capacity(SecondFactor::RECOVERY_CODES);
        for _ in 0..SecondFactor::RECOVERY_CODES {
            let mut bytes = [0; 10];
            random.fill(&mut bytes);
            codes.push(recovery_code(bytes));
        }
        let now = self.clock.now();
        let attempt = self.begin_own_code(actor)?;
        let confirmed = self.change_second_factor(actor, who, |before| {
            let pending = before.second_factor.as_ref().filter(|factor| !factor.is_in_force());
            let pending = pending.ok_or_else(|| {
                invalid("second_factor", "none waits for its first code: create one")
            })?;
            let factor = pending.confirmed(code, now, &codes);
            Ok((Some(factor.ok_or_else(wrong_code)?), ()))
        });
        self.settled(actor, attempt, confirmed.await)?;
        Ok(codes)
    }

    /// Takes a second factor off; sessions that began with it end. One's own asks for a code of it,
    /// once it is in force, or for a recovery code; another's is taken off by a System-Admin.
    /// Durable when it returns.
    ///
    /// # Errors
    /// As [`Registry::confirm_second_factor`].
    pub async fn delete_second_factor(
        &self,
        actor: &Actor,
        who: &UserRef,
        code: Option<&str>,
    ) -> Result<(), RegistryError> {
        let is_own = self.require_own(actor, who).is_ok();
        if !is_own {
            actor.require_system_admin()?;
        }
        let now = self.clock.now();
        let attempt = if is_own { self.begin_own_code(actor)? } else { None };
        let deleted = self.change_second_factor(actor, who, |before| {
            let factor = before.second_factor.as_ref();
            let factor = factor.ok_or_else(|| invalid("second_factor", "there is none"))?;
            let is_asked_for = is_own && factor.is_in_force();
            if is_asked_for && code.and_then(|code| factor.used(code, now)).is_none() {
                return Err(wrong_code());
            }
            Ok((None, ()))
        });
        self.settled(actor, attempt, deleted.await)
    }

    /// Who signs in with a right password shows a code of the second factor that is in force, which
    /// then counts no more at any gateway of the store, and is on record as signed in. `None`: it
    /// is wrong, missing or used.
    pub(super) async fn use_code(
        &self,
        user: &Arc<User>,
        code: Option<&str>,
        from: IpAddr,
    ) -> Result<Option<Arc<User>>, RegistryError> {
        let Some(code) = code else { return Ok(None) };
        let now = self.clock.now();
        let is_right = |user: &User| user.factor_in_force().and_then(|own| own.used(code, now));
        // Only who has one waits for others and the store.
        if is_right(user).is_none() {
            return Ok(None);
        }
        let actor = Actor::User { user: user.clone(), from };
        let used = self
            .change_directory(&Actor::Gateway, |directory| {
                let before = directory.users.get(&user.id);
                let before = before.filter(|now| now.password_hash == user.password_hash);
                let used = before.and_then(|before| Some((before, is_right(before)?)));
                let Some((before, (factor, kind))) = used else { return Ok(Plan::nothing(false)) };
                let by = match kind {
                    CodeKind::Timed => json!({ "by": "password and code" }),
                    CodeKind::Recovery => json!({
                        "by": "password and recovery code",
                        "recovery_codes_left": factor.recovery_codes(),
                    }),
                };
                let event = Event { after: by, ..event(&actor, now, Action::Login, before) };
                let after = User { second_factor: Some(factor), ..User::clone(before) };
                let put = Mutation::PutUser { user: after, expect: Some(before.revision) };
                Ok(Plan::commit(vec![put], true).recorded(event))
            })
            .await?;
        Ok(if used { self.user(user.id) } else { None })
    }

    /// `decide` says what comes in its place.
    async fn change_second_factor<T>(
        &self,
        actor: &Actor,
        who: &UserRef,
        mut decide: impl FnMut(&User) -> Result<(Option<SecondFactor>, T), RegistryError>,
    ) -> Result<T, RegistryError> {
        let now = self.clock.now();
        self.change_directory(actor, |directory| {
            let before = directory.user(who)?;
            let (second_factor, result) = decide(before)?;
            let user = User { second_factor, ..User::clone(before) };
            let event = changes(before, &user).of(event(actor, now, Action::Update, &user));
            let put = Mutation::PutUser { user, expect: Some(before.revision) };
            Ok(Plan::commit(vec![put], result).recorded(event))
        })
        .await
    }

    /// Nobody guesses at codes with a session that is not theirs.
    fn begin_own_code(&self, actor: &Actor) -> Result<Option<CodeAttempt<'_>>, RegistryError> {
        let Actor::User { user, from } = actor else { return Ok(None) };
        self.passwords.begin_code(&user.login, *from, self.clock.uptime()).map(Some)
    }

    fn settled<T>(
        &self,
        actor: &Actor,
        attempt: Option<CodeAttempt<'_>>,
        result: Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let is_wrong =
            matches!(&result, Err(RegistryError::Invalid { field, .. }) if field == CODE);
        if let (true, Some(attempt), Actor::User { user, from }) = (is_wrong, attempt, actor) {
            attempt.wrong();
            self.record_failed_login(Some(user), *from, Failure::OwnCode);
        }
        result
    }
}

const CODE: &str = "code";

fn wrong_code() -> RegistryError {
    invalid(CODE, "is missing, wrong or was used before")
}

fn invalid(field: &str, message: &str) -> RegistryError {
    RegistryError::Invalid { field: field.to_owned(), message: message.to_owned() }
}
