//! `rearm phone`: arms an active phone's device again: what locked it is forgotten, its window begins
//! anew, and what it is served with next is what it is known by.
//!
//! Takes in `scope`: `mac`, with `port` (0 when absent), or `phoneid`, which counts only without
//! `mac`; in `values`: `forget_keys`, `true` for a phone that was reset or replaced and has none of
//! the keys that it was given for its encrypted files. Only for who administers all active ports of the device. Gives `numrows`, 1.

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::Answer;
use crate::registry::GivenFileKeys;

pub(super) async fn run(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["mac", "port", "phoneid"])?;
    let id = scope.phone()?;
    let values = call.body.values()?;
    values.only(&["forget_keys"])?;
    let keys = match values.flag("forget_keys")? {
        true => GivenFileKeys::Forgotten,
        false => GivenFileKeys::Kept,
    };
    call.core.registry.rearm(&call.actor, id, keys).await?;
    Ok(Answer::counted(1))
}
