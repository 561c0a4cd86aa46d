//! Lines of the log of which nothing steers a terminal, reads as what it is not or passes for a line
//! of its own, whoever chose what is in them.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use crate::domain::{printable, with_hidden_shown};

/// How fields are written for people. What has several lines goes on indented: no line but the first
/// of an event begins with a time.
pub(super) fn text_fields() -> impl for<'writer> FormatFields<'writer> + Send + Sync + 'static {
    debug_fn(|writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug| {
        match field.name() {
            "message" => {}
            name => write!(writer, "{}=", name.trim_start_matches("r#"))?,
        }
        writer.write_str(&in_lines(&format!("{value:?}")))
    })
    .delimited(" ")
}

fn in_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(printable).collect();
    lines.join("\n    ")
}

/// Writes objects of JSON, one each time. serde escapes what JSON has to have escaped, and no more.
pub(super) struct JsonLines<W>(pub W);

impl<W: Write> Write for JsonLines<W> {
    fn write(&mut self, object: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(object);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        self.0.write_all(escaped(line).as_bytes())?;
        self.0.write_all(&text.as_bytes()[line.len()..])?;
        Ok(object.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What is hidden as RFC 8259, section 7, escapes it.
fn escaped(json: &str) -> Cow<'_, str> {
    with_hidden_shown(json, |found| {
        found.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[31m\u{9b}b\r\n2026 INFO c\u{202e}\u{e0041}d";

    #[test]
    fn a_line_for_people_is_one_or_goes_on_indented() {
        let written = "a\\u{1b}[31m\\u{9b}b\n    2026 INFO c\\u{202e}\\u{e0041}d";
        assert_eq!(in_lines(HOSTILE), written);
        assert_eq!(in_lines(&format!("{HOSTILE:?}")).lines().count(), 1);
        assert_eq!(in_lines("as it is: B\u{fc}ro"), "as it is: B\u{fc}ro");
    }

    #[test]
    fn an_object_is_one_line_and_says_the_same() {
        let object = serde_json::json!({ "message": HOSTILE });
        let mut line = Vec::new();
        writeln!(JsonLines(&mut line), "{object}").unwrap();
        let line = String::from_utf8(line).unwrap();
        let json = line.strip_suffix('\n').unwrap();
        assert!(json.is_ascii() && !json.contains(char::is_control), "{json}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(json).unwrap(), object);
    }
}
