//! `assign phone`: moves active phones of a device to another company, all or none.
//!
//! Takes `scope.mac`, with `scope.port` for one port of it and else all active
//! ones; or `scope.phoneid`, which counts only without `mac`; `scope.company`,
//! in which all of them must be; `values.company`, the target. Gives `numrows`
//! and `company`, by port the company each was in before; `warnings`, of the first port, where
//! something that is set there does not reach it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Call, warnings};
use crate::admin::CommandResult;
use crate::admin::answer::{Answer, Fail};
use crate::domain::{CompanyId, PhoneId};

pub(super) async fn run(call: Call) -> CommandResult {
    let scope = call.body.scope()?;
    let mut port = scope.port()?;
    let mac = match scope.mac()? {
        Some(mac) => mac,
        None => {
            // With its port, and checked against the one that may be there beside it.
            let id = scope.phone()?;
            port = Some(id.port);
            id.mac
        }
    };
    let values = call.body.values()?;
    if values.filled("company")?.is_none() {
        return Err(Fail::new("Target company required"));
    }
    let (target, source) = (values.company("company")?, scope.company("company")?);
    let target = target.ok_or_else(|| Fail::new("Target company required"))?;
    let registry = &call.core.registry;
    let from = registry.assign(&call.actor, mac, port, source.as_ref(), &target).await?;

    #[derive(Serialize)]
    struct Assigned {
        numrows: usize,
        company: BTreeMap<String, CompanyId>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        warnings: Vec<String>,
    }
    let warnings = match from.keys().next() {
        Some(&port) => warnings(&call, PhoneId { mac, port }).await,
        None => Vec::new(),
    };
    Ok(Answer::of(&Assigned {
        numrows: from.len(),
        company: from.into_iter().map(|(port, company)| (port.to_string(), company)).collect(),
        warnings,
    }))
}
