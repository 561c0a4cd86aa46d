//! Writing a value so that it cannot become anything but a value.
//!
//! SECURITY: display names and labels come from whoever may edit a phone. None
//! of these forms lets a value end its line, its quotes or its element.

use std::fmt::{self, Write};

use minijinja::{Error, ErrorKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::catalogue::family::definition::{Encoding, Escape, LineEnding};

/// All but what RFC 3986 calls unreserved.
const ENCODED_IN_URLS: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Writes `text` escaped for the kind of file it goes into.
pub(crate) fn write_escaped(out: &mut impl Write, text: &str, escape: Escape) -> fmt::Result {
    if escape == Escape::Url {
        let kept: String = text.chars().filter(|&c| !is_breaking(c)).collect();
        return write!(out, "{}", utf8_percent_encode(&kept, ENCODED_IN_URLS));
    }
    if is_plain(text) {
        return out.write_str(text);
    }
    for c in text.chars() {
        match (escape, c) {
            (_, c) if is_breaking(c) => {}
            (Escape::Quoted, '"' | '\\') => {
                out.write_char('\\')?;
                out.write_char(c)?;
            }
            (Escape::Xml, '&') => out.write_str("&amp;")?,
            (Escape::Xml, '<') => out.write_str("&lt;")?,
            (Escape::Xml, '>') => out.write_str("&gt;")?,
            (Escape::Xml, '"') => out.write_str("&quot;")?,
            (Escape::Xml, '\'') => out.write_str("&apos;")?,
            (_, c) => out.write_char(c)?,
        }
    }
    Ok(())
}

/// The only thing that can be wrong with writing text: whoever takes it does not.
pub(crate) fn not_written(_: fmt::Error) -> Error {
    Error::new(ErrorKind::WriteFailure, "could not write")
}

/// Whether `text` is the same in every kind of file but that of [`Escape::Url`], as almost every
/// value is.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| PLAIN[usize::from(byte)])
}

/// The bytes that need no closer look, as a table: each printed value is asked for each byte.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        plain[byte] = (byte as u8).is_ascii_alphanumeric()
            || matches!(
                byte as u8,
                b'.' | b'-' | b'_' | b':' | b'/' | b' ' | b'*' | b'#' | b'+' | b'@' | b'%'
            );
        byte += 1;
    }
    plain
};

/// What some parser takes for the end of a line, or XML 1.0 cannot hold.
fn is_breaking(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

/// The bytes that go over the wire.
///
/// # Errors
/// What is written in hexadecimal digits has something else in it, or one digit too many.
pub(crate) fn encode(
    text: String,
    escape: Escape,
    encoding: Encoding,
    line_ending: LineEnding,
) -> Result<Vec<u8>, String> {
    let text = match line_ending {
        LineEnding::Lf => text,
        LineEnding::Crlf => text.replace('\n', "\r\n"),
        LineEnding::None => text.replace('\n', ""),
    };
    Ok(match encoding {
        Encoding::Utf8 => text.into_bytes(),
        Encoding::Latin1 if escape == Escape::Xml => {
            latin_1(&text, |c| format!("&#{};", u32::from(c)))
        }
        Encoding::Latin1 => latin_1(&text, |_| "?".to_owned()),
        Encoding::Properties => latin_1(&text, |c| {
            c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }),
        Encoding::Hex => return bytes_of_hex(&text),
    })
}

/// The text in ISO 8859-1, with `otherwise` for what that does not have.
fn latin_1(text: &str, otherwise: impl Fn(char) -> String) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(u32::from(c)) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend(otherwise(c).into_bytes()),
        }
    }
    bytes
}

