//! `update company`: changes a company the caller administers, and by that its
//! phones at their next request.
//!
//! Takes `scope.company`, and in `values` what is to change: `name`; `settings`, a
//! merge patch (RFC 7396), `null` to empty the layer. Gives `numrows`, 1, and `warnings` where
//! something of the change does not reach phones of the company, or where a phone of one of their
//! types would get no file, as one of each type shows; `preview` shows what becomes of another.

use super::{Call, counted_with_reach};
use crate::admin::CommandResult;
use crate::admin::answer::Fail;
use crate::registry::CompanyChange;

pub(super) async fn run(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["company"])?;
    let id = scope.company("company")?.ok_or_else(|| Fail::new("company required"))?;
    let values = call.body.values()?;
    values.only(&["name", "settings"])?;
    let change = CompanyChange {
        name: values.text("name")?.map(str::to_owned),
        settings: values.raw("settings").cloned(),
    };
    let layers = call.core.registry.update_company(&call.actor, &id, change).await?;
    counted_with_reach(&call, Some(id), layers).await
}
