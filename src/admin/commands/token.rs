//! `token phone` and `token company`: the token that the URLs of an active phone, or of all phones of
//! a company, may hold; that it was shown is on record.
//!
//! Take in `scope`: `token phone` `mac`, with `port` (0 when absent), or `phoneid`, which counts only
//! without `mac`; `token company` `company`. In `values`: `new`, `true` for another token: those
//! before are proof until the phone, or each phone of the company, came with the new one; with
//! `drop_old`, `true`, they are proof of nothing.
//!
//! One row: `phoneid` or `company`; `token`, the element of the path; `url`, where a phone is pointed
//! at, up to the path before a file's name, `null` where no setting says where the gateway is. With
//! `drop_old` of a company `warnings` say how many of its phones nothing told another token.

use serde::Serialize;

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::{Fail, Rows};
use crate::domain::{CompanyId, PhoneId};
use crate::registry::{ShownToken, TokenChange};

#[derive(Serialize)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    phoneid: Option<PhoneId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<CompanyId>,
    token: String,
    url: Option<String>,
}

pub(super) async fn phone(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["mac", "port", "phoneid"])?;
    let id = scope.phone()?;
    let change = change(&call)?;
    let shown = call.core.registry.phone_token(&call.actor, id, change).await?;
    Ok(rows(Some(id), None, shown).finish())
}

pub(super) async fn company(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["company"])?;
    let id = scope.company("company")?.ok_or_else(|| Fail::new("company required"))?;
    let change = change(&call)?;
    let shown = call.core.registry.company_token(&call.actor, &id, change).await?;
    let warnings = match change {
        TokenChange::NewAlone => locked_out(&call, id.clone()).await,
        TokenChange::None | TokenChange::New => Vec::new(),
    };
    Ok(rows(None, Some(id), shown).finish_but(&warnings))
}

/// Phones that have no other token than the one that is none any more. It is done: when they cannot
/// be looked for, that is what is said.
async fn locked_out(call: &Call, id: CompanyId) -> Vec<String> {
    let core = call.core.clone();
    let look = move || core.registry.without_own_token(&id);
    let found = call.core.blocking.run(call.party.clone(), look).await;
    found.unwrap_or_else(|why| {
        let told = "it is done, and who has no other token was not looked for";
        vec![format!("{told}: {}", why.message())]
    })
}

fn change(call: &Call) -> Result<TokenChange, Fail> {
    let values = call.body.values()?;
    values.only(&["new", "drop_old"])?;
    match (values.flag("new")?, values.flag("drop_old")?) {
        (false, false) => Ok(TokenChange::None),
        (true, false) => Ok(TokenChange::New),
        (true, true) => Ok(TokenChange::NewAlone),
        (false, true) => Err(Fail::new("drop_old goes with new: the present token stays")),
    }
}

fn rows(phoneid: Option<PhoneId>, company: Option<CompanyId>, shown: ShownToken) -> Rows {
    let ShownToken { token, url } = shown;
    let mut rows = Rows::new();
    rows.push(&Row { phoneid, company, token, url });
    rows
}
