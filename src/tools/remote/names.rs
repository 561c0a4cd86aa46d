//! Names that were given and that nothing has: the API gives no rows for those that a list was asked
//! for, which a typing error must not look like, and does not say of a change what they are like.

use serde_json::Value;

use super::RemoteError;
use crate::domain::{did_you_mean, nearest, printable};
use crate::tools::client::{Call, Client};

/// Fields of a scope that hold names, what has such a name, the call that lists all there are, the
/// field of its rows, and the command that shows them.
const NAMES: [(&str, &str, (&str, &str), &str); 3] = [
    ("phone_type", "type", ("readtypes", "phone"), "phone types"),
    ("company", "company", ("read", "company"), "company list"),
    ("login", "user", ("read", "user"), "user list"),
];

/// Looks up the names in a call of which its answer has no row. One name that brought any rows is
/// there, or was. A refusal has no rows.
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
        // The name of what is to be made is nobody's.
        if asked.verb == "create" && asked.kind == what {
            continue;
        }
        let named: Vec<&str> = match asked.scope.get(field).or(asked.values.get(field)) {
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

/// Says of a phone that was to be promoted, or taken off the list, and does not wait, that it is
/// active: the API says "Phone not found" of both, and of one that never asked.
///
/// # Errors
/// [`RemoteError::Active`] when it is.
pub(super) async fn look_whether_active(client: &Client, asked: &Call) -> Result<(), RemoteError> {
    let Some(phone) = asked.scope.get("phoneid").and_then(Value::as_str) else { return Ok(()) };
    let shown = Call::new("read", "phone", asked.attempt.clone()).scope("phoneid", phone);
    let Ok(reply) = client.call(&shown).await else { return Ok(()) };
    match reply["values"][0]["state"].as_str() {
        Some("active") => Err(RemoteError::Active {
            attempt: asked.attempt.clone(),
            phone: printable(phone),
            company: printable(reply["values"][0]["company"].as_str().unwrap_or_default()),
        }),
        _ => Ok(()),
    }
}
