//! `update phone`: changes a phone the caller sees.
//!
//! Takes in `scope`: `mac`, with `port` (0 when absent), or `phoneid`, which counts
//! only without `mac`. Takes in `values` what is to change: `name`; `settings`, a
//! merge patch (RFC 7396) of the phone's own layer, `null` to empty it;
//! `phone_type`, of the whole device, from a System-Admin, with `other_maker`, `true` for a MAC
//! that is another maker's than the type. The company is changed by `assign`. Gives `numrows`, 1,
//! and `warnings` where something that is set does not reach the phone. Fails when the phone's
//! files cannot be made then, and when something is written that the type does not have.

use super::{Call, counted_with_warnings};
use crate::admin::CommandResult;
use crate::admin::answer::Fail;
use crate::registry::PhoneChange;

pub(super) async fn run(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["mac", "port", "phoneid"])?;
    let id = scope.phone()?;
    let values = call.body.values()?;
    values.only(&["name", "settings", "phone_type", "other_maker"])?;
    let phone_type = values.filled("phone_type")?.map(str::parse).transpose();
    let change = PhoneChange {
        name: values.text("name")?.map(str::to_owned),
        settings: values.raw("settings").cloned(),
        other_maker: values.flag("other_maker")?,
        phone_type: phone_type.map_err(|error| Fail::new(format!("phone_type: {error}")))?,
    };
    call.core.registry.update_phone(&call.actor, id, change).await?;
    counted_with_warnings(&call, id, 1).await
}
