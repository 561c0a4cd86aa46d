//! `delete company`: removes a company no phone and no user names; never `default`.
//!
//! Takes `scope.company`. Gives `numrows`, 1.

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::{Answer, Fail};

pub(super) async fn run(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["company"])?;
    let id = scope.company("company")?.ok_or_else(|| Fail::new("company required"))?;
    call.core.registry.delete_company(&call.actor, &id).await?;
    Ok(Answer::counted(1))
}
