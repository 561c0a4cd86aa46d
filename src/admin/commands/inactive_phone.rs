//! `inactive phone`: every phone seen and not promoted. Takes nothing: "No
//! filtering is possible".
//!
//! Rows: `phoneid`, `phone_type`, `type` (description), `created` (seconds), and how sure the
//! type is: `strength`, as in the `claims` of `read phone`, and `told_by`, the same in words.
//! In order of created, MAC, port. More than 1000 come in parts, without a
//! `Content-Length`; `numrows` at the end says that it was all.

use std::sync::Arc;

use tokio::time::sleep;

use super::{Call, Core};
use crate::admin::CommandResult;
use crate::admin::answer::{Answer, Fail};
use crate::admin::blocking::Party;
use crate::admin::phone_list::PhoneList;
use crate::domain::UserId;
use crate::registry::{Listing, RegistryError};

pub(super) async fn run(call: Call) -> CommandResult {
    let Call { core, actor, caller, party, .. } = call;
    list(core, (caller, party), move |core| core.registry.inactive(&actor)).await
}

/// Makes a list that may be of a million phones for `caller`, who has it until the answer is sent
/// or dropped.
pub(super) async fn list(
    core: Arc<Core>,
    (caller, party): (UserId, Party),
    make: impl FnOnce(&Core) -> Result<Listing, RegistryError> + Send + 'static,
) -> CommandResult {
    let place =
        core.lists.wait(caller, sleep(core.options.place_timeout)).await.map_err(|busy| {
            let message =
                "Too many lists are still being sent: read those you asked for to their end";
            Fail::busy(busy, message)
        })?;
    let making = core.clone();
    let make = move || {
        let listing = make(&making)?;
        Ok(Answer::list(PhoneList::new(listing, making.registry.catalogue(), place)))
    };
    core.blocking.run(party, make).await?
}
