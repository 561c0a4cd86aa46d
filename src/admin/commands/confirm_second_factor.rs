//! `confirm second_factor`: puts a second factor that was created in force. From then on a password
//! counts with a `code` only, and sessions that began without one are over.
//!
//! Takes in `scope`: `login` or `id`; one's own, or anyone's for a System-Admin. Takes in `values`:
//! `code`, what the authenticator shows.
//!
//! One row, which is shown this once: `recovery_codes`, each of which counts once in the place of a
//! code.

use serde::Serialize;

use super::Call;
use super::update_user::user;
use crate::admin::CommandResult;
use crate::admin::answer::{Fail, Rows};

#[derive(Serialize)]
struct Row {
    recovery_codes: Vec<String>,
}

pub(super) async fn run(call: Call) -> CommandResult {
    let who = user(call.body.scope()?)?;
    let values = call.body.values()?;
    values.only(&["code"])?;
    let code = values.filled("code")?.ok_or_else(|| Fail::new("code required"))?;
    let core = &call.core;
    let recovery_codes =
        core.registry.confirm_second_factor(&call.actor, &who, code, &*core.random).await?;
    let mut rows = Rows::new();
    rows.push(&Row { recovery_codes });
    Ok(rows.finish())
}
