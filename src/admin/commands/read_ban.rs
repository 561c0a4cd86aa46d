//! `read ban`: networks that get nothing, and why.
//!
//! Takes in `scope`: `network`, a network or an address, for its own ban or the one around it that
//! keeps it out, with the requests that led to it; without it all, in an order of the store's own, with
//! `after`, the `next` of the page before, and `limit` (100, at most 1000).
//!
//! Rows: `network`, `since` and `until` (seconds), `in_force`, `times` (how often it was banned: each
//! ban is four times as long as the one before), `reason`, `made_by` (a login, or `gateway`); of one
//! network `evidence` as well, the last requests before, each with `at`, `address`, `mac`, `target` and
//! `user_agent`. A ban that is over stays for 30 days, for the length of the next.

use serde::Serialize;

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::Rows;
use crate::domain::{Ban, BanEvidence, Timestamp};

/// Rows of a page nobody asked the size of.
const LIMIT: usize = 100;
/// Rows of a page at most.
const MOST: usize = 1_000;

pub(super) async fn run(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["network", "after", "limit"])?;
    let registry = &call.core.registry;
    let now = registry.clock().now();
    let mut rows = Rows::new();
    if let Some(network) = scope.network("network")? {
        if let Some(ban) = registry.ban(&call.actor, network).await? {
            rows.push(&Row { evidence: Some(&ban.evidence), ..Row::of(&ban, now) });
        }
        return Ok(rows.finish());
    }
    let limit = scope.limit(LIMIT, MOST)?;
    let bans = registry.bans(&call.actor, scope.network("after")?, limit).await?;
    bans.iter().for_each(|ban| rows.push(&Row::of(ban, now)));
    let full = bans.len() == limit;
    Ok(rows.finish_before(bans.last().filter(|_| full).map(|last| last.network.to_string())))
}

#[derive(Serialize)]
struct Row<'a> {
    network: String,
    since: i64,
    until: i64,
    in_force: bool,
    times: u32,
    reason: &'a str,
    made_by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<&'a [BanEvidence]>,
}

impl Row<'_> {
    fn of(ban: &Ban, now: Timestamp) -> Row<'_> {
        Row {
            network: ban.network.to_string(),
            since: ban.since.seconds(),
            until: ban.until.seconds(),
            in_force: ban.is_in_force(now),
            times: ban.times,
            reason: &ban.reason,
            made_by: &ban.made_by,
            evidence: None,
        }
    }
}
