//! `create phone`: makes an active phone, of a device that never asked, of an
//! inactive port, or of one more port of a device with active ones.
//!
//! Takes in `values`: `mac`, with `port` (0 when absent), or `phoneid`, which
//! counts only without `mac`; `company` and `phone_type`; `name`; `settings`, a
//! layer; `other_maker`, `true` for a MAC that is another maker's than the type. Gives `numrows`,
//! 1, and `warnings`, see `update phone`. Fails with "Phone already activated" when it is, and
//! when the phone's files cannot be made.

use super::{Call, counted_with_warnings};
use crate::admin::CommandResult;
use crate::admin::answer::Fail;
use crate::registry::NewPhone;

pub(super) async fn run(call: Call) -> CommandResult {
    let values = call.body.values()?;
    values.only(&[
        "mac",
        "port",
        "phoneid",
        "company",
        "phone_type",
        "name",
        "settings",
        "other_maker",
    ])?;
    let id = values.phone()?;
    let phone_type =
        values.filled("phone_type")?.ok_or_else(|| Fail::new("phone_type required"))?;
    if values.filled("company")?.is_none() {
        return Err(Fail::new("company required"));
    }
    let company = values.company("company")?.ok_or_else(|| Fail::new("company required"))?;
    let new = NewPhone {
        id,
        name: values.text("name")?.map(str::to_owned),
        company,
        phone_type: phone_type
            .parse()
            .map_err(|error| Fail::new(format!("phone_type: {error}")))?,
        settings: values.value("settings").cloned(),
        other_maker: values.flag("other_maker")?,
    };
    call.core.registry.create_phone(&call.actor, new).await?;
    counted_with_warnings(&call, id, 1).await
}
