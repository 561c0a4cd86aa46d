//! What phones of each family get that nobody has made active, as docs/phones.md lists it.

use std::fmt::Write as _;

use super::family::source;
use super::{Catalogue, Sources};
use crate::documented::assert_table;

/// What the comment of a holding template says after its first colon, up to what is not confirmed.
fn said(text: &str) -> String {
    let comment = text.split_once("{#").and_then(|(_, rest)| rest.split_once("#}"));
    let comment = comment.map_or("", |(comment, _)| comment);
    let comment = comment.split("unconfirmed:").next().unwrap_or_default();
    let comment = comment.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, said) = comment.split_once(": ").unwrap_or_default();
    said.trim_end_matches('.').to_owned()
}

/// A row for each file that has a holding file.
fn table() -> String {
    let catalogue = Catalogue::load(&Sources::default()).unwrap();
    let folders = source::built_in();
    let mut table = "| family | file | what is in it |\n|---|---|---|\n".to_owned();
    for family in catalogue.families() {
        for file in family.holding_files() {
            let template = file.template.as_deref().unwrap_or_default();
            let name = template.rsplit('/').next().unwrap_or_default();
            let (id, path) = (&family.id, file.pattern());
            let said = said(&folders[id][name]);
            assert!(!said.is_empty(), "{template} says what is in it");
            writeln!(table, "| `{id}` | `{path}` | {said} |").expect("a String takes all");
        }
    }
    table
}

#[test]
fn the_documented_holding_files_are_those_of_the_families() {
    let (begin, end) = ("<!-- holding: begin -->\n", "<!-- holding: end -->");
    assert_table("docs/phones.md", begin, end, "UPDATE_HOLDING", &table());
}
