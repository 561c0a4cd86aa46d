//! The table in `docs/settings.md` is written from the schema.

use std::fmt::Write;
use std::path::Path;

use crate::domain::settings::schema::{Documented, fields};

const BEGIN: &str = "<!-- table: begin -->\n";
const END: &str = "<!-- table: end -->\n";
/// Set: the file is written anew instead of compared.
const UPDATE: &str = "UPDATE_SETTINGS_TABLE";

#[test]
fn the_documented_table_is_the_schemas() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let (before, rest) = page.split_once(BEGIN).expect("the table begins");
    let (shown, after) = rest.split_once(END).expect("the table ends");
    let table = table();
    if std::env::var_os(UPDATE).is_some() {
        let page = format!("{before}{BEGIN}{table}{END}{after}");
        std::fs::write(&path, page).expect("the page can be written");
        return;
    }
    assert!(shown == table, "docs/settings.md is not the schema's; {UPDATE}=1 writes it");
}

fn table() -> String {
    let mut table = "| setting | must be | what it is |\n|---|---|---|\n".to_owned();
    for field in fields().iter().filter(|field| !is_repeated(&field.path)) {
        let Documented { path, bounds, doc, secret } = field;
        let secret = if *secret { " Secret." } else { "" };
        // `|` ends a cell, and `*` and `_` of the bounds are no markup.
        let bounds = bounds.replace('|', "\\|").replace('*', "\\*").replace('_', "\\_");
        writeln!(table, "| `{path}` | {bounds} | {doc}{secret} |").expect("a String takes all");
    }
    table
}

/// What has the fields of a group that the table shows elsewhere.
fn is_repeated(path: &str) -> bool {
    path.starts_with("line_defaults.") || path.starts_with("expansion.N.keys.N.")
}
