//! `events phone`, `events company`, `events user`, `events settings`, `events ban`: who changed
//! what and when, newest first, a page at a time. A Company-Admin reads those of
//! phones and companies it administers; those of phones in no company with
//! `default`.
//!
//! Takes in `scope`: `before`, the `next` of the page before, and `limit` (100, at
//! most 1000); for phones `phoneid` or `mac` (then of all its ports) and `company`,
//! one or a list; for companies `company`; for users `login`; for bans `network`. A command on several
//! ports of a device is recorded under the port it was asked for.
//!
//! Rows: `id`, `at` (seconds), `who` (a login, or `gateway`), `from` (an address),
//! `action`, `subject`, `name` (empty where many devices expired together: `before` counts them),
//! `company`, `before`, `after`. Secrets show as
//! `***`, or `*** (changed)`. Besides them `next` when there may be more.

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::{Fail, Rows};
use crate::admin::fields::Fields;
use crate::domain::{CompanyId, EventId, Mac, PhoneId, Subject};
use crate::registry::EventQuery;

/// Rows of a page nobody asked the size of.
const LIMIT: usize = 100;

pub(super) async fn phone(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["phoneid", "mac", "company", "before", "limit"])?;
    // Events have the one way of writing them; what is neither finds nothing.
    let name = match (scope.filled("mac")?, scope.filled("phoneid")?) {
        (Some(mac), _) => {
            let known = mac.parse::<Mac>().map(|mac| mac.to_string());
            Some(known.unwrap_or_else(|_| mac.to_owned()))
        }
        (None, Some(id)) => {
            let known = id.parse::<PhoneId>().map(|id| id.to_string());
            Some(known.unwrap_or_else(|_| id.to_owned()))
        }
        (None, None) => None,
    };
    let companies = scope.companies("company")?;
    events(&call, scope, Subject::Phone, name, companies).await
}

pub(super) async fn company(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["company", "before", "limit"])?;
    let companies = scope.companies("company")?;
    events(&call, scope, Subject::Company, None, companies).await
}

pub(super) async fn user(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["login", "before", "limit"])?;
    let login = scope.filled("login")?.map(str::to_owned);
    events(&call, scope, Subject::User, login, None).await
}

pub(super) async fn settings(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["before", "limit"])?;
    events(&call, scope, Subject::Settings, None, None).await
}

pub(super) async fn ban(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["network", "before", "limit"])?;
    let network = scope.network("network")?.map(|network| network.to_string());
    events(&call, scope, Subject::Ban, network, None).await
}

async fn events(
    call: &Call,
    scope: Fields<'_>,
    subject: Subject,
    name: Option<String>,
    companies: Option<Vec<CompanyId>>,
) -> CommandResult {
    let limit = scope.limit(LIMIT, EventQuery::MAX)?;
    // `next` is text in every list; a number is as good.
    let before = match scope.value("before") {
        None => None,
        Some(value) => {
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            let number =
                number.ok_or_else(|| Fail::new("before: must be the next of the page before"))?;
            Some(EventId(number))
        }
    };
    let query = EventQuery { subject, name, companies, before, limit };
    let events = call.core.registry.events(&call.actor, query).await?;
    let full = events.len() == limit;
    let next = events.last().filter(|_| full).map(|last| last.id.to_string());
    Ok(events.into_iter().collect::<Rows>().finish_before(next))
}
