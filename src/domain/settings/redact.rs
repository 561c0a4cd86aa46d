//! A layer as it may be shown: its secrets replaced by a marker.

use serde_json::{Map, Value};

use super::schema::{Field, Kind, is_secret_parameter};

/// Stands for a secret. [`super::Layer::parse`] refuses both markers as the
/// value of one, so that a document which was read, edited and written back cannot make
/// it the password.
pub const HIDDEN: &str = "***";

/// Stands for a secret that differs from the one it is compared with.
pub const HIDDEN_CHANGED: &str = "*** (changed)";

pub(super) fn is_marker(value: &Value) -> bool {
    value == HIDDEN || value == HIDDEN_CHANGED
}

/// `document` without secrets; with `before`, a secret that is not the same
/// there is marked as changed.
pub(super) fn group(fields: &[Field], document: &Value, before: Option<&Value>) -> Value {
    let mut shown = Map::new();
    for (name, value) in document.as_object().into_iter().flatten() {
        let Some(field) = fields.iter().find(|field| field.name == name) else { continue };
        let before = before.map(|before| &before[name]);
        shown.insert(name.clone(), redacted(&field.kind, value, before));
    }
    Value::Object(shown)
}

/// `value` without secrets.
pub(super) fn redacted(kind: &Kind, value: &Value, before: Option<&Value>) -> Value {
    match kind {
        Kind::Secret | Kind::Pin => hidden(value, before),
        Kind::Group(fields) => group(fields, value, before),
        Kind::Numbered { of, .. } => {
            each(value, before, |_, entry, before| group(of, entry, before))
        }
        Kind::Vendor => each(value, before, |_, family, before| {
            each(family, before, |name, value, before| {
                if is_secret_parameter(name) { hidden(value, before) } else { value.clone() }
            })
        }),
        _ => value.clone(),
    }
}

fn each(
    object: &Value,
    before: Option<&Value>,
    mut show: impl FnMut(&str, &Value, Option<&Value>) -> Value,
) -> Value {
    let entries = object.as_object().into_iter().flatten();
    let shown = entries.map(|(name, value)| {
        (name.clone(), show(name, value, before.map(|before| &before[name.as_str()])))
    });
    Value::Object(shown.collect())
}

fn hidden(value: &Value, before: Option<&Value>) -> Value {
    let changed = before.is_some_and(|before| before != value);
    Value::from(if changed { HIDDEN_CHANGED } else { HIDDEN })
}
