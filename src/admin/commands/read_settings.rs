//! `read settings`: the settings all phones share. Takes nothing.
//!
//! One row: `settings` with `***` for secrets, and `changed` (seconds; 0 when they
//! never were).

use serde_json::json;

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::Rows;

pub(super) async fn run(call: Call) -> CommandResult {
    let system = call.core.registry.system_settings(&call.actor)?;
    let row = json!({ "settings": system.settings.redacted(), "changed": system.changed });
    Ok([row].into_iter().collect::<Rows>().finish())
}
