//! `create company`: makes a company.
//!
//! Takes in `values`: `company`, the id (1 to 32 letters, digits and `_`); `name`;
//! `settings`, a layer. Gives `numrows`, 1.

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::{Answer, Fail};
use crate::registry::NewCompany;

pub(super) async fn run(call: Call) -> CommandResult {
    let values = call.body.values()?;
    values.only(&["company", "name", "settings"])?;
    let id = values.filled("company")?.ok_or_else(|| Fail::new("company required"))?;
    let new = NewCompany {
        id: id.parse().map_err(|error| Fail::new(format!("company: {error}")))?,
        name: values.text("name")?.unwrap_or_default().to_owned(),
        settings: values.value("settings").cloned(),
    };
    let core = &call.core;
    core.registry.create_company(&call.actor, new, &*core.random).await?;
    Ok(Answer::counted(1))
}
