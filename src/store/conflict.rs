//! How a conflict names what was changed, the same for every store.

use super::{Guard, Object, StoreError};
use crate::domain::{CompanyId, Mac, UserId};

impl StoreError {
    pub(super) fn device_conflict(mac: Mac) -> StoreError {
        StoreError::Conflict(format!("device {mac}"))
    }

    pub(super) fn company_conflict(id: &CompanyId) -> StoreError {
        StoreError::Conflict(format!("company {id}"))
    }

    pub(super) fn user_conflict(login: &str) -> StoreError {
        StoreError::Conflict(format!("user {login}"))
    }

    pub(super) fn user_id_conflict(id: UserId) -> StoreError {
        StoreError::Conflict(format!("user {id}"))
    }

    pub(super) fn key_conflict(login: &str) -> StoreError {
        StoreError::Conflict(format!("an API key of user {login}"))
    }

    pub(super) fn system_conflict() -> StoreError {
        StoreError::Conflict("the system settings".to_owned())
    }

    pub(super) fn guard_conflict(guard: &Guard) -> StoreError {
        match guard {
            Guard::Same(Object::Device(mac), _) => StoreError::device_conflict(*mac),
            Guard::Same(Object::Company(id), _) => StoreError::company_conflict(id),
            Guard::Same(Object::User(id), _) => StoreError::user_id_conflict(*id),
            Guard::Same(Object::SystemSettings, _) => StoreError::system_conflict(),
            Guard::Same(Object::Ban(network), _) => {
                StoreError::Conflict(format!("the ban of {network}"))
            }
            Guard::RemainingAdmin => StoreError::Conflict("the last System-Admin".to_owned()),
            Guard::Unchanged(_) => StoreError::Conflict("the registry".to_owned()),
        }
    }
}
