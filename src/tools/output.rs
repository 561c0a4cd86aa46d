//! Answers for people: tables, and nothing in them that steers a terminal.

use std::fmt::Write;

use serde_json::Value;

use crate::domain::{printable, with_hidden_shown};

/// Rows as a table with a header, columns aligned; the title is what stands
/// over a column, the name is where its value is, `sighting.address`.
#[must_use]
pub fn table(columns: &[(&str, &str)], rows: &[Value]) -> String {
    let header = columns.iter().map(|(title, _)| (*title).to_owned()).collect();
    let mut lines: Vec<Vec<String>> = vec![header];
    for row in rows {
        lines.push(columns.iter().map(|(_, name)| cell(name, field(row, name))).collect());
    }
    let widths: Vec<usize> = (0..columns.len())
        .map(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in lines {
        let mut shown = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(shown, "{cell:width$}  ");
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
    text
}

/// JSON on several lines, which means what it did: the same escaped as JSON has it. Most of it the
/// library leaves as it is.
#[must_use]
pub fn printable_json(value: &Value) -> String {
    // Two for what is above U+FFFF (RFC 8259, section 7).
    let escaped = |found: &str| found.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let text = format!("{value:#}");
    // Its own line ends are all there are: those of values are escaped.
    let lines: Vec<_> = text.split('\n').map(|line| with_hidden_shown(line, escaped)).collect();
    lines.join("\n")
}

/// Seconds since 1970 as UTC.
#[must_use]
pub fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |t| t.to_string())
}

fn field<'v>(row: &'v Value, name: &str) -> &'v Value {
    name.split('.').fold(row, |value, part| &value[part])
}

/// Whether the values of a field or a column of that name are times.
pub(super) fn is_time(name: &str) -> bool {
    let last = name.rsplit('.').next();
    matches!(
        last,
        Some(
            "armed"
                | "at"
                | "changed"
                | "created"
                | "first"
                | "last"
                | "received"
                | "served"
                | "since"
                | "until"
        )
    )
}

fn cell(name: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => printable(text),
        Value::Number(number) if is_time(name) => {
            number.as_i64().map_or_else(|| number.to_string(), time)
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            if texts.is_empty() { "-".to_owned() } else { printable(&texts.join(",")) }
        }
        other => printable(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_absent_values_are_dashes() {
        let rows = [
            json!({ "phoneid": "0004f20102030", "name": "Zoë", "created": 1_700_000_000 }),
            json!({ "phoneid": "00087b0a0b0c11", "seen": { "address": "192.0.2.1" } }),
        ];
        let columns = [
            ("PHONEID", "phoneid"),
            ("NAME", "name"),
            ("CREATED", "created"),
            ("FROM", "seen.address"),
        ];
        assert_eq!(
            table(&columns, &rows),
            "PHONEID         NAME  CREATED               FROM\n\
             0004f20102030   Zoë   2023-11-14T22:13:20Z  -\n\
             00087b0a0b0c11  -     -                     192.0.2.1\n"
        );
    }

    #[test]
    fn a_ban_says_until_when_it_is() {
        let rows = [json!({ "network": "192.0.2.0/24", "until": 1_700_000_000, "times": 2 })];
        let columns = [("NETWORK", "network"), ("UNTIL", "until"), ("TIMES", "times")];
        let line = "192.0.2.0/24  2023-11-14T22:13:20Z  2";
        assert_eq!(table(&columns, &rows).lines().nth(1), Some(line));
    }

    #[test]
    fn nothing_that_steers_a_terminal_is_printed() {
        let rows = [
            json!({ "name": "a\u{1b}[31m\u{202e}\nb", "list": ["x\r", "y"], "map": { "\u{7}": 1 } }),
        ];
        let shown = table(&[("N", "name"), ("L", "list"), ("M", "map")], &rows);
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        assert_eq!(shown.lines().count(), 2);
        assert!(shown.contains("\\u{1b}[31m\\u{202e}\\u{a}b"), "{shown}");
        let value = json!({ "\u{9b}": "\u{7f}\u{202e}\n" });
        let text = printable_json(&value);
        assert_eq!(text, "{\n  \"\\u009b\": \"\\u007f\\u202e\\n\"\n}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
