//! Templates: compiled once, strict, every printed value escaped for its file.

pub(crate) mod context;
pub(crate) mod escape;
pub(crate) mod examples;
pub(crate) mod fragments;
#[cfg(test)]
mod injection;
mod references;
pub(crate) mod trial;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value,
};

use super::Catalogue;
use super::family::definition::Escape;
use super::family::problem::{Problem, line_at};
use super::family::source::{Files, Folders};
use super::family::{Family, FileSpec, PhoneType};
use crate::domain::settings;
use context::{Context, NotSet, ROOT_NAMES, RenderInput, Unset};
use escape::{encode, is_plain, not_written, write_escaped};
use fragments::{FRAGMENT_ENDING, Fragments};

/// Larger than any handset's configuration; a template gone wild is stopped.
const MAX_BODY_BYTES: usize = 4 << 20;

/// The work one file may take: a step of the engine costs 1, and so do 64 bytes of any text. A
/// file of a desk phone takes some 10,000, the users of a server with 1,000 handsets some 100,000;
/// this is about a tenth of a second.
const MAX_FUEL: u64 = 2_000_000;
static TOO_MUCH_WORK: LazyLock<String> =
    LazyLock::new(|| format!("it takes more work than a file may: {MAX_FUEL} steps"));
/// Nested includes cost 10 of it, nested macros 4: deeper than any family goes, and far from
/// the end of a thread's stack.
const MAX_RECURSION: usize = 120;

/// One rendered file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    pub body: Vec<u8>,
    pub content_type: Arc<str>,
}

/// Why a file could not be rendered: where, and which setting is to blame.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error("{template}{}: {message}", .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct RenderError {
    /// Relative to the templates folder.
    pub template: String,
    pub line: Option<usize>,
    /// The setting that is missing, when that is the reason: `lines.1.registrar`.
    pub setting: Option<String>,
    pub message: String,
}

impl RenderError {
    /// Whether it was stopped because it took more work than a file may.
    fn is_endless(&self) -> bool {
        self.message == *TOO_MUCH_WORK
    }
}

/// The compiled templates, once for each way of escaping.
#[derive(Debug)]
pub(crate) struct Templates {
    line: Environment<'static>,
    quoted: Environment<'static>,
    xml: Environment<'static>,
    pub fragments: Arc<Fragments>,
}

type Maps = BTreeMap<String, Arc<BTreeMap<String, BTreeMap<String, Value>>>>;

impl Templates {
    /// Compiles every `.j2` file; problems are added to `problems`.
    pub(super) fn compile(
        folders: &Folders,
        families: &[Family],
        problems: &mut Vec<Problem>,
    ) -> Templates {
        let maps: Maps = families.iter().map(|own| (own.id.clone(), own.maps.clone())).collect();
        let maps = Arc::new(maps);
        let templates = Templates {
            line: environment(folders, Escape::Line, &maps, problems),
            quoted: environment(folders, Escape::Quoted, &maps, &mut Vec::new()),
            xml: environment(folders, Escape::Xml, &maps, &mut Vec::new()),
            fragments: Arc::new(Fragments::kept()),
        };
        for (family, files) in folders {
            let tables = maps.get(family);
            let known = references::Known {
                env: &templates.line,
                files,
                has_table: &|name| tables.is_some_and(|tables| tables.contains_key(name)),
            };
            for (name, text) in files.iter().filter(|(name, _)| is_template(name)) {
                let full = format!("{family}/{name}");
                problems.extend(references::unknown(&full, text, &known));
                let Ok(template) = templates.line.get_template(&full) else { continue };
                for unknown in template.undeclared_variables(true) {
                    let message = match name.ends_with(FRAGMENT_ENDING) {
                        true => not_given(&unknown, files),
                        false => unknown_name(&unknown, &templates.line),
                    };
                    if let Some(message) = message {
                        let line = mention(text, &unknown);
                        problems.push(Problem::new(&full, line, message));
                    }
                }
            }
        }
        templates
    }

    fn of(&self, escape: Escape) -> &Environment<'static> {
        match escape {
            Escape::Line => &self.line,
            Escape::Quoted => &self.quoted,
            Escape::Xml => &self.xml,
        }
    }
}

impl Catalogue {
    /// Renders one file. Same input, same bytes.
    ///
    /// # Errors
    /// Names template, line and, when one is missing, the setting.
    ///
    /// # Panics
    /// When `file` has no template: the caller answers that with the refusal.
    pub fn render(
        &self,
        family: &Family,
        phone_type: Option<&PhoneType>,
        file: &FileSpec,
        input: RenderInput,
    ) -> Result<RenderedFile, RenderError> {
        self.render_with(&self.templates.fragments, family, phone_type, file, input)
    }

