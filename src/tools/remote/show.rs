//! Answers of the gateway for people and for programs.

use std::borrow::Cow;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{RemoteError, Task};
use crate::domain::{printable, printable_lines};
use crate::tools::output::{is_time, printable_json, table, time};

/// How the answer to a call is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// All rows, by these columns: title and field.
    Table(&'static [(&'static str, &'static str)]),
    /// The one row, field by field. None is an error.
    One,
    /// The files of a preview.
    Files,
    /// What is in the one file, as it is.
    Content,
    /// How many phones, companies, ... something was done to: `1 phone promoted`.
    Done(&'static str, &'static str),
    /// Says as `Done` what was done, and prints the new key alone on standard output, for a file.
    Key(&'static str),
}

pub(super) fn json(show: &Show, reply: &Value, mut out: impl Write) -> Result<(), RemoteError> {
    let shown = match show {
        Show::Table(_) | Show::One | Show::Files | Show::Content => &reply["values"],
        Show::Done(..) | Show::Key(_) => reply,
    };
    writeln!(out, "{}", printable_json(shown))?;
    Ok(out.flush()?)
}

/// `is_terminal`: `out` is one, and nothing that a phone sent or a file has may steer it. Elsewhere
/// these are what they are, byte for byte.
pub(super) fn text(
    task: &Task,
    reply: &Value,
    is_terminal: bool,
    mut out: impl Write,
) -> Result<(), RemoteError> {
    for warning in reply["warnings"].as_array().into_iter().flatten() {
        eprintln!("dialtone: warning: {}", printable(warning.as_str().unwrap_or_default()));
    }
    let none = Vec::new();
    let rows = reply["values"].as_array().unwrap_or(&none);
    match task.show {
        Show::Table(columns) => out.write_all(table(columns, rows).as_bytes())?,
        Show::One => {
            let row = rows.first().ok_or_else(|| RemoteError::nothing(&task.call))?;
            let mut lines = Vec::new();
            flatten(String::new(), row, &mut lines);
            for (name, value) in lines {
                writeln!(out, "{name} = {value}")?;
            }
        }
        Show::Files => return files(task, rows, is_terminal, out),
        Show::Content => {
            let row = rows.first();
            let bytes = row.and_then(|row| match (&row["content"], &row["base64"]) {
                (Value::String(text), _) => Some(text.clone().into_bytes()),
                (_, Value::String(base64)) => STANDARD.decode(base64).ok(),
                _ => None,
            });
            let bytes = bytes.ok_or_else(|| RemoteError::nothing(&task.call))?;
            if is_terminal {
                let text = printable_lines(&String::from_utf8_lossy(&bytes));
                out.write_all(text.as_bytes())?;
            } else {
                out.write_all(&bytes)?;
            }
        }
        Show::Done(what, done) => writeln!(out, "{}", counted(reply, what, done))?,
        Show::Key(done) => match reply["key"].as_str() {
            Some(key) => {
                eprintln!("{}; its new API key is shown only now:", counted(reply, "user", done));
                writeln!(out, "{}", printable(key))?;
            }
            None => writeln!(out, "{}", counted(reply, "user", done))?,
        },
    }
    Ok(out.flush()?)
}

fn counted(reply: &Value, what: &str, done: &str) -> String {
    match reply["numrows"].as_u64().unwrap_or(0) {
        1 => format!("1 {what} {done}"),
        count => format!("{count} {what}s {done}"),
    }
}

fn files(
    task: &Task,
    rows: &[Value],
    is_terminal: bool,
    mut out: impl Write,
) -> Result<(), RemoteError> {
    if rows.is_empty() {
        return Err(match RemoteError::nothing(&task.call) {
            RemoteError::Nothing(attempt) => RemoteError::NoPreview(attempt),
            of_one_file => of_one_file,
        });
    }
    let mut failed = 0;
    for row in rows {
        let name = printable(row["file"].as_str().unwrap_or_default());
        for setting in row["left_out"].as_array().into_iter().flatten() {
            let setting = printable(setting.as_str().unwrap_or_default());
            eprintln!(
                "dialtone: {name}: {setting} is left out: it would count for ports of other companies"
            );
        }
        match row["content"].as_str() {
            // As it is: it may go into another file.
            Some(content) => {
                writeln!(out, "==> {name} <==")?;
                let content = match is_terminal {
                    true => Cow::Owned(printable_lines(content)),
                    false => Cow::Borrowed(content),
                };
                out.write_all(content.as_bytes())?;
                if !content.ends_with('\n') {
                    writeln!(out)?;
                }
            }
            None => {
                failed += 1;
                let why = row["error"].as_str().unwrap_or("no reason given");
                eprintln!("dialtone: {name}: {}", printable(why));
            }
        }
    }
    out.flush()?;
    if failed == 0 { Ok(()) } else { Err(RemoteError::Files { failed, all: rows.len() }) }
}

/// `settings.lines.1.user = "100"`, `claims.1.strength = path`; other lists whole, times as UTC.
fn flatten(name: String, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                let field = printable(field);
                let name = if name.is_empty() { field } else { format!("{name}.{field}") };
                flatten(name, value, lines);
            }
        }
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            for (at, item) in items.iter().enumerate() {
                flatten(format!("{name}.{}", at + 1), item, lines);
            }
        }
        // A setting may have any name.
        Value::Number(number) if is_time(&name) && !name.starts_with("settings.") => {
            let shown = number.as_i64().map_or_else(|| number.to_string(), time);
            lines.push((name, shown));
        }
        Value::String(text) => lines.push((name, printable(text))),
        other => lines.push((name, printable(&other.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tools::client::Call;

    fn shown(show: Show, reply: &Value) -> Result<String, RemoteError> {
        let mut out = Vec::new();
        let task = Task::new(Call::new("read", "phone", "read it".to_owned()), show);
        text(&task, reply, false, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_a_phone_sent_is_as_it_is_but_on_a_terminal() {
        let sent = b"a\x1b[2J\tb\r\n\x9bc\xff\n";
        let rows = json!({ "values": [{ "base64": STANDARD.encode(sent) }] });
        let task = Task::new(Call::new("uploads", "phone", String::new()), Show::Content);
        let shown = |is_terminal| {
            let mut out = Vec::new();
            text(&task, &rows, is_terminal, &mut out).unwrap();
            out
        };
        assert_eq!(shown(false), sent);
        assert_eq!(shown(true), "a\\u{1b}[2J\tb\n\u{fffd}c\u{fffd}\n".as_bytes());
    }

    #[test]
    fn one_object_is_shown_field_by_field() {
        let row = json!({
            "phoneid": "0004f20102030",
            "created": 0,
            "company": null,
            "settings": { "lines": { "1": { "user": "100", "codecs": ["pcma"] } }, "vendor": { "x": { "at": 1 } } },
            "sighting": { "user_agent": "x\u{1b}" },
            "claims": [{ "strength": "path", "first": 60 }, { "strength": "oui", "first": 1 }],
        });
        assert_eq!(
            shown(Show::One, &json!({ "values": [row] })).unwrap(),
            "phoneid = 0004f20102030\n\
             created = 1970-01-01T00:00:00Z\n\
             company = null\n\
             settings.lines.1.user = 100\n\
             settings.lines.1.codecs = [\"pcma\"]\n\
             settings.vendor.x.at = 1\n\
             sighting.user_agent = x\\u{1b}\n\
             claims.1.strength = path\nclaims.1.first = 1970-01-01T00:01:00Z\n\
             claims.2.strength = oui\nclaims.2.first = 1970-01-01T00:00:01Z\n"
        );
        let nothing = shown(Show::One, &json!({ "values": [] })).unwrap_err().to_string();
        assert_eq!(nothing, "read it: the gateway shows no such object");
    }

    #[test]
    fn a_count_has_its_plural() {
        let done = Show::Done("phone", "promoted");
        assert_eq!(shown(done, &json!({ "numrows": 1 })).unwrap(), "1 phone promoted\n");
        assert_eq!(shown(done, &json!({ "numrows": 2 })).unwrap(), "2 phones promoted\n");
    }

    #[test]
    fn a_new_key_is_alone_on_standard_output() {
        let reply = json!({ "numrows": 1, "key": "dt_x" });
        assert_eq!(shown(Show::Key("created"), &reply).unwrap(), "dt_x\n");
        assert_eq!(
            shown(Show::Key("created"), &json!({ "numrows": 1 })).unwrap(),
            "1 user created\n"
        );
    }

    #[test]
    fn a_file_that_cannot_be_made_is_an_error_and_the_others_are_shown() {
        let good = json!({ "file": "/a.cfg", "content": "x=1" });
        let bad = json!({ "file": "/b.cfg", "error": "lines.1.registrar is not set" });
        let reply = json!({ "values": [good] });
        assert_eq!(shown(Show::Files, &reply).unwrap(), "==> /a.cfg <==\nx=1\n");
        let error =
            shown(Show::Files, &json!({ "values": [reply["values"][0], bad] })).unwrap_err();
        assert_eq!(error.to_string(), "1 of 2 files cannot be made");
        assert!(matches!(
            shown(Show::Files, &json!({ "values": [] })),
            Err(RemoteError::NoPreview(_))
        ));
    }
}
