//! `requests phone`: what handsets asked last and what became of it, newest first;
//! the answer to "why does this phone not get its configuration?". Kept in memory
//! only, at most 64 at a time, so there is nothing from before the last start. Active phones
//! have room of their own, others by the network they come from.
//!
//! Takes in `scope` `mac` or `phoneid`; without them, the requests that named no
//! MAC at all. Callers see the requests of the devices `read` shows them a phone of; of unknown
//! MACs and of none with `default`.
//!
//! Rows: `at` (seconds), `node` (which gateway answered: each has a list of its own), `mac`,
//! `address`, `target` (its first 256 bytes, with `***` for every value of its query that is no MAC and
//! for what may be a token), `user_agent`, `outcome`
//! (`served`, `no_mac`, `recorded`, `inactive`, `no_such_file`, `no_such_type`,
//! `over_quota`, `not_recorded`, `certificate_of_another`, `forbidden_network`, `render_failed`,
//! `store_failed`, `banned`, `suspected`, `received`, `not_received`, `not_sent`), `detail`,
//! and what the gateway makes of the request now: `phone_type`, `strength` and `told_by` (how sure
//! that is, `null` without a type), `model`, `evidence`.

use serde::Serialize;

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::{Fail, Rows};
use crate::catalogue::{Request, Target};
use crate::domain::{Mac, PhoneId, Strength, TypeKey};
use crate::registry::RequestLogEntry;

pub(super) async fn run(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    scope.only(&["mac", "phoneid"])?;
    let mac: Option<Mac> = match (scope.filled("mac")?, scope.filled("phoneid")?) {
        (Some(mac), _) => Some(mac.parse().map_err(|error| Fail::new(format!("mac: {error}")))?),
        (None, Some(id)) => {
            let id: PhoneId = id.parse().map_err(|error| Fail::new(format!("phoneid: {error}")))?;
            Some(id.mac)
        }
        (None, None) => None,
    };
    let catalogue = call.core.registry.catalogue();
    let mut rows = Rows::new();
    for entry in call.core.registry.requests(&call.actor, mac)? {
        let target = Target::parse(entry.target.unredacted());
        let identity = catalogue.identify(Request {
            target: &target,
            user_agent: Some(&entry.user_agent),
            headers: &[],
        });
        let strength = identity.phone_type.as_ref().map(|_| identity.strength);
        rows.push(&Row {
            node: &call.core.options.node,
            phone_type: identity.phone_type,
            strength,
            told_by: strength.map(Strength::told_by),
            model: identity.model,
            evidence: identity.evidence.iter().map(ToString::to_string).collect(),
            entry,
        });
    }
    Ok(rows.finish())
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    entry: RequestLogEntry,
    node: &'a str,
    phone_type: Option<TypeKey>,
    strength: Option<Strength>,
    told_by: Option<&'static str>,
    model: Option<String>,
    evidence: Vec<String>,
}
