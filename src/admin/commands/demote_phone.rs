//! `demote phone`: takes every inactive port of a device off the list. The device
//! may ask again and reappear.
//!
//! Takes `scope.phoneid` (any inactive port of it). Gives `numrows`, the ports removed.

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::Answer;

pub(super) async fn run(call: Call) -> CommandResult {
    let id = call.body.scope()?.phone_id()?;
    Ok(Answer::counted(call.core.registry.demote(&call.actor, id).await?))
}