    fn render_with(
        &self,
        fragments: &Arc<Fragments>,
        family: &Family,
        phone_type: Option<&PhoneType>,
        file: &FileSpec,
        input: RenderInput,
    ) -> Result<RenderedFile, RenderError> {
        let name = file.template.as_deref().expect("only files with a template are rendered");
        let named = |error: &Error| render_error(name, error);
        let template =
            self.templates.of(file.escape).get_template(name).map_err(|error| named(&error))?;
        let context = Context::new(input, family, phone_type, file.escape, fragments.clone());
        let text = template.render(Value::from_object(context)).map_err(|error| named(&error))?;
        if text.len() > MAX_BODY_BYTES {
            let message = format!("the file has more than {MAX_BODY_BYTES} bytes");
            return Err(RenderError { template: name.into(), message, ..RenderError::default() });
        }
        Ok(RenderedFile {
            body: encode(text, file.encoding, file.line_ending),
            content_type: file.content_type.clone(),
        })
    }
}

fn is_template(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|extension| extension == "j2")
}

fn environment(
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
    env.add_filter("default", default);
    env.add_filter("d", default);
    env.add_filter("without", |value: &Value, unwanted: &str| -> Result<String, Error> {
        let text = value.to_string();
        context::refuse(&text)?;
        Ok(text.replace(|c| unwanted.contains(c), ""))
    });
    env.add_filter("pad", pad);
    for (name, part) in URL_PARTS {
        env.add_filter(name, move |url: &Value| -> Result<Value, Error> {
            let text = url.to_string();
            context::refuse(&text)?;
            part(&text).ok_or_else(|| {
                Error::new(ErrorKind::InvalidOperation, format!("{text} is not a URL"))
            })
        });
    }
    let maps = maps.clone();
    env.add_filter("lookup", move |state: &State<'_, '_>, value: &Value, table: &str| {
        lookup(&maps, state.name(), value, table)
    });
    env.add_test("set", |value: &Value| !Unset::is(value));
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
    if is_plain(text) {
        return out.write_str(text).map_err(not_written);
    }
    context::refuse(text)?;
    write_escaped(out, text, escape).map_err(not_written)
}

fn default(value: &Value, other: Option<Value>, _options: Kwargs) -> Value {
    if value.is_undefined() || value.is_none() || Unset::is(value) {
        other.unwrap_or_else(|| Value::from(""))
    } else {
        value.clone()
    }
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

type UrlPart = fn(&str) -> Option<Value>;

const URL_PARTS: [(&str, UrlPart); 4] = [
    ("url_scheme", |url| Some(Value::from(split_url(url)?.0))),
    ("url_host", |url| Some(Value::from(split_url(url)?.1))),
    ("url_port", |url| Some(Value::from(split_url(url)?.2))),
    ("url_path", |url| Some(Value::from(split_url(url)?.3))),
];

/// Scheme, host without brackets, port, path from its `/` on.
fn split_url(url: &str) -> Option<(&str, &str, u16, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let authority = authority.rsplit('@').next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (
            authority,
            match scheme {
                "https" => 443,
                "ftp" => 21,
                "tftp" => 69,
                _ => 80,
            },
        ),
    };
    Some((scheme, host.trim_matches(['[', ']']), port, path))
}

/// `Some(message)` when no template can ever have the name.
fn unknown_name(name: &str, env: &Environment<'_>) -> Option<String> {
    let mut parts = name.split('.');
    let root = parts.next().unwrap_or_default();
    if env.globals().any(|(global, _)| global == root) {
        return None;
    }
    if !ROOT_NAMES.contains(&root) {
        return Some(format!("`{root}` is not a name templates have"));
    }
    let rest: Vec<&str> = parts.collect();
    not_in_schema(name, root, &rest)
}

/// `Some(message)` for a name that only templates of one phone have, and that none gives to a
/// fragment. What else a fragment uses it is given.
fn not_given(name: &str, files: &Files) -> Option<String> {
    let parts: Vec<&str> = name.split('.').collect();
    let root = parts[0];
    if root == "type" || !ROOT_NAMES.contains(&root) {
        return None;
    }
    let given = format!("{root}=");
    if !files.iter().any(|(name, text)| is_template(name) && text.contains(&given)) {
        return Some(format!("a fragment sees `type` and what it is given, not `{root}`"));
    }
    not_in_schema(name, root, &parts[1..])
}

fn not_in_schema(name: &str, root: &str, rest: &[&str]) -> Option<String> {
    let known = root != "settings" || rest.is_empty() || settings::schema::has(rest);
    (!known).then(|| format!("`{name}` is not in the settings schema"))
}

/// The first line that has the name's last part.
fn mention(text: &str, name: &str) -> Option<usize> {
    text.find(name).map(|offset| line_at(text, offset))
}

fn render_error(template: &str, error: &Error) -> RenderError {
    // The innermost error that knows its place is the one to show.
    let mut place = (error.name().unwrap_or(template).to_owned(), error.line());
    let mut message = said(error);
    let mut setting = None;
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(NotSet(path)) = inner.downcast_ref::<NotSet>() {
            setting = Some(path.clone());
        } else if let Some(inner) = inner.downcast_ref::<Error>() {
            if let Some(name) = inner.name() {
                place = (name.to_owned(), inner.line());
            }
            message = said(inner);
        }
        source = inner.source();
    }
    RenderError { template: place.0, line: place.1, setting, message }
}

fn said(error: &Error) -> String {
    match error.kind() {
        ErrorKind::OutOfFuel => TOO_MUCH_WORK.clone(),
        kind => error.detail().map_or_else(|| kind.to_string(), str::to_owned),
    }
}
