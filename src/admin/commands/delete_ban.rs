//! `delete ban`: lifts the ban of a network. What led to it is forgotten, also for the length of the
//! next.
//!
//! Takes `scope.network`, as `read ban` shows it. Gives `numrows`, 1.

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::{Answer, Fail};

pub(super) async fn run(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["network"])?;
    let network = scope.network("network")?.ok_or_else(|| Fail::new("network required"))?;
    call.core.registry.delete_ban(&call.actor, network).await?;
    Ok(Answer::counted(1))
}
