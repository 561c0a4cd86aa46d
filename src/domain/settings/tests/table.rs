//! The table in `docs/settings.md` is written from the schema, and the list of what is left alone
//! from the groups that are remembered.

use std::fmt::Write;

use crate::documented::{assert_table, page};
use crate::domain::settings::KEPT;
use crate::domain::settings::schema::{Documented, document_fields};

#[test]
fn the_documented_table_is_the_schemas() {
    let (begin, end) = ("<!-- table: begin -->\n", "<!-- table: end -->\n");
    assert_table("docs/settings.md", begin, end, "UPDATE_SETTINGS_TABLE", &table());
}

#[test]
fn the_documented_groups_are_those_that_are_left_alone() {
    let mut list = String::new();
    for (_, paths) in KEPT {
        writeln!(list, "- `{}`", paths.join("`, `")).expect("a String takes all");
    }
    let (begin, end) = ("<!-- kept: begin -->\n", "<!-- kept: end -->\n");
    assert_table("docs/settings.md", begin, end, "UPDATE_SETTINGS_TABLE", &list);

    let families = page("templates/README.md");
    let row = families.lines().find(|line| line.starts_with("| `written` |"));
    let row = row.expect("the page has what templates see");
    for (name, _) in KEPT {
        assert!(row.contains(&format!("`.{name}`")), "templates/README.md has no written.{name}");
    }
}

fn table() -> String {
    let mut table = "| setting | must be | what it is |\n|---|---|---|\n".to_owned();
    for field in document_fields().iter().filter(|field| !is_repeated(&field.path)) {
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
