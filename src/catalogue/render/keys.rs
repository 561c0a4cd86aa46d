//! A rendered file back to its keys, read as strictly as any phone does.

use percent_encoding::percent_decode_str;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::catalogue::FileSpec;
use crate::catalogue::family::definition::{Encoding, Escape, Separator};

/// Attributes whose value is the name of something, with every maker; a file may have more of them.
const NAMING: &[&str] = &["name", "idx", "perm", "overwrite", "e", "number", "format", "mac"];

/// All that some parser takes for the end of a line.
const LINE_ENDS: [char; 11] = [
    '\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}',
    '\0',
];

pub(crate) fn decoded(file: &FileSpec, mut body: Vec<u8>) -> String {
    if let Some(header) = &file.header {
        body = header.text(&body).expect("it has just been made").to_vec();
    }
    match file.encoding {
        Encoding::Utf8 => String::from_utf8(body).expect("it says that it is UTF-8"),
        Encoding::Properties => without_units(body.into_iter().map(char::from)),
        // Those of bytes are no text; see `of`.
        Encoding::Latin1 | Encoding::Hex => body.into_iter().map(char::from).collect(),
    }
}

/// A text of Java's properties with the characters that stand in it as `\u0141`.
fn without_units(text: impl Iterator<Item = char>) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut text = text.peekable();
    while let Some(c) = text.next() {
        units.push(c as u16);
        match (c, text.peek()) {
            ('\\', Some('u')) => {
                text.next();
                let digits: String = text.by_ref().take(4).collect();
                let unit = u16::from_str_radix(&digits, 16).expect("`\\u` has four digits");
                *units.last_mut().expect("one was just pushed") = unit;
            }
            ('\\', Some(_)) => units.extend(text.next().map(|next| next as u16)),
            _ => {}
        }
    }
    String::from_utf16(&units).expect("what was written has both units of a character")
}

/// One key of a file, and what it is given.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Pair {
    pub key: String,
    pub value: String,
    /// The attributes of its element that name it, each with what it says.
    pub naming: Vec<(String, String)>,
    /// The attribute of its element that it is; `None`: it is the element, or a line.
    pub attribute: Option<String>,
}

/// Every key in its order: the beginnings of lines, or elements and attributes. What is no text has none.
///
/// # Errors
/// What makes it no file of its syntax.
pub(crate) fn of(file: &FileSpec, text: &str) -> Result<Vec<Pair>, String> {
    match (file.encoding, file.escape, file.separator) {
        (Encoding::Hex, ..) => Ok(Vec::new()),
        (_, Escape::Xml, _) => elements(text, &file.named_by),
        (_, Escape::Line | Escape::Quoted, Separator::Sign) => Ok(lines(text)),
        (_, Escape::Line | Escape::Quoted, Separator::Blank) => Ok(commands(text, &file.repeats)),
        (_, Escape::Url, _) => Ok(arguments(text)),
    }
}

/// Parts lines after what separates a key from its value; a line without one is a key as a whole.
fn lines(text: &str) -> Vec<Pair> {
    let key = |line: &str| {
        let end = line.find(['=', ':']).map_or(line.len(), |end| end + 1);
        Pair {
            key: line[..end].to_owned(),
            value: line[end..].trim().to_owned(),
            ..Pair::default()
        }
    };
    text.split(LINE_ENDS).map(key).collect()
}

/// Parts lines of `SET name value` or `name value` after the name. Comments, sections and commands that
/// get another file have an empty key.
fn commands(text: &str, repeats: &[String]) -> Vec<Pair> {
    let pair = |line: &str| {
        let Some((name, value)) = command(line) else {
            return Pair { value: line.to_owned(), ..Pair::default() };
        };
        let inside = value.strip_prefix('"').unwrap_or(value);
        let mut key = name.to_owned();
        if let (true, Some((which, _))) = (repeats.contains(&key), inside.split_once(';')) {
            key += &format!(" {which}");
        }
        Pair { key, value: value.to_owned(), ..Pair::default() }
    };
    text.split(LINE_ENDS).map(pair).collect()
}

