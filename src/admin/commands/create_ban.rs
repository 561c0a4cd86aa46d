//! `create ban`: bans a network by hand, or makes its ban another one.
//!
//! Takes in `values`: `network`, an address or a network (an IPv4 /8 or narrower, an IPv6 /16 or
//! narrower; none of `[scan] never_ban`); `minutes`, how long it lasts (1,440, a day); `reason`, at most
//! 200 characters. Gives `numrows`, 1.

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::{Answer, Fail};
use crate::registry::NewBan;

/// A day.
const MINUTES: u64 = 1_440;

pub(super) async fn run(call: Call) -> CommandResult {
    let values = call.body.values()?;
    values.only(&["network", "minutes", "reason"])?;
    let network = values.network("network")?.ok_or_else(|| Fail::new("network required"))?;
    let minutes = values.number("minutes")?.unwrap_or(MINUTES);
    let new = NewBan {
        network,
        lasts_s: i64::try_from(minutes.saturating_mul(60)).unwrap_or(i64::MAX),
        reason: values.text("reason")?.unwrap_or_default().to_owned(),
    };
    call.core.registry.create_ban(&call.actor, new).await?;
    Ok(Answer::counted(1))
}
