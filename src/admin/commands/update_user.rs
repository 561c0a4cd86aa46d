//! `update user`: changes a user. A System-Admin changes anyone; others only set
//! their own `password`, giving `current_password`.
//!
//! Takes in `scope`: `login` or `id`. Takes in `values` what is to change: `name`,
//! `role`, `company` (`null`: the default one), `companies`, `password` (`null`: no
//! login with one any more); `key`, `true` for one more API key; `revoke_keys`,
//! `true` for all that were there before, or a list of fingerprints as `read` shows
//! them. Gives `numrows`, 1, and `key`, which is shown this once. The last
//! System-Admin who can sign in stays one.

use serde_json::Value;

use super::Call;
use super::create_user::{counted_with, role};
use crate::admin::CommandResult;
use crate::admin::answer::Fail;
use crate::admin::fields::Fields;
use crate::domain::UserId;
use crate::registry::{Revoke, UserChange, UserRef};

pub(super) async fn run(call: Call) -> CommandResult {
    let who = user(call.body.scope()?)?;
    let values = call.body.values()?;
    values.only(&[
        "name",
        "role",
        "company",
        "companies",
        "password",
        "current_password",
        "key",
        "revoke_keys",
    ])?;
    let company = values.company("company")?;
    let password = values.text("password")?.map(str::to_owned);
    let change = UserChange {
        name: values.text("name")?.map(str::to_owned),
        role: role(values)?,
        company: values.raw("company").map(|_| company),
        companies: values.companies("companies")?,
        password: values.raw("password").map(|_| password),
        current_password: values.text("current_password")?.map(str::to_owned),
        key: values.flag("key")?,
        revoke: revoke(values)?,
    };
    let core = &call.core;
    let key = core.registry.update_user(&call.actor, &who, change, &*core.random).await?;
    Ok(counted_with(key))
}

/// The one user a command acts on.
pub(super) fn user(scope: Fields<'_>) -> Result<UserRef, Fail> {
    scope.only(&["login", "id"])?;
    match (scope.filled("login")?, scope.number("id")?) {
        (Some(_), Some(_)) => Err(Fail::new("login or id, not both")),
        (Some(login), None) => Ok(UserRef::Login(login.to_owned())),
        (None, Some(id)) => Ok(UserRef::Id(UserId(id))),
        (None, None) => Err(Fail::new("login or id required")),
    }
}

fn revoke(values: Fields<'_>) -> Result<Revoke, Fail> {
    match values.value("revoke_keys") {
        None | Some(Value::Bool(false)) => Ok(Revoke::None),
        Some(Value::Bool(true)) => Ok(Revoke::All),
        Some(_) => {
            let prints = values.texts("revoke_keys")?.unwrap_or_default();
            Ok(Revoke::These(prints.into_iter().map(str::to_owned).collect()))
        }
    }
}
