//! `update settings`: changes the settings all phones share, and by that the
//! phones at their next request.
//!
//! Takes `values.settings`, a merge patch (RFC 7396), `null` to empty the layer.
//! Gives `numrows`, 1. The settings are checked by themselves, not with each phone.

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::{Answer, Fail};

pub(super) async fn run(call: Call) -> CommandResult {
    let values = call.body.values()?;
    values.only(&["settings"])?;
    let patch = values.raw("settings").ok_or_else(|| Fail::new("settings required"))?;
    call.core.registry.update_system_settings(&call.actor, patch).await?;
    Ok(Answer::counted(1))
}
