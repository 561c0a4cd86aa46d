//! What of the families nobody has confirmed, as their files mark it and docs/phones.md lists it.

use crate::documented::assert_table;
use std::fmt::Write as _;

use super::family::source;

const MARK: &str = "unconfirmed:";

/// What follows each mark of a file, up to the end of its sentence.
fn marks(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let mut rest = *line;
        while let Some((before, after)) = rest.split_once(MARK) {
            rest = after;
            let in_toml = before.trim_start().starts_with('#');
            let more = lines[at + 1..].iter().map(|line| line.trim_start());
            let more: Vec<&str> = match (in_toml, before.ends_with('"'), after.contains("#}")) {
                // A comment of TOML goes on as long as lines begin with `#`.
                (true, _, _) => more.map_while(|line| line.strip_prefix('#')).collect(),
                (false, false, false) => {
                    let ends = more.clone().position(|line| line.contains("#}"));
                    more.take(ends.map_or(0, |ends| ends + 1)).collect()
                }
                _ => Vec::new(),
            };
            let whole = std::iter::once(after).chain(more).collect::<Vec<_>>().join(" ");
            found.push(sentence(&whole));
        }
    }
    found
}

/// The text up to a full stop, another mark, or what ends a comment or a string.
fn sentence(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let ends = [MARK, "#}", "\""].iter().filter_map(|end| text.find(end));
    let stops = text.match_indices(". ").map(|(at, _)| at);
    let end = ends.chain(stops).min().unwrap_or(text.len());
    text[..end].trim().trim_end_matches('.').to_owned()
}

/// A row for each mark, by family.
fn table() -> String {
    let mut table = "| family | what | where |\n|---|---|---|\n".to_owned();
    for (family, files) in source::built_in_as_written() {
        for (file, text) in files.iter().filter(|(file, _)| !file.starts_with("examples/")) {
            for what in marks(text) {
                let what = what.replace('|', "\\|").replace('*', "\\*");
                writeln!(table, "| `{family}` | {what} | [{file}](../templates/{family}/{file}) |")
                    .expect("a String takes all");
            }
        }
    }
    table
}

#[test]
fn the_documented_marks_are_those_of_the_files() {
    let (begin, end) = ("<!-- unconfirmed: begin -->\n", "<!-- unconfirmed: end -->");
    assert_table("docs/phones.md", begin, end, "UPDATE_UNCONFIRMED", &table());
}

#[test]
fn a_mark_ends_with_its_sentence() {
    let toml = "# Known. unconfirmed: the name\n# of it. More.\nkey = 1\n";
    assert_eq!(marks(toml), ["the name of it"]);
    assert_eq!(marks("{# unconfirmed: a 1.5 #}\nb\n"), ["a 1.5"]);
    assert_eq!(marks("{# Text\n   unconfirmed: a\n   b #}\nc\n"), ["a b"]);
    assert_eq!(marks("x = \"unconfirmed: a\"\ny = 2\n"), ["a"]);
    assert_eq!(marks("{# unconfirmed: a; unconfirmed: b #}"), ["a;", "b"]);
}
