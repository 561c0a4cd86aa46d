//! `delete user`: removes a user; its keys and sessions end at once. The last
//! System-Admin who can sign in stays.
//!
//! Takes in `scope`: `login` or `id`. Gives `numrows`, 1.

use super::Call;
use super::update_user::user;
use crate::admin::CommandResult;
use crate::admin::answer::Answer;

pub(super) async fn run(call: Call) -> CommandResult {
    let who = user(call.body.scope()?)?;
    call.core.registry.delete_user(&call.actor, &who).await?;
    Ok(Answer::counted(1))
}
