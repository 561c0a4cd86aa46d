//! `active phone`: every active phone of the caller's companies.
//!
//! Takes `scope.company`, one or a list; absent or empty is no filter, an unknown
//! company and another's fail alike. Rows as `inactive` has them, and `company`.

use super::Call;
use super::inactive_phone::list;
use crate::admin::CommandResult;

pub(super) async fn run(call: Call) -> CommandResult {
    let Call { core, actor, caller, party, body } = call;
    let companies = body.scope()?.companies("company")?;
    list(core, (caller, party), move |core| core.registry.active(&actor, companies.as_deref()))
        .await
}
