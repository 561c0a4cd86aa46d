//! `promote phone`: activates every inactive port of a device, all or none.
//!
//! Takes `scope.phoneid` (any inactive port of it) and `values.company` (`default` when absent);
//! `values.phone_type`, what the whole device is, with `other_maker`, `true` for a MAC that is
//! another maker's than the type. Without a type it is promoted as what it was taken for, and
//! refused when it named its maker and none of the types there are. Gives `numrows`, the ports
//! activated, and `warnings` where something that is set does not reach the phone, or the phone
//! asks for nothing that its type has. Fails when a file of the phone's type cannot be made of the
//! settings it would have.

use super::{Call, counted_with_warnings};
use crate::admin::CommandResult;
use crate::admin::answer::Fail;
use crate::domain::CompanyId;
use crate::registry::PromotedAs;

pub(super) async fn run(call: Call) -> CommandResult {
    let id = call.body.scope()?.phone_id()?;
    let values = call.body.values()?;
    let company = values.filled("company")?.unwrap_or(CompanyId::DEFAULT);
    let phone_type = values.filled("phone_type")?.map(str::parse).transpose();
    let phone_type = phone_type.map_err(|error| Fail::new(format!("phone_type: {error}")))?;
    let other_maker = values.flag("other_maker")?;
    let said = phone_type.map(|phone_type| PromotedAs { phone_type, other_maker });
    let promoted = call.core.registry.promote(&call.actor, id, company, said.as_ref()).await?;
    counted_with_warnings(&call, id, promoted).await
}
