//! The filters and tests that templates have besides those of the engine.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::context::{self, Unset};
use crate::domain::settings::Url;

/// The `[maps]` of each family.
pub(super) type Maps = BTreeMap<String, Arc<BTreeMap<String, BTreeMap<String, Value>>>>;

pub(super) fn add(env: &mut Environment<'static>, maps: &Arc<Maps>) {
    env.add_filter("default", default);
    env.add_filter("d", default);
    env.add_filter("without", |value: &Value, unwanted: &str| -> Result<String, Error> {
        let text = value.to_string();
        context::refuse(&text)?;
        Ok(text.replace(|c| unwanted.contains(c), ""))
    });
    env.add_filter("bracketed", bracketed);
    env.add_filter("pad", pad);
    for (name, part) in URL_PARTS {
        env.add_filter(name, move |url: &Value| -> Result<Value, Error> {
            let text = url.to_string();
            context::refuse(&text)?;
            Url::parse(&text).map(|url| part(&url)).ok_or_else(|| {
                Error::new(ErrorKind::InvalidOperation, format!("{text} is not a URL"))
            })
        });
    }
    let maps = maps.clone();
    env.add_filter("lookup", move |state: &State<'_, '_>, value: &Value, table: &str| {
        lookup(&maps, state.name(), value, table)
    });
    env.add_test("set", |value: &Value| !Unset::is(value));
}

fn default(value: &Value, other: Option<Value>, _options: Kwargs) -> Value {
    if value.is_undefined() || value.is_none() || Unset::is(value) {
        other.unwrap_or_else(|| Value::from(""))
    } else {
        value.clone()
    }
}

/// A host as it stands before a port (RFC 3986 section 3.2.2, RFC 3261 section 19.1.1).
fn bracketed(host: &Value) -> Result<Value, Error> {
    if Unset::is(host) {
        return Ok(host.clone());
    }
    let text = host.to_string();
    context::refuse(&text)?;
    Ok(match text.contains(':') && !text.starts_with('[') {
        true => Value::from(format!("[{text}]")),
        false => host.clone(),
    })
}

fn pad(number: i64, width: usize) -> String {
    // Wider than any field of any vendor; a slip must not ask for gigabytes.
    format!("{number:0width$}", width = width.min(32))
}

fn lookup(maps: &Maps, template: &str, value: &Value, table: &str) -> Result<Value, Error> {
    let family = template.split('/').next().unwrap_or_default();
    let entries = maps.get(family).and_then(|maps| maps.get(table)).ok_or_else(|| {
        Error::new(ErrorKind::InvalidOperation, format!("there is no [maps.{table}] in {family}"))
    })?;
    if Unset::is(value) {
        return Ok(value.clone());
    }
    let key = match value.as_str() {
        // Most are texts already.
        Some(text) => Cow::from(text),
        None => Cow::from(value.to_string()),
    };
    if matches!(key, Cow::Owned(_)) {
        context::refuse(&key)?;
    }
    let shorter = || key.split(['-', '_']).next().unwrap_or_default();
    let found = entries.get(&*key).or_else(|| entries.get(shorter()));
    Ok(found.cloned().unwrap_or_else(|| Unset::named(format!("[maps.{table}] {key}"))))
}

type UrlPart = fn(&Url<'_>) -> Value;

const URL_PARTS: [(&str, UrlPart); 4] = [
    ("url_scheme", |url| Value::from(url.scheme)),
    ("url_host", |url| Value::from(url.host)),
    ("url_port", |url| Value::from(url.port_or_default())),
    ("url_path", |url| Value::from(url.path())),
];
