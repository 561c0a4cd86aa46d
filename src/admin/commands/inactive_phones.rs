//! `inactive phone`: every phone seen and not promoted. Takes nothing: "No
//! filtering is possible".
//!
//! Rows: `phoneid`, `phone_type`, `type` (description), `created` (seconds).
//! In order of created, MAC, port. More than 1000 come in parts, without a
//! `Content-Length`; `numrows` at the end says that it was all.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

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
    in_turn(core, move |core, turn| {
        let listing = make(core)?;
        Ok(Answer::list(PhoneList::new(listing, core.registry.catalogue(), turn)))
    })
    .await
}

/// Makes what takes long beside the runtime, a few at a time: until the turn is dropped.
pub(super) async fn in_turn(
    core: Arc<Core>,
    make: impl FnOnce(&Core, OwnedSemaphorePermit) -> CommandResult + Send + 'static,
) -> CommandResult {
    let busy = |_| Fail::new("The gateway is going down");
    let turn = core.lists.clone().acquire_owned().await.map_err(busy)?;
    let making = tokio::task::spawn_blocking(move || make(&core, turn));
    match making.await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Fail::new("The gateway is going down")),
        },
    }
}
