//! `readtypes phone`: the phone types of the catalogue. Takes nothing.
//!
//! Rows: `phone_type` (the key), `pgroup` (its family's group), `description`
//! (what lists of phones call `type`). In order of key.

use serde::Serialize;

use super::Call;
use crate::admin::Outcome;
use crate::admin::answer::Rows;

#[derive(Serialize)]
struct Row<'a> {
    phone_type: &'a str,
    pgroup: &'a str,
    description: &'a str,
}

pub(super) async fn run(call: Call) -> Outcome {
    let catalogue = call.core.registry.catalogue();
    let rows = catalogue.types().into_iter().map(|own| Row {
        phone_type: own.key.as_str(),
        pgroup: &catalogue.family_of(own).group,
        description: &own.description,
    });
    Ok(rows.collect::<Rows>().finish())
}
