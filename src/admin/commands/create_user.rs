//! `create user`: makes a user of this API.
//!
//! Takes in `values`: `login`; `name`; `role` (`System-Admin`, `Company-Admin` or
//! `User`, which is the default); `company` the user belongs to (absent:
//! `default`); `companies` a Company-Admin administers; `password`, at least 8
//! characters; `key`, `true` for an API key. Gives `numrows`, 1, and `key`, which
//! is shown this once.

use serde::Serialize;
use serde_json::Value;

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::{Answer, Fail};
use crate::admin::fields::Fields;
use crate::domain::Role;
use crate::registry::NewUser;

pub(super) async fn run(call: Call) -> CommandResult {
    let values = call.body.values()?;
    values.only(&["login", "name", "role", "company", "companies", "password", "key"])?;
    let login = values.filled("login")?.ok_or_else(|| Fail::new("login required"))?;
    let new = NewUser {
        login: login.to_owned(),
        name: values.text("name")?.unwrap_or_default().to_owned(),
        role: role(values)?.unwrap_or(Role::User),
        company: values.company("company")?,
        companies: values.companies("companies")?.unwrap_or_default(),
        password: values.text("password")?.map(str::to_owned),
        key: values.flag("key")?,
    };
    let core = &call.core;
    let key = core.registry.create_user(&call.actor, new, &*core.random).await?;
    Ok(counted_with(key))
}

pub(super) fn role(values: Fields<'_>) -> Result<Option<Role>, Fail> {
    let Some(text) = values.filled("role")? else { return Ok(None) };
    let role = serde_json::from_value(Value::from(text));
    role.map(Some).map_err(|_| Fail::new("role: must be System-Admin, Company-Admin or User"))
}

/// One row, and the key made with it.
pub(super) fn counted_with(key: Option<String>) -> Answer {
    #[derive(Serialize)]
    struct Made {
        numrows: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    }
    Answer::of(&Made { numrows: 1, key })
}
