//! `delete second_factor`: takes a second factor off, so that the password does without. Sessions
//! that began with it are over.
//!
//! Takes in `scope`: `login` or `id`; a System-Admin names anyone. Takes in `values`: `code`, of the
//! authenticator or for recovery, which is asked for when it is one's own and in force. Gives
//! `numrows`, 1.

use super::Call;
use super::update_user::user;
use crate::admin::CommandResult;
use crate::admin::answer::Answer;

pub(super) async fn run(call: Call) -> CommandResult {
    let who = user(call.body.scope()?)?;
    let values = call.body.values()?;
    values.only(&["code"])?;
    call.core.registry.delete_second_factor(&call.actor, &who, values.filled("code")?).await?;
    Ok(Answer::counted(1))
}
