//! What a template names: variables, and other templates, tables, filters, tests.
//!
//! The engine looks these up when it comes to them, and no rendering comes to every line. It can
//! say which variables there are; the others are found in the text of the tags, which need not be
//! understood for it.

use std::sync::LazyLock;

use minijinja::{Environment, ErrorKind, Template, Value};
use regex::{Captures, Regex};

use super::context::ROOT_NAMES;
use super::environment::is_template;
use super::fragments::FRAGMENT_ENDING;
use crate::catalogue::family::problem::{Problem, line_at};
use crate::catalogue::family::source::Files;
use crate::domain::{did_you_mean, nearest, settings};

/// What the family has, for its templates to name.
pub(super) struct KnownNames<'a> {
    pub env: &'a Environment<'static>,
    pub files: &'a Files,
    /// Whether there is a `[maps]` table of that name.
    pub has_table: &'a dyn Fn(&str) -> bool,
}

/// What stands in no tag, with the tags' own marks.
static COMMENT: LazyLock<Regex> = LazyLock::new(|| regex(r"(?s)\{#.*?#\}"));
static RAW: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?s)\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}"));
static TAG: LazyLock<Regex> = LazyLock::new(|| regex(r"(?s)\{\{.*?\}\}|\{%.*?%\}"));

static INCLUDE: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"\{%[-+]?\s*(?:include|import|from|extends)\s+["']([^"']+)["'](\s+ignore\s+missing)?"#)
});
static FRAGMENT: LazyLock<Regex> = LazyLock::new(|| regex(r#"\bfragment\(\s*["']([^"']+)["']"#));
static TABLE: LazyLock<Regex> = LazyLock::new(|| regex(r#"\|\s*lookup\(\s*["']([^"']+)["']\s*\)"#));
static TEXT: LazyLock<Regex> = LazyLock::new(|| regex(r#""[^"]*"|'[^']*'"#));
static FILTER: LazyLock<Regex> = LazyLock::new(|| regex(r"\|\s*([a-z_]\w*)"));
static TEST: LazyLock<Regex> = LazyLock::new(|| regex(r"\bis\s+(?:not\s+)?([a-z_]\w*)"));

fn regex(expression: &str) -> Regex {
    Regex::new(expression).expect("it was tried")
}

/// Every name in `text`, a template called `full`, that nothing has.
pub(super) fn unknown(full: &str, text: &str, known: &KnownNames<'_>) -> Vec<Problem> {
    // Lines stay where they are, so that problems have theirs.
    let blank = |found: &Captures<'_>| "\n".repeat(found[0].matches('\n').count());
    let text = COMMENT.replace_all(text, blank);
    let text = RAW.replace_all(&text, blank);
    let mut problems = Vec::new();
    for tag in TAG.find_iter(&text) {
        let line = line_at(&text, tag.start());
        let mut unknown = |what: &str, name: &str| {
            let files = known.files.keys().filter(|_| what == "template").map(String::as_str);
            let near = did_you_mean(nearest(name, files));
            let message = format!("there is no {what} `{name}`{near}");
            problems.push(Problem::new(full, Some(line), message));
        };
        for found in INCLUDE.captures_iter(tag.as_str()) {
            if found.get(2).is_none() && !known.files.contains_key(&found[1]) {
                unknown("template", &found[1]);
            }
        }
        for found in FRAGMENT.captures_iter(tag.as_str()) {
            if !known.files.contains_key(&found[1]) {
                unknown("template", &found[1]);
            }
        }
        for found in TABLE.captures_iter(tag.as_str()) {
            if !(known.has_table)(&found[1]) {
                unknown("table", &format!("[maps.{}]", &found[1]));
            }
        }
        let code = TEXT.replace_all(tag.as_str(), "\"\"");
        let mut state = known.env.empty_state();
        for found in FILTER.captures_iter(&code) {
            let applied = state.apply_filter(&found[1], &[Value::UNDEFINED]);
            if applied.is_err_and(|error| error.kind() == ErrorKind::UnknownFilter) {
                unknown("filter", &found[1]);
            }
        }
        for found in TEST.captures_iter(&code) {
            let tried = state.perform_test(&found[1], &[Value::UNDEFINED]);
            if tried.is_err_and(|error| error.kind() == ErrorKind::UnknownTest) {
                unknown("test", &found[1]);
            }
        }
    }
    problems
}

/// Every variable of the template that it does not set itself and nothing gives it.
pub(super) fn undeclared(
    full: &str,
    text: &str,
    template: &Template<'_, '_>,
    known: &KnownNames<'_>,
) -> Vec<Problem> {
    let names = template.undeclared_variables(true);
    let problems = names.iter().filter_map(|name| {
        let message = match full.ends_with(FRAGMENT_ENDING) {
            true => not_given(name, known.files),
            false => unknown_name(name, known.env),
        }?;
        Some(Problem::new(full, mention(text, name), message))
    });
    problems.collect()
}

/// `Some(message)` when no template can ever have the name.
fn unknown_name(name: &str, env: &Environment<'_>) -> Option<String> {
    let mut parts = name.split('.');
    let root = parts.next().unwrap_or_default();
    if env.globals().any(|(global, _)| global == root) {
        return None;
    }
    if !ROOT_NAMES.contains(&root) {
        let near = did_you_mean(nearest(root, ROOT_NAMES.iter().copied()));
        return Some(format!("`{root}` is not a name templates have{near}"));
    }
    let rest: Vec<&str> = parts.collect();
    not_in_schema(name, root, &rest)
}

/// `Some(message)` for a name that only templates of one phone have, and that none gives to a
/// fragment. What else a fragment uses it is given.
fn not_given(name: &str, files: &Files) -> Option<String> {
    let parts: Vec<&str> = name.split('.').collect();
    let root = parts[0];
    if root == "type" {
        return not_in_schema(name, root, &parts[1..]);
    }
    if !ROOT_NAMES.contains(&root) {
        return None;
    }
    let given = format!("{root}=");
    if !files.iter().any(|(name, text)| is_template(name) && text.contains(&given)) {
        return Some(format!("a fragment sees `type` and what it is given, not `{root}`"));
    }
    not_in_schema(name, root, &parts[1..])
}

fn not_in_schema(name: &str, root: &str, rest: &[&str]) -> Option<String> {
    let first = rest.first()?;
    match root {
        "settings" => (!settings::schema::has(rest)).then(|| {
            let known = settings::schema::fields().iter().map(|field| field.path.as_str());
            let near = nearest(&rest.join("."), known.filter(|path| !path.contains(".N")));
            let near = did_you_mean(near.map(|path| format!("settings.{path}")).as_deref());
            format!("`{name}` is not in the settings schema{near}")
        }),
        "device" | "path" | "type" => (!FIXED.contains(&(root, first))).then(|| {
            let own = FIXED.iter().filter(|(of, _)| *of == root).map(|(_, name)| *name);
            format!("`{root}` has no `{first}`{}", did_you_mean(nearest(first, own)))
        }),
        _ => None,
    }
}

/// What the names have that are the same for every phone.
const FIXED: [(&str, &str); 17] = [
    ("device", "mac"),
    ("device", "MAC"),
    ("device", "mac_colons"),
    ("path", "model"),
    ("path", "code"),
    ("path", "part"),
    ("type", "key"),
    ("type", "model"),
    ("type", "description"),
    ("type", "vendor"),
    ("type", "lines"),
    ("type", "keys"),
    ("type", "modules"),
    ("type", "module_keys"),
    ("type", "soft_keys"),
    ("type", "ports"),
    ("type", "data"),
];

/// The first line that has the name.
fn mention(text: &str, name: &str) -> Option<usize> {
    text.find(name).map(|offset| line_at(text, offset))
}
