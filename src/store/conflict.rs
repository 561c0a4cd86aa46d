//! How a conflict names what was changed, the same for every store.

use super::StoreError;
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
}
