//! Names that a list was asked for and that nothing has: the API gives no rows for them, which a
//! typing error must not look like.

use serde_json::Value;

use super::RemoteError;
use crate::domain::{did_you_mean, nearest};
use crate::tools::client::{Call, Client};

/// Fields of a scope that hold names, what has such a name, the call that lists all there are, the
/// field of its rows, and the command that shows them.
const NAMES: [(&str, &str, (&str, &str), &str); 3] = [
    ("phone_type", "type", ("readtypes", "phone"), "phone types"),
    ("company", "company", ("read", "company"), "company list"),
    ("login", "user", ("read", "user"), "user list"),
];

/// Looks the names of a list's scope up of which it has no row. One name that brought any rows is
/// there, or was. Of an answer that is a refusal there are no rows.
///
/// What the caller may not look up is not said to be missing.
///
/// # Errors
/// [`RemoteError::NoSuchName`] for the first that nothing has.
pub(super) async fn look_up(
    client: &Client,
    asked: &Call,
    rows: &[Value],
) -> Result<(), RemoteError> {
    for (field, what, (verb, kind), list) in NAMES {
        let named: Vec<&str> = match asked.scope.get(field) {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(name)) => vec![name],
            _ => Vec::new(),
        };
        let has_row = |name: &str| match named.len() {
            1 => !rows.is_empty(),
            _ => rows.iter().any(|row| row[field] == name),
        };
        let missing: Vec<&str> = named.iter().copied().filter(|name| !has_row(name)).collect();
        if missing.is_empty() {
            continue;
        }
        let Ok(reply) = client.call(&Call::new(verb, kind, asked.attempt.clone())).await else {
            continue;
        };
        let rows = reply["values"].as_array();
        let there: Vec<&str> =
            rows.into_iter().flatten().filter_map(|row| row[field].as_str()).collect();
        if let Some(name) = missing.into_iter().find(|name| !there.contains(name)) {
            return Err(RemoteError::NoSuchName {
                attempt: asked.attempt.clone(),
                what,
                name: name.to_owned(),
                near: did_you_mean(nearest(name, there.into_iter())),
                list,
            });
        }
    }
    Ok(())
}
