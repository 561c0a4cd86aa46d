//! `read company`: the companies the caller administers.
//!
//! Takes `scope.company`, one or a list; an unknown company and another's fail
//! alike. Rows, in order of id: `company` (the id), `name`, `created`, `settings`
//! of its own layer with `***` for secrets.

use serde::Serialize;
use serde_json::Value;

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::Rows;
use crate::domain::{CompanyId, Timestamp};

#[derive(Serialize)]
struct Row<'a> {
    company: &'a CompanyId,
    name: &'a str,
    created: Timestamp,
    settings: Value,
}

pub(super) async fn run(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["company"])?;
    let wanted = scope.companies("company")?;
    let companies = call.core.registry.companies(&call.actor, wanted.as_deref())?;
    let rows = companies.iter().map(|company| Row {
        company: &company.id,
        name: &company.name,
        created: company.created,
        settings: company.settings.redacted(),
    });
    Ok(rows.collect::<Rows>().finish())
}
