//! `promote phone`: activates every inactive port of a device, all or none.
//!
//! Takes `scope.phoneid` (any inactive port of it) and `values.company` (`default`
//! when absent). Gives `numrows`, the ports activated, and `warnings` where something
//! that is set does not reach the phone, or the phone asks for nothing that its type has. Fails when a file of the
//! phone's type cannot be made of the settings it would have.

use super::{Call, counted_with_warnings};
use crate::admin::CommandResult;
use crate::domain::CompanyId;

pub(super) async fn run(call: Call) -> CommandResult {
    let id = call.body.scope()?.phone_id()?;
    let company = call.body.values()?.filled("company")?.unwrap_or(CompanyId::DEFAULT);
    let promoted = call.core.registry.promote(&call.actor, id, company).await?;
    counted_with_warnings(&call, id, promoted).await
}
