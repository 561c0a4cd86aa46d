//! `delete phone`: removes an active phone. Its device may ask again and reappear
//! as inactive.
//!
//! Takes in `scope`: `mac`, with `port` (0 when absent), or `phoneid`, which counts
//! only without `mac`. Gives `numrows`, 1. An inactive phone is removed by `demote`.

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::Answer;

pub(super) async fn run(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["mac", "port", "phoneid"])?;
    call.core.registry.delete_phone(&call.actor, scope.phone()?).await?;
    Ok(Answer::counted(1))
}
