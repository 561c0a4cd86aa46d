//! The table in `docs/settings.md` is written from the schema.

use std::fmt::Write;

use crate::documented::assert_table;
use crate::domain::settings::schema::{Documented, fields};

#[test]
fn the_documented_table_is_the_schemas() {
    let (begin, end) = ("<!-- table: begin -->\n", "<!-- table: end -->\n");
    assert_table("docs/settings.md", begin, end, "UPDATE_SETTINGS_TABLE", &table());
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
