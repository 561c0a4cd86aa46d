//! Reads a configuration as its phone would, and takes out of it what the phone would
//! register with.

mod key_value;
mod set;
#[cfg(test)]
mod tests;
mod url;
mod xml;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::catalogue::{ANY_LINE, ConfigReader, Selector, Syntax};

/// The line a phone registers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The user to register as.
    pub user: String,
    /// The host to register with.
    pub registrar: String,
}

/// What a phone has read so far of its lines. A later file overrides an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    users: BTreeMap<u16, String>,
    registrars: BTreeMap<u16, String>,
    /// Which have one. The passwords themselves are not kept.
    passwords: BTreeMap<u16, ()>,
}

/// Why a phone cannot use a file.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the first line is `{found}`, not `{wanted}`")]
    FirstLine { wanted: String, found: String },
    #[error("{0}")]
    Header(String),
    #[error("not well-formed XML: {0}")]
    Xml(String),
    #[error("it has a NUL or no lines at all")]
    NotText,
}

impl Unreadable {
    /// A short name to count by.
    pub const KIND: &str = "unreadable file";
}

/// Which of the three values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    User,
    Registrar,
    Password,
}

impl Lines {
    /// Takes over what `body` says.
    ///
    /// # Errors
    /// The phone would drop the file; nothing of it is taken over.
    pub fn read(&mut self, reader: &ConfigReader, body: &[u8]) -> Result<(), Unreadable> {
        let body = match &reader.header {
            Some(header) => {
                header.text(body).map_err(|error| Unreadable::Header(error.to_string()))?
            }
            None => body,
        };
        let text = text(body);
        if let Some(wanted) = &reader.first_line {
            let found = text.lines().next().unwrap_or_default();
            if found != wanted {
                let found = found.chars().take(80).collect();
                return Err(Unreadable::FirstLine { wanted: wanted.clone(), found });
            }
        }
        let mut found = Found { reader, parts: Vec::new() };
        match reader.syntax {
            Syntax::KeyValue => key_value::read(&text, &mut found)?,
            Syntax::Set => set::read(&text, &mut found)?,
            Syntax::Xml => xml::read(&text, &mut found)?,
            Syntax::Url => url::read(&text, &mut found)?,
        }
        for (part, line, value) in found.parts {
            self.set(part, line, unquoted(&value), reader.unset.as_deref());
        }
        Ok(())
    }

    /// The first line that has all a phone needs, in order of their numbers.
    #[must_use]
    pub fn line(&self, reader: &ConfigReader) -> Option<Line> {
        self.users.iter().find_map(|(number, user)| {
            let registrar = of_line(&self.registrars, *number)?;
            if reader.password.is_some() {
                of_line(&self.passwords, *number)?;
            }
            Some(Line { user: user.clone(), registrar: registrar.clone() })
        })
    }

    fn set(&mut self, part: Part, line: u16, value: &str, unset: Option<&str>) {
        let value = Some(value).filter(|value| !value.is_empty() && Some(*value) != unset);
        match part {
            Part::User => put(&mut self.users, line, value.map(sip_user)),
            Part::Registrar => put(&mut self.registrars, line, value.map(sip_host)),
            Part::Password => put(&mut self.passwords, line, value.map(drop)),
        }
    }
}

fn put<T>(map: &mut BTreeMap<u16, T>, line: u16, value: Option<T>) {
    match value {
        Some(value) => map.insert(line, value),
        None => map.remove(&line),
    };
}

fn of_line<T>(map: &BTreeMap<u16, T>, line: u16) -> Option<&T> {
    map.get(&line).or_else(|| map.get(&ANY_LINE))
}

/// What the selectors found in one file, in order.
struct Found<'a> {
    reader: &'a ConfigReader,
    parts: Vec<(Part, u16, String)>,
}

impl<'a> Found<'a> {
    /// Each selector with what it finds and what is added to the number of a line it finds.
    fn selectors(&self) -> impl Iterator<Item = (Part, u16, &'a Selector)> + use<'a> {
        let reader = self.reader;
        [(Part::User, Some(&reader.user)), (Part::Registrar, Some(&reader.registrar))]
            .into_iter()
            .chain([(Part::Password, reader.password.as_ref())])
            .filter_map(|(part, places)| Some((part, places?)))
            .flat_map(|(part, places)| {
                places.iter().map(move |(before, selector)| (part, before, selector))
            })
    }

    fn has(&self, part: Part, line: u16) -> bool {
        self.parts.iter().any(|(own, number, _)| (*own, *number) == (part, line))
    }
}

/// Reads it as UTF-8; what is not is ISO-8859-1, in which every byte is a character.
fn text(body: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(body) {
        Ok(text) => Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(_) => Cow::Owned(body.iter().map(|&byte| char::from(byte)).collect()),
    }
}

/// What stands in the quotes of a value, in whatever syntax a maker writes them.
fn unquoted(value: &str) -> &str {
    let inside = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or(value)
}

/// The inside of `"Ann" <sip:1001@example.com;transport=tcp>`, or the text itself.
fn sip_uri(text: &str) -> Option<&str> {
    // From the end: a display name in quotes may have a `<` too.
    let inside = match text.rsplit_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
        None => text,
    };
    let (scheme, rest) = inside.split_once(':')?;
    let is_sip = scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips");
    is_sip.then(|| rest.split([';', '?']).next().unwrap_or_default())
}

fn sip_user(text: &str) -> String {
    let uri = sip_uri(text).unwrap_or(text);
    uri.split_once('@').map_or(uri, |(user, _)| user).to_owned()
}

fn sip_host(text: &str) -> String {
    let uri = sip_uri(text).unwrap_or(text);
    uri.rsplit_once('@').map_or(uri, |(_, host)| host).to_owned()
}