/// White space between bytes does not count.
fn bytes_of_hex(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for word in text.split_ascii_whitespace() {
        for pair in word.as_bytes().chunks(2) {
            let digits: String = pair.iter().copied().map(char::from).collect();
            let byte = match pair.len() {
                2 if !digits.starts_with('+') => u8::from_str_radix(&digits, 16).ok(),
                _ => None,
            };
            bytes.push(byte.ok_or_else(|| format!("`{word}` is not bytes of two digits each"))?);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(text: &str, escape: Escape) -> String {
        let mut out = String::new();
        write_escaped(&mut out, text, escape).unwrap();
        out
    }

    #[test]
    fn each_form_escapes_what_ends_its_values() {
        let text = "a\"b\\c<d>&'\r\n\0\u{2028}e";
        assert_eq!(escaped(text, Escape::Line), "a\"b\\c<d>&'e");
        assert_eq!(escaped(text, Escape::Quoted), "a\\\"b\\\\c<d>&'e");
        assert_eq!(escaped(text, Escape::Xml), "a&quot;b\\c&lt;d&gt;&amp;&apos;e");
        assert_eq!(escaped(text, Escape::Url), "a%22b%5Cc%3Cd%3E%26%27e");
        assert_eq!(escaped("a b-/%\u{e9}", Escape::Url), "a%20b-%2F%25%C3%A9", "as RFC 3986");
        assert_eq!(
            encode("a&\nb\n".into(), Escape::Line, Encoding::Utf8, LineEnding::None).unwrap(),
            b"a&b"
        );
    }

    #[test]
    fn latin1_keeps_what_it_can_write() {
        let bytes = |escape, encoding| {
            encode("Zoë €😀\n".into(), escape, encoding, LineEnding::Crlf).unwrap()
        };
        assert_eq!(bytes(Escape::Line, Encoding::Latin1), b"Zo\xeb ??\r\n");
        assert_eq!(bytes(Escape::Xml, Encoding::Latin1), b"Zo\xeb &#8364;&#128512;\r\n");
        let expected = b"Zo\xeb \\u20ac\\ud83d\\ude00\r\n";
        assert_eq!(bytes(Escape::Line, Encoding::Properties), expected);
    }

    #[test]
    fn bytes_are_written_in_digits() {
        let bytes = |text: &str| encode(text.into(), Escape::Line, Encoding::Hex, LineEnding::Lf);
        let text = format!("03 0a0309\n{} 00\n", crate::domain::to_hex(b"siu.bin"));
        assert_eq!(bytes(&text).unwrap(), b"\x03\x0a\x03\x09siu.bin\0");
        for wrong in ["0", "03 0", "0g", "+1", "é"] {
            assert!(bytes(wrong).unwrap_err().contains("two digits each"), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn xml_reads_back_what_was_written(text in "\\PC{0,40}") {
            let document = format!("<a b=\"{0}\">{0}</a>", escaped(&text, Escape::Xml));
            let mut reader = quick_xml::Reader::from_str(&document);
            let quick_xml::events::Event::Start(start) = reader.read_event().unwrap() else {
                panic!("no element in {document}");
            };
            let attributes: Vec<_> = start.attributes().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(attributes.len(), 1);
            let mut inside = String::new();
            loop {
                match reader.read_event().unwrap() {
                    quick_xml::events::Event::End(_) => break,
                    quick_xml::events::Event::Text(piece) => inside.push_str(&piece.xml10_content()),
                    quick_xml::events::Event::GeneralRef(name) => inside.push(match &*name {
                        "amp" => '&', "lt" => '<', "gt" => '>', "quot" => '"', "apos" => '\'',
                        other => panic!("unknown entity {other}"),
                    }),
                    other => panic!("{other:?} in {document}"),
                }
            }
            let kept: String = text.chars().filter(|&c| !is_breaking(c)).collect();
            prop_assert_eq!(inside, kept);
        }

        #[test]
        fn a_line_stays_one_line(text in any::<String>()) {
            for escape in [Escape::Line, Escape::Quoted, Escape::Url] {
                let out = escaped(&text, escape);
                prop_assert!(!out.contains(['\r', '\n', '\0']));
            }
        }
    }
}
