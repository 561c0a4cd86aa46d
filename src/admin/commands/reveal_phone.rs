//! `reveal phone`: the passwords that an active phone has, its own and those of its lines. The
//! one command that shows any; that it was used is in the audit record.
//!
//! Takes in `scope`: `mac`, with `port` (0 when absent), or `phoneid`, which counts only without
//! `mac`.
//!
//! One row: `phoneid`; `admin_password` and `user_password`, `null` where the phone
//! has none, and for who does not administer all active ports of the device; `admin_name` and
//! `user_name`, what is entered with them at the phone's own pages, `null` also where they ask for
//! none or none is known; `lines`, the password of each line by its number.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::Rows;
use crate::domain::PhoneId;

#[derive(Serialize)]
struct Row {
    phoneid: PhoneId,
    admin_name: Option<String>,
    admin_password: Option<String>,
    user_name: Option<String>,
    user_password: Option<String>,
    lines: BTreeMap<u16, String>,
}

pub(super) async fn run(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["mac", "port", "phoneid"])?;
    let id = scope.phone()?;
    let revealed = call.core.registry.reveal(&call.actor, id).await?;
    let mut rows = Rows::new();
    rows.push(&Row {
        phoneid: id,
        admin_name: revealed.admin_name,
        admin_password: revealed.admin_password,
        user_name: revealed.user_name,
        user_password: revealed.user_password,
        lines: revealed.lines,
    });
    Ok(rows.finish())
}
