//! Checking a document and merging it into a layer, in one walk over the
//! schema that finds every problem before it gives up.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::is_marker;
use super::rule;
use super::schema::{
    Field, Kind, MAX_VENDOR_FAMILIES, MAX_VENDOR_PARAMETERS, MAX_VENDOR_TEXT, is_secret_parameter,
};
use super::zone::Zone;
use crate::domain::{did_you_mean, nearest};

/// Problems reported of one document; who made more has made one mistake often.
pub const MAX_ERRORS: usize = 100;

/// One thing wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    /// Where: `lines.1.registrar_port`; empty for the document itself.
    pub field: String,
    /// What: `must be 1 to 65535, not "abc"`. Never holds the value of a secret.
    pub message: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "settings: {}", self.message)
        } else {
            write!(f, "{}: {}", self.field, self.message)
        }
    }
}

impl std::error::Error for SettingError {}

/// `base` with `patch` merged into it (RFC 7396), in the schema's order and
/// without empty groups.
pub(super) fn merged(
    fields: &[Field],
    base: &Value,
    patch: &Value,
) -> Result<Map<String, Value>, Vec<SettingError>> {
    let mut check = Check { path: String::new(), errors: Vec::new() };
    let merged = check.group(fields, Some(base), patch);
    if check.errors.is_empty() { Ok(merged) } else { Err(check.errors) }
}

struct Check {
    path: String,
    errors: Vec<SettingError>,
}

