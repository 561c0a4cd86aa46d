//! `token phone` and `token company`: the token that the URLs of an active phone, or of all phones of
//! a company, may hold; that it was shown is on record.
//!
//! Take in `scope`: `token phone` `mac`, with `port` (0 when absent), or `phoneid`, which counts only
//! without `mac`; `token company` `company`. In `values`: `new`, `true` for another token. The one
//! before is proof until the phone, or each phone of the company, came with the new one.
//!
//! One row: `phoneid` or `company`; `token`, the element of the path; `url`, where a phone is pointed
//! at, up to the path before a file's name, `null` where no setting says where the gateway is.

use serde::Serialize;
use serde_json::json;

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::{Answer, Fail, Rows};
use crate::domain::{CompanyId, PhoneId};
use crate::registry::{CompanyChange, ShownToken};

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
    let another = another(&call)?;
    let shown = call.core.registry.phone_token(&call.actor, id, another).await?;
    Ok(row(Some(id), None, shown))
}

pub(super) async fn company(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["company"])?;
    let id = scope.company("company")?.ok_or_else(|| Fail::new("company required"))?;
    let registry = &call.core.registry;
    if another(&call)? {
        let number = registry.policy(&id).company_token.saturating_add(1);
        let settings = Some(json!({ "admission": { "company_token": number } }));
        let change = CompanyChange { name: None, settings };
        registry.update_company(&call.actor, &id, change).await?;
    }
    let shown = registry.company_token(&call.actor, &id).await?;
    Ok(row(None, Some(id), shown))
}

fn another(call: &Call) -> Result<bool, Fail> {
    let values = call.body.values()?;
    values.only(&["new"])?;
    values.flag("new")
}

fn row(phoneid: Option<PhoneId>, company: Option<CompanyId>, shown: ShownToken) -> Answer {
    let ShownToken { token, url } = shown;
    let mut rows = Rows::new();
    rows.push(&Row { phoneid, company, token, url });
    rows.finish()
}
