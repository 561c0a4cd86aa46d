//! How the template engine is set up: strict, bounded, every value escaped as it is printed, and
//! with the filters and tests that templates have besides those of the engine.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value,
};

use super::context::{self, Unset};
use super::escape::{is_plain, not_written, write_escaped};
use crate::catalogue::family::definition::Escape;
use crate::catalogue::family::problem::Problem;
use crate::catalogue::family::source::Folders;
use crate::domain::settings::{Url, cuts_short, dialled};
use crate::domain::to_hex;

/// The work one file may take: a step of the engine costs 1, and so do 64 bytes of any text. A
/// file of a desk phone takes some 10,000, the users of a server with 1,000 handsets some 100,000;
/// this is about a tenth of a second.
pub(super) const MAX_FUEL: u64 = 2_000_000;
/// Nested includes cost 10 of it, nested macros 4: deeper than any family goes, and far from
/// the end of a thread's stack.
const MAX_RECURSION: usize = 120;

pub(crate) fn is_template(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|extension| extension == "j2")
}

/// Every `.j2` file compiled, for files that are escaped so; problems are added to `problems`.
pub(super) fn environment(
    folders: &Folders,
    escape: Escape,
    maps: &Arc<Maps>,
    problems: &mut Vec<Problem>,
) -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(MAX_FUEL));
    env.set_recursion_limit(MAX_RECURSION);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .expect("the delimiters are the default ones");
    env.set_syntax(syntax);
    // `include "x.j2"` means the family's own x.j2.
    env.set_path_join_callback(|name, parent| {
        let family = parent.split('/').next().unwrap_or_default();
        format!("{family}/{name}").into()
    });
    // What macros and blocks made was escaped when it was printed there.
    env.set_auto_escape_callback(|_| AutoEscape::Custom("file".into()));
    env.set_formatter(move |out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value| {
        print(out, value, escape)
    });
    for name in ["safe", "escape", "e", "debug"] {
        env.remove_filter(name);
    }
    env.remove_global("debug");
    add_filters(&mut env, maps);
    for (family, files) in folders {
        for (name, text) in files.iter().filter(|(name, _)| is_template(name)) {
            let full = format!("{family}/{name}");
            if let Err(error) = env.add_template_owned(full.clone(), text.clone()) {
                let message = error.detail().map_or_else(|| error.to_string(), str::to_owned);
                problems.push(Problem::new(&full, error.line(), message));
            }
        }
    }
    env
}

fn print(out: &mut Output<'_>, value: &Value, escape: Escape) -> Result<(), Error> {
    if let Some(text) = value.as_str() {
        if value.is_safe() {
            // What was captured was printed before, and refused there when it was not set.
            return out.write_str(text).map_err(not_written);
        }
        return print_text(out, text, escape);
    }
    match value.kind() {
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => Err(Error::new(ErrorKind::InvalidOperation, "`none` cannot be printed")),
        // Not Python's `True`.
        ValueKind::Bool => {
            out.write_str(if value.is_true() { "true" } else { "false" }).map_err(not_written)
        }
        // Digits, and what stands between them.
        ValueKind::Number => write!(out, "{value}").map_err(not_written),
        _ => print_text(out, &value.to_string(), escape),
    }
}

fn print_text(out: &mut Output<'_>, text: &str, escape: Escape) -> Result<(), Error> {
    // The mark of what is not set is no plain byte.
    if escape != Escape::Url && is_plain(text) {
        return out.write_str(text).map_err(not_written);
    }
    context::refuse(text)?;
    write_escaped(out, text, escape).map_err(not_written)
}

/// The `[maps]` of each family.
pub(super) type Maps = BTreeMap<String, Arc<BTreeMap<String, BTreeMap<String, Value>>>>;

fn add_filters(env: &mut Environment<'static>, maps: &Arc<Maps>) {
    env.add_filter("default", default);
    env.add_filter("d", default);
    env.add_filter("without", |value: &Value, unwanted: &str| -> Result<String, Error> {
        let text = value.to_string();
        context::refuse(&text)?;
        Ok(text.replace(|c| unwanted.contains(c), ""))
    });
    env.add_filter("bracketed", bracketed);
    env.add_filter("pad", pad);
    env.add_filter("dialled", |number: &Value| -> Result<String, Error> {
        let text = number.to_string();
        context::refuse(&text)?;
        Ok(dialled(&text).to_owned())
    });
    env.add_filter("hex", |text: &Value| -> Result<String, Error> {
        let text = text.to_string();
        context::refuse(&text)?;
        Ok(to_hex(text.as_bytes()))
    });
    // What a phone cannot have in its file, and no setting alone is to blame for.
    env.add_function("fail", |message: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
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
    env.add_test("cutting", cutting);
    env.add_filter("showing", super::line_keys::showing);
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

/// Whether a pattern of a digit map cuts one of the numbers short; none are what nobody set.
fn cutting(pattern: &Value, numbers: &Value) -> Result<bool, Error> {
    let pattern = pattern.to_string();
    context::refuse(&pattern)?;
    if Unset::is(numbers) || numbers.is_none() {
        return Ok(false);
    }
    let mut numbers = numbers.try_iter()?;
    Ok(numbers.any(|number| number.as_str().is_some_and(|number| cuts_short(&pattern, number))))
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
