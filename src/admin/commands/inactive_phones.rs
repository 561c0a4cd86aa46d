//! `inactive phone`: every phone seen and not promoted. Takes nothing: "No
//! filtering is possible".
//!
//! Rows: `phoneid`, `phone_type`, `type` (description), `created` (seconds).
//! In order of created, MAC, port.

use std::sync::Arc;

use serde::Serialize;

use super::{Call, Core};
use crate::admin::Outcome;
use crate::admin::answer::{Answer, Fail, Rows};
use crate::catalogue::Catalogue;
use crate::domain::{CompanyId, PhoneId, TypeKey};
use crate::registry::{Listing, PhoneRow, RegistryError};

pub(super) async fn run(call: Call) -> Outcome {
    let Call { core, actor, .. } = call;
    list(core, move |core| write(core, core.registry.inactive(&actor))).await
}

/// A phone of either list.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(serialize_with = "display")]
    phoneid: &'a PhoneId,
    phone_type: &'a TypeKey,
    #[serde(rename = "type")]
    description: &'a str,
    created: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<&'a CompanyId>,
}

fn display<S: serde::Serializer>(id: &PhoneId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// Writes a list out.
pub(super) fn write(core: &Core, listing: Result<Listing<'_>, RegistryError>) -> Outcome {
    let catalogue = core.registry.catalogue();
    let mut rows = Rows::new();
    for phone in listing?.rows(0) {
        rows.push(&row(&catalogue, &phone));
    }
    Ok(rows.finish())
}

fn row<'a>(catalogue: &'a Catalogue, phone: &'a PhoneRow) -> Row<'a> {
    Row {
        phoneid: &phone.id,
        phone_type: &phone.phone_type,
        description: catalogue.description(&phone.phone_type),
        created: phone.created,
        company: phone.company.as_ref(),
    }
}

/// Makes a list that may be of a million phones beside the runtime, a few at a time.
pub(super) async fn list(
    core: Arc<Core>,
    make: impl FnOnce(&Core) -> Result<Answer, Fail> + Send + 'static,
) -> Outcome {
    let busy = |_| Fail::new("The gateway is going down");
    let turn = core.lists.clone().acquire_owned().await.map_err(busy)?;
    let making = tokio::task::spawn_blocking(move || {
        let answer = make(&core);
        drop(turn);
        answer
    });
    match making.await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Fail::new("The gateway is going down")),
        },
    }
}
