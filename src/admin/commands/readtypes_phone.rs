//! `readtypes phone`: the phone types of the catalogue. Takes nothing.
//!
//! Rows: `phone_type` (the key), `pgroup` (its family's group), `description`
//! (what lists of phones call `type`). In order of key.

use serde::Serialize;

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::Rows;

#[derive(Serialize)]
struct Row<'a> {
    phone_type: &'a str,
    pgroup: &'a str,
    description: &'a str,
}

pub(super) async fn run(call: Call) -> CommandResult {
    let catalogue = call.core.registry.catalogue();
    let rows = catalogue.types().into_iter().map(|phone_type| Row {
        phone_type: phone_type.key.as_str(),
        pgroup: &catalogue.family_of(phone_type).group,
        description: &phone_type.description,
    });
    Ok(rows.collect::<Rows>().finish())
}
