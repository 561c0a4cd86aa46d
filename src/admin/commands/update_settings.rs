//! `update settings`: changes the settings all phones share, and by that the
//! phones at their next request.
//!
//! Takes `values.settings`, a merge patch (RFC 7396), `null` to empty the layer.
//! Gives `numrows`, 1, and `warnings` as `update company` does.

use super::{Call, counted_with_reach};
use crate::admin::CommandResult;
use crate::admin::answer::Fail;

pub(super) async fn run(call: Call) -> CommandResult {
    let values = call.body.values()?;
    values.only(&["settings"])?;
    let patch = values.raw("settings").ok_or_else(|| Fail::new("settings required"))?;
    let layers = call.core.registry.update_system_settings(&call.actor, patch).await?;
    counted_with_reach(&call, None, layers).await
}
