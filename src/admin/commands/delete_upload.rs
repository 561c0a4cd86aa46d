//! `delete upload`: removes a file that an active phone's device sent, so that the phone does not
//! get it back.
//!
//! Takes in `scope`: `mac`, with `port` (0 when absent), or `phoneid`, which counts only without
//! `mac`; `file`, its name. Only for who administers all active ports of the device. Gives
//! `numrows`, 0 where there was no such file. It is in the audit record.

use super::Call;
use super::uploads_phone::{off, unreadable};
use crate::admin::CommandResult;
use crate::admin::answer::{Answer, Fail};
use crate::uploads::FileName;

pub(super) async fn run(call: Call) -> CommandResult {
    let Call { core, actor, body, .. } = call;
    let scope = body.scope()?;
    scope.only(&["mac", "port", "phoneid", "file"])?;
    let id = scope.phone()?;
    let name = scope.filled("file")?.ok_or_else(|| Fail::new("file required"))?;
    let sender = core.registry.sender_for(&actor, id)?;
    let uploads = core.options.uploads.as_ref().ok_or_else(off)?;
    let Some(name) = FileName::new(name) else { return Ok(Answer::counted(0)) };
    let listed = uploads.list(&sender).await.map_err(|error| unreadable(&error))?;
    if !listed.iter().any(|upload| upload.name == name) {
        return Ok(Answer::counted(0));
    }
    let sender = core.registry.delete_upload(&actor, id, &name).await?;
    let removed = uploads.remove(&sender, &name).await.map_err(|error| unreadable(&error))?;
    Ok(Answer::counted(usize::from(removed)))
}
