//! What a template names besides variables: other templates, tables, filters, tests.
//!
//! The engine looks these up when it comes to them, and no rendering comes to every line. They
//! are found in the text of the tags, which need not be understood for it.

use std::sync::LazyLock;

use minijinja::{Environment, ErrorKind, Value};
use regex::{Captures, Regex};

use crate::catalogue::family::problem::{Problem, line_at};
use crate::catalogue::family::source::Files;

/// What the family has, for its templates to name.
pub(super) struct Known<'a> {
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
pub(super) fn unknown(full: &str, text: &str, known: &Known<'_>) -> Vec<Problem> {
    // Lines stay where they are, so that problems have theirs.
    let blank = |found: &Captures<'_>| "\n".repeat(found[0].matches('\n').count());
    let text = COMMENT.replace_all(text, blank);
    let text = RAW.replace_all(&text, blank);
    let mut problems = Vec::new();
    for tag in TAG.find_iter(&text) {
        let line = line_at(&text, tag.start());
        let mut unknown = |what: &str, name: &str| {
            problems.push(Problem::new(full, Some(line), format!("there is no {what} `{name}`")));
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
