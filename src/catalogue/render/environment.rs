//! How the template engine is set up: strict, bounded, and every value escaped as it is printed.

use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value,
};

use super::context;
use super::escape::{is_plain, not_written, write_escaped};
use super::filters::{self, Maps};
use crate::catalogue::family::definition::Escape;
use crate::catalogue::family::problem::Problem;
use crate::catalogue::family::source::Folders;

/// The work one file may take: a step of the engine costs 1, and so do 64 bytes of any text. A
/// file of a desk phone takes some 10,000, the users of a server with 1,000 handsets some 100,000;
/// this is about a tenth of a second.
pub(super) const MAX_FUEL: u64 = 2_000_000;
/// Nested includes cost 10 of it, nested macros 4: deeper than any family goes, and far from
/// the end of a thread's stack.
const MAX_RECURSION: usize = 120;

pub(super) fn is_template(name: &str) -> bool {
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
    filters::add(&mut env, maps);
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
