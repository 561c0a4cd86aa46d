//! `inactive phone`: every phone seen and not promoted. Takes nothing: "No
//! filtering is possible".
//!
//! Rows: `phoneid`, `phone_type`, `type` (description), `created` (seconds).
//! In order of created, MAC, port. More than 1000 come in parts, without a
//! `Content-Length`; `numrows` at the end says that it was all.

use std::sync::Arc;

use super::{Call, Core};
use crate::admin::CommandResult;
use crate::admin::answer::{Answer, Fail};
use crate::admin::phone_list::PhoneList;
use crate::registry::{Listing, RegistryError};

pub(super) async fn run(call: Call) -> CommandResult {
    let Call { core, actor, .. } = call;
    list(core, move |core| core.registry.inactive(&actor)).await
}

/// Makes a list that may be of a million phones. It has its turn until the answer is
/// sent or dropped.
pub(super) async fn list(
    core: Arc<Core>,
    make: impl FnOnce(&Core) -> Result<Listing, RegistryError> + Send + 'static,
) -> CommandResult {
    let turn = core.lists.clone().acquire_owned().await;
    let turn = turn.map_err(|_| Fail::new("The gateway is going down"))?;
    let making = core.clone();
    let make = move || {
        let listing = make(&making)?;
        Ok(Answer::list(PhoneList::new(listing, making.registry.catalogue(), turn)))
    };
    core.blocking.run(make).await?
}
