//! From a TOML file to what it gives, each value with its line.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Origin;
use super::reader::{Given, LISTENER, Raw, Reader};

/// Where listeners of names are, in tables of their own.
const LISTENERS: &str = "listener";
const UNNAMED: &str = "each listener has a name: write [listener.NAME] on a line of its own, \
                       and its keys below it";

/// Longer is no configuration but a mistaken name.
const MOST_BYTES: usize = 1024 * 1024;

/// Adds everything of the file to `reader`, and what is wrong with it.
pub(super) fn read(path: &Path, reader: &mut Reader) {
    let name = path.display().to_string();
    let whole = || Origin::File { path: name.clone(), line: 0 };
    match read_text(path) {
        Ok(text) => parse(&name, &text, reader),
        Err(message) => return reader.problem(whole(), message),
    }
    if others_may_write(path) {
        reader.warn(
            &whole(),
            "every user of this machine may change it; `chmod o-w` would end that".to_owned(),
        );
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let attempt = || {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes: Vec<u8> = attempt().map_err(|e: std::io::Error| format!("cannot be read: {e}"))?;
    if bytes.len() > MOST_BYTES {
        return Err(format!("longer than {MOST_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())
}

fn parse(name: &str, text: &str, reader: &mut Reader) {
    let lines = Lines { name, text };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let place = lines.place(error.span().map_or(0, |span| span.start));
        reader.problem(place, error.message().to_owned());
    }
    for (section, value) in document.get_ref() {
        let place = lines.place(section.span().start);
        let section = section.get_ref();
        match value.get_ref() {
            DeValue::Table(listeners) if section == LISTENERS => {
                for (name, value) in listeners {
                    let place = lines.place(name.span().start);
                    match value.get_ref() {
                        DeValue::Table(keys) => {
                            lines.section(
                                &format!("{LISTENER}{}", name.get_ref()),
                                keys,
                                place,
                                reader,
                            );
                        }
                        _ => reader.problem(place, UNNAMED.to_owned()),
                    }
                }
            }
            _ if section == LISTENERS => reader.problem(place, UNNAMED.to_owned()),
            DeValue::Table(keys) => lines.section(section, keys, place, reader),
            // A key before the first section, or a mistaken `handset = ...`.
            _ => reader.add(section.to_string(), Given { raw: lines.raw(value), place }),
        }
    }
}

struct Lines<'a> {
    name: &'a str,
    text: &'a str,
}

impl Lines<'_> {
    fn section(&self, name: &str, keys: &DeTable<'_>, place: Origin, reader: &mut Reader) {
        reader.add_section(name, place);
        for (key, value) in keys {
            let place = self.place(key.span().start);
            let name = format!("{name}.{}", key.get_ref());
            reader.add(name, Given { raw: self.raw(value), place });
        }
    }

    fn place(&self, offset: usize) -> Origin {
        let line = self.text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1;
        Origin::File { path: self.name.to_owned(), line }
    }

    fn raw(&self, value: &Spanned<DeValue<'_>>) -> Raw {
        match value.get_ref() {
            DeValue::String(text) => Raw::Text(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Raw::Other("a number beyond 64 bits"), Raw::Integer),
            DeValue::Array(items) => Raw::List(
                items
                    .iter()
                    .map(|item| Given { raw: self.raw(item), place: self.place(item.span().start) })
                    .collect(),
            ),
            DeValue::Boolean(is_on) => Raw::Boolean(*is_on),
            DeValue::Float(_) => Raw::Other("a number with a fraction"),
            DeValue::Datetime(_) => Raw::Other("a date"),
            DeValue::Table(_) => Raw::Other("a table"),
        }
    }
}

fn others_may_write(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    // Not the group: it may well be that of the operators.
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o002 != 0)
}
