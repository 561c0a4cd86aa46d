//! `promote phone`: activates every inactive port of a device, all or none.
//!
//! Takes `scope.phoneid` (any inactive port of it) and `values.company` (`default`
//! when absent). Gives `numrows`, the ports activated, and `warnings` where something
//! that is set does not reach the phone. Fails when a file of the
//! phone's type cannot be made of the settings it would have.

use super::{Call, counted_with_warnings};
use crate::admin::CommandResult;
use crate::admin::answer::Fail;
use crate::domain::CompanyId;
use crate::registry::RegistryError;

pub(super) async fn run(call: Call) -> CommandResult {
    let id = call.body.scope()?.phone_id()?;
    let company = match call.body.values()?.filled("company")? {
        None => CompanyId::default_company(),
        // To a Company-Admin a name that can be no company's is like any other it lacks.
        Some(text) => text.parse().map_err(|_| match call.actor.companies() {
            None => RegistryError::NoSuchCompany,
            Some(_) => RegistryError::PermissionDenied,
        })?,
    };
    let promoted = call.core.registry.promote(&call.actor, id, &company).await;
    let promoted = promoted.map_err(Fail::from)?;
    counted_with_warnings(&call, id, promoted).await
}
