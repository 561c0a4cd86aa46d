//! `create second_factor`: sets up a second factor of a user, which is asked for once `confirm
//! second_factor` was given a first right code. A System-Admin does so for anyone; others for
//! themselves, giving `current_password`. One that waits for its first code is replaced; one that is
//! in force must be deleted first.
//!
//! Takes in `scope`: `login` or `id`. Takes in `values`: `current_password`.
//!
//! One row, which is shown this once: `login`; `secret` in base32, for who types it; `uri`, what an
//! authenticator reads as a QR code or a link (`otpauth://totp/...`).

use serde::Serialize;

use super::Call;
use super::update_user::user;
use crate::admin::CommandResult;
use crate::admin::answer::Rows;

#[derive(Serialize)]
struct Row {
    login: String,
    secret: String,
    uri: String,
}

pub(super) async fn run(call: Call) -> CommandResult {
    let who = user(call.body.scope()?)?;
    let values = call.body.values()?;
    values.only(&["current_password"])?;
    let password = values.text("current_password")?;
    let core = &call.core;
    let made =
        core.registry.create_second_factor(&call.actor, &who, password, &*core.random).await?;
    let mut rows = Rows::new();
    rows.push(&Row { login: made.login, secret: made.secret, uri: made.uri });
    Ok(rows.finish())
}