impl Check {
    fn fail(&mut self, message: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(SettingError { field: self.path.clone(), message: message.into() });
        }
    }

    fn must_be(&mut self, expected: &str, value: &Value) {
        self.fail(format!("must be {expected}, not {}", shown(value)));
    }

    /// Runs `walk` one step further down.
    fn at<T>(&mut self, step: &str, walk: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.path.len();
        if before > 0 && !step.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(step);
        let result = walk(self);
        self.path.truncate(before);
        result
    }

    fn group(
        &mut self,
        fields: &[Field],
        base: Option<&Value>,
        patch: &Value,
    ) -> Map<String, Value> {
        let mut merged = Map::new();
        let Some(patch) = patch.as_object() else {
            self.must_be("an object", patch);
            return merged;
        };
        for name in patch.keys() {
            if !fields.iter().any(|field| field.name == name) {
                let near = nearest(name, fields.iter().map(|field| field.name));
                let message = format!("is not a setting{}", did_you_mean(near));
                self.at(&printable(name), |check| check.fail(message));
            }
        }
        for field in fields {
            let kept = base.and_then(|base| base.get(field.name));
            let value = match patch.get(field.name) {
                None => kept.cloned(),
                Some(Value::Null) => None,
                Some(new) => self.at(field.name, |check| check.value(&field.kind, kept, new)),
            };
            if let Some(value) = value {
                merged.insert(field.name.to_owned(), value);
            }
        }
        merged
    }

    /// `None`: nothing is left that would be worth storing.
    fn value(&mut self, kind: &Kind, base: Option<&Value>, patch: &Value) -> Option<Value> {
        let or_nothing = |map: Map<String, Value>| (!map.is_empty()).then_some(Value::Object(map));
        match kind {
            Kind::Group(fields) => or_nothing(self.group(fields, base, patch)),
            Kind::Numbered { max, of } => or_nothing(self.numbered(*max, of, base, patch)),
            Kind::Vendor => or_nothing(self.vendor(base, patch)),
            Kind::List { of, max } => {
                self.list(kind, of, *max, patch);
                Some(patch.clone())
            }
            Kind::Secret | Kind::Pin if is_marker(patch) => {
                self.fail("is how a hidden value is shown; leave the field out to keep it");
                None
            }
            _ => {
                if !kind.accepts(patch) {
                    self.refuse(kind, patch);
                }
                Some(patch.clone())
            }
        }
    }

    fn refuse(&mut self, kind: &Kind, value: &Value) {
        let spelled = value.as_str().and_then(Zone::spelled);
        match (kind, spelled) {
            // A URL may be refused because it holds a password.
            (Kind::Secret | Kind::Pin | Kind::Url(_) | Kind::Folder(_), _) => {
                let fault = value.as_str().and_then(|text| kind.url_fault(text));
                let fault = fault.map(|fault| format!(": {fault}")).unwrap_or_default();
                self.fail(format!("must be {}{fault}", kind.expectation()));
            }
            (Kind::Zone, Some(name)) => self.fail(format!("must be spelled {name}")),
            _ => self.must_be(&kind.expectation(), value),
        }
    }

    fn list(&mut self, kind: &Kind, of: &Kind, max: usize, patch: &Value) {
        let Some(items) = patch.as_array() else {
            return self.must_be(&kind.expectation(), patch);
        };
        if items.is_empty() || items.len() > max {
            self.fail(format!("must be {}, not {} values", kind.expectation(), items.len()));
            return;
        }
        for (at, item) in items.iter().enumerate() {
            self.at(&format!("[{at}]"), |check| {
                if !of.accepts(item) {
                    check.must_be(&of.expectation(), item);
                } else if items[..at].contains(item) {
                    check.fail(format!("repeats {}", shown(item)));
                }
            });
        }
    }

    /// An entry may be empty: a line that is listed exists.
    fn numbered(
        &mut self,
        max: u16,
        of: &[Field],
        base: Option<&Value>,
        patch: &Value,
    ) -> Map<String, Value> {
        let base = base.and_then(Value::as_object);
        let mut entries: BTreeMap<u16, Value> = BTreeMap::new();
        for (key, value) in base.into_iter().flatten() {
            if let Some(number) = number(key, max) {
                entries.insert(number, value.clone());
            }
        }
        let Some(patch) = patch.as_object() else {
            self.must_be("an object", patch);
            return Map::new();
        };
        for (key, new) in patch {
            let Some(number) = number(key, max) else {
                self.at(&printable(key), |check| {
                    check.fail(format!("must be numbered 1 to {max}, without leading zeros"));
                });
                continue;
            };
            if new.is_null() {
                entries.remove(&number);
                continue;
            }
            let kept = entries.remove(&number);
            let entry = self.at(key, |check| check.group(of, kept.as_ref(), new));
            entries.insert(number, Value::Object(entry));
        }
        entries.into_iter().map(|(number, entry)| (number.to_string(), entry)).collect()
    }

    fn vendor(&mut self, base: Option<&Value>, patch: &Value) -> Map<String, Value> {
        let mut families: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for (family, kept) in base.and_then(Value::as_object).into_iter().flatten() {
            let kept = kept.as_object().into_iter().flatten();
            families.insert(family.clone(), kept.map(|(k, v)| (k.clone(), v.clone())).collect());
        }
        let Some(patch) = patch.as_object() else {
            self.must_be("an object", patch);
            return Map::new();
        };
        for (family, new) in patch {
            self.at(&printable(family), |check| {
                if !rule::is_family(family) {
                    check.fail("is not a family id: 1 to 32 lower-case letters, digits, _ and -");
                } else if new.is_null() {
                    families.remove(family);
                } else {
                    check.parameters(families.entry(family.clone()).or_default(), new);
                }
            });
        }
        families.retain(|_, parameters| !parameters.is_empty());
        if families.len() > MAX_VENDOR_FAMILIES {
            self.fail(format!("must have at most {MAX_VENDOR_FAMILIES} families"));
        }
        families.into_iter().map(|(family, of)| (family, of.into_iter().collect())).collect()
    }

    fn parameters(&mut self, parameters: &mut BTreeMap<String, Value>, patch: &Value) {
        let Some(patch) = patch.as_object() else {
            return self.must_be("an object", patch);
        };
        for (name, new) in patch {
            self.at(&printable(name), |check| {
                if !rule::is_parameter(name) {
                    check.fail(
                        "is not a parameter name: 1 to 128 letters, digits and _ . - / [ ], \
                         first a letter, a digit or _",
                    );
                } else if new.is_null() {
                    parameters.remove(name);
                } else if is_marker(new) && is_secret_parameter(name) {
                    check.fail("is how a hidden value is shown; leave the field out to keep it");
                } else if !is_vendor_value(new) {
                    check.fail(format!(
                        "must be text of at most {MAX_VENDOR_TEXT} characters without control \
                         characters, a whole number, true or false"
                    ));
                } else {
                    parameters.insert(name.clone(), new.clone());
                }
            });
        }
        if parameters.len() > MAX_VENDOR_PARAMETERS {
            self.fail(format!("must have at most {MAX_VENDOR_PARAMETERS} parameters"));
        }
    }
}

fn is_vendor_value(value: &Value) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::Number(number) => number.as_i64().is_some(),
        Value::String(text) => rule::is_line(text, MAX_VENDOR_TEXT),
        _ => false,
    }
}

/// The number a key spells, in the one way there is to spell it.
pub(super) fn number(key: &str, max: u16) -> Option<u16> {
    let number = key.parse::<u16>().ok().filter(|number| (1..=max).contains(number))?;
    (number.to_string() == key).then_some(number)
}

/// A value as a message may show it: short, on one line, and of an object or
/// a list only what it is, because a misplaced one may hold a secret.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".into(),
        Value::Array(_) => "a list".into(),
        Value::String(text) => format!("\"{}\"", printable(text)),
        other => other.to_string(),
    }
}

/// Gives at most 40 characters of a text, those no text may have escaped.
fn printable(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(40) {
        if rule::is_line(c.encode_utf8(&mut [0; 4]), 1) {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
    }
    if text.chars().nth(40).is_some() {
        out.push('…');
    }
    out
}
