//! Who makes a change, and what the role allows.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;

use super::{Directory, RegistryError};
use crate::domain::{Action, CompanyId, Event, EventId, Phone, Role, Subject, Timestamp, User};
use crate::store::{Guard, Object};

/// Who asks for a change and from where.
#[derive(Debug, Clone)]
pub enum Actor {
    /// A user of the admin API, and the address of the connection.
    User {
        /// The user as known when the request came.
        user: Arc<User>,
        /// Where the request came from.
        from: IpAddr,
    },
    /// The gateway by itself, or its command on the machine with the store.
    Gateway,
}

impl Actor {
    fn role(&self) -> Role {
        match self {
            Actor::User { user, .. } => user.role,
            Actor::Gateway => Role::SystemAdmin,
        }
    }

    /// Lets a commit fail that the user may not make any more: another gateway may have
    /// changed that a moment ago.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`] when the user is gone, or may do or signs in with
    /// something else than at the time of the request.
    pub(super) fn guard(&self, directory: &Directory) -> Result<Option<Guard>, RegistryError> {
        let Actor::User { user, .. } = self else { return Ok(None) };
        let same = |now: &&Arc<User>| {
            now.role == user.role
                && now.admin_companies == user.admin_companies
                && now.password_hash == user.password_hash
                && now.key_hashes == user.key_hashes
        };
        let now = directory.users.get(&user.id).filter(same);
        let now = now.ok_or(RegistryError::PermissionDenied)?;
        Ok(Some(Guard::Same(Object::User(user.id), now.revision)))
    }

    /// Whether the caller administers the company.
    #[must_use]
    pub fn administers(&self, company: &CompanyId) -> bool {
        match self {
            Actor::User { user, .. } => user.administers(company),
            Actor::Gateway => true,
        }
    }

    /// The companies the caller sees; `None`: all.
    #[must_use]
    pub fn companies(&self) -> Option<&[CompanyId]> {
        match self {
            Actor::User { user, .. } if user.role != Role::SystemAdmin => {
                Some(&user.admin_companies)
            }
            _ => None,
        }
    }

    /// # Errors
    /// [`RegistryError::PermissionDenied`] for anyone but a System-Admin.
    pub fn require_system_admin(&self) -> Result<(), RegistryError> {
        if self.role() == Role::SystemAdmin { Ok(()) } else { Err(RegistryError::PermissionDenied) }
    }

    /// # Errors
    /// [`RegistryError::PermissionDenied`] for an ordinary user.
    pub fn require_admin(&self) -> Result<(), RegistryError> {
        if self.role() == Role::User { Err(RegistryError::PermissionDenied) } else { Ok(()) }
    }

    /// The rule of the commands on inactive and active phones.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`] unless the caller administers `default`.
    pub fn require_default_company(&self) -> Result<(), RegistryError> {
        if self.administers(&CompanyId::default_company()) {
            Ok(())
        } else {
            Err(RegistryError::PermissionDenied)
        }
    }

    /// The audit record of a change by this actor.
    #[must_use]
    pub fn event(&self, at: Timestamp, action: Action, subject: Subject, name: String) -> Event {
        let (who, from) = match self {
            Actor::User { user, from } => (user.login.clone(), from.to_string()),
            Actor::Gateway => ("gateway".to_owned(), String::new()),
        };
        Event {
            id: EventId::NONE,
            at,
            who,
            from,
            action,
            subject,
            name,
            company: String::new(),
            before: Value::Null,
            after: Value::Null,
        }
    }
}

/// Active phones belong to who administers their company, inactive ones to who
/// administers `default`.
pub(super) fn may_see(actor: &Actor, phone: &Phone) -> bool {
    match phone.company() {
        Some(company) => actor.administers(company),
        None => actor.administers(&CompanyId::default_company()),
    }
}