/// The name that a line of `SET name value` or `name value` sets, and its value; `None`: it sets none.
pub(crate) fn command(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', '[']) || line.starts_with("GET ") {
        return None;
    }
    let line = line.strip_prefix("SET ").map_or(line, str::trim_start);
    let (name, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    Some((name, value.trim()))
}

/// Names and values between `&`.
fn arguments(text: &str) -> Vec<Pair> {
    let pair = |one: &str| {
        let (name, value) = one.split_once('=').unwrap_or((one, ""));
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        Pair { key: format!("{name}="), value, ..Pair::default() }
    };
    text.split('&').map(pair).collect()
}

fn elements(text: &str, named_by: &[String]) -> Result<Vec<Pair>, String> {
    let mut reader = Reader::from_str(text);
    let mut pairs: Vec<Pair> = Vec::new();
    // Names of the open elements, and where each is in `pairs`.
    let mut open: Vec<(String, usize)> = Vec::new();
    if let Some(strange) = text.chars().find(|c| c.is_control() && *c != '\n') {
        return Err(format!("{strange:?} is no character of XML"));
    }
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(ref start) | Event::Empty(ref start) => {
                if open.is_empty() && !pairs.is_empty() {
                    return Err("a second root".to_owned());
                }
                let at = pairs.len();
                open.push((name(start.name().0)?, at));
                let path = open.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("/");
                element(start, path, named_by, &mut pairs)?;
                if matches!(event, Event::Empty(_)) {
                    open.pop();
                }
            }
            Event::End(_) => drop(open.pop()),
            Event::Text(piece) => match open.last() {
                Some(&(_, at)) => {
                    pairs[at].value.push_str(piece.xml10_content().trim_matches('\n'));
                }
                None if piece.trim().is_empty() => {}
                None => return Err("text outside the root".to_owned()),
            },
            Event::GeneralRef(name) => match (open.last(), entity(&name)) {
                (Some(&(_, at)), Some(text)) => pairs[at].value.push_str(&text),
                _ => return Err(format!("an unknown entity {name:?}")),
            },
            Event::Decl(_) if pairs.is_empty() => {}
            Event::Eof if open.is_empty() && !pairs.is_empty() => return Ok(pairs),
            other => return Err(format!("{other:?} at {}", reader.buffer_position())),
        }
    }
}

/// What an entity stands for: `amp`, or `#321`.
fn entity(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        return char::from_u32(number.parse().ok()?).map(String::from);
    }
    resolve_predefined_entity(name).map(str::to_owned)
}

fn element(
    start: &BytesStart<'_>,
    path: String,
    named_by: &[String],
    pairs: &mut Vec<Pair>,
) -> Result<(), String> {
    let at = pairs.len();
    pairs.push(Pair { key: path, ..Pair::default() });
    // Also finds two of one name.
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.value.contains('<') {
            return Err("an attribute with `<`".to_owned());
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|error| error.to_string())?.into_owned();
        let own = name(attribute.key.0)?;
        if NAMING.contains(&own.as_str()) || named_by.contains(&own) {
            pairs[at].key += &format!(" {own}={value}");
            pairs[at].naming.push((own, value));
        } else {
            let key = format!("{} @{own}", pairs[at].key);
            pairs.push(Pair { key, value, attribute: Some(own), ..Pair::default() });
        }
    }
    Ok(())
}

/// A name of XML 1.0 in ASCII: the parser itself does not look.
fn name(text: &str) -> Result<String, String> {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let fits = text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-:".contains(c));
    if begins && fits { Ok(text.to_owned()) } else { Err(format!("`{text}` is no XML name")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_the_name_that_it_sets() {
        let text = "## SET A 1\nSET A \"x y = 1;\"\nB  2: 3 \nC\nGET other.txt\n[USER_CONFIG]\n\
                    SET KEY \"Key=1;Type=blf\"\nSET KEY \"Key=12;Type=blf\"\nSET\tD";
        let found = commands(text, &["KEY".to_owned()]);
        let found: Vec<(&str, &str)> =
            found.iter().map(|pair| (pair.key.as_str(), pair.value.as_str())).collect();
        let wanted = [
            ("", "## SET A 1"),
            ("A", "\"x y = 1;\""),
            ("B", "2: 3"),
            ("C", ""),
            ("", "GET other.txt"),
            ("", "[USER_CONFIG]"),
            ("KEY Key=1", "\"Key=1;Type=blf\""),
            ("KEY Key=12", "\"Key=12;Type=blf\""),
            ("SET", "D"),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn an_attribute_names_an_element_where_the_file_says_so() {
        let text = "<a><b ID=\"x\" v=\"1\"/><b name=\"y\">2</b></a>";
        let keys = |named_by: &[&str]| -> Vec<(String, String)> {
            let named_by: Vec<String> = named_by.iter().map(|&name| name.to_owned()).collect();
            let pairs = elements(text, &named_by).unwrap();
            pairs.into_iter().map(|pair| (pair.key, pair.value)).collect()
        };
        let pairs = |of: &[(&str, &str)]| -> Vec<(String, String)> {
            of.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        let plain =
            [("a", ""), ("a/b", ""), ("a/b @ID", "x"), ("a/b @v", "1"), ("a/b name=y", "2")];
        assert_eq!(keys(&[]), pairs(&plain));
        let by_id = [("a", ""), ("a/b ID=x", ""), ("a/b ID=x @v", "1"), ("a/b name=y", "2")];
        assert_eq!(keys(&["ID"]), pairs(&by_id));
    }
}
