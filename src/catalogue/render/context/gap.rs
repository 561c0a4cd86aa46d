//! A place that a shared text leaves open for what is each phone's own.
//!
//! SECURITY: this keeps secrets and names of one phone out of texts that many phones get.
//! The template never sees them: it prints a mark, and the text is filled in later, escaped
//! then. No setting can hold a mark: printing drops control characters.

use std::fmt::{self, Write};
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, Value};

use super::group::{Group, own_text};
use super::setting_path::SettingPath;
use crate::domain::settings::Read;

/// A mark is `START argument - less : name . name END`.
pub const START: char = '\u{1}';
const END: char = '\u{2}';

/// Stands in a shared template where a value of the phone's own would be. It can be printed,
/// and tested for being set and not empty.
#[derive(Debug)]
pub struct Gap {
    /// Place among the values the template was given.
    argument: u8,
    /// Of a group that was given; `None`: what was given is the value.
    path: Option<SettingPath>,
    /// Taken from the number it stands for.
    less: u16,
    is_true: bool,
}

impl Gap {
    pub fn of_setting(argument: u8, path: SettingPath, is_true: bool) -> Value {
        Value::from_object(Gap { argument, path: Some(path), less: 0, is_true })
    }

    pub fn of_value(argument: u8, is_true: bool) -> Value {
        Value::from_object(Gap { argument, path: None, less: 0, is_true })
    }

    pub fn of(value: &Value) -> Option<&Gap> {
        value.downcast_object_ref()
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{START}{}-{}:", self.argument, self.less)?;
        for (at, name) in self.path.iter().flat_map(SettingPath::names).enumerate() {
            if at > 0 {
                f.write_char('.')?;
            }
            f.write_str(name)?;
        }
        f.write_char(END)
    }
}

impl Object for Gap {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.is_true
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// A value that a template gives to a shared one as a gap: `gap(device.mac)`.
#[derive(Debug)]
pub struct Own(pub Value);

impl Object for Own {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    /// Only a shared template can print it.
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char(START)
    }
}

/// What a mark says: where the text that goes there is found.
#[derive(Debug, PartialEq, Eq)]
pub struct Opening {
    argument: usize,
    less: u16,
    names: Vec<Box<str>>,
}

/// What stands before a mark, and what the mark says.
type Marked<'t> = (&'t str, Opening);

impl Opening {
    /// The marks of a rendered shared template, each with the text before it, and the rest.
    ///
    /// # Errors
    /// When the template did something else with a gap than to print it.
    pub fn split(text: &str) -> Result<(Vec<Marked<'_>>, &str), Error> {
        let mut openings = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(START) {
            let (mark, after) = after.split_once(END).ok_or_else(misused)?;
            openings.push((before, Opening::parse(mark).ok_or_else(misused)?));
            rest = after;
        }
        Ok((openings, rest))
    }

    fn parse(mark: &str) -> Option<Opening> {
        let (place, names) = mark.split_once(':')?;
        let (argument, less) = place.split_once('-')?;
        let names = names.split('.').filter(|name| !name.is_empty()).map(Box::from).collect();
        Some(Opening { argument: argument.parse().ok()?, less: less.parse().ok()?, names })
    }

    /// Gives to `write` the text that goes there, of these `given` values.
    ///
    /// # Errors
    /// Those of `write`; and when there is no such text, which a value given that has the same
    /// outline cannot cause.
    pub fn fill(
        &self,
        given: &[Value],
        write: &mut dyn FnMut(&str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let value = given.get(self.argument).ok_or_else(misused)?;
        if let Some(Own(value)) = value.downcast_object_ref() {
            return match (value.as_str(), value.as_i64()) {
                (Some(text), _) => write(text),
                (None, Some(number)) => write(&(number - i64::from(self.less)).to_string()),
                (None, None) => Err(misused()),
            };
        }
        let group: &Group = value.downcast_object_ref().ok_or_else(misused)?;
        if let [name] = &self.names[..]
            && &**name == "index"
            && let Some(index) = group.index()
        {
            return write(&(i32::from(index) - i32::from(self.less)).to_string());
        }
        let mut read = Read::Group(group.root());
        for name in &self.names {
            let Read::Group(fields) = read else { return Err(misused()) };
            read = fields.field(name).ok_or_else(misused)?.1;
        }
        write(own_text(group.is_of_slot(), &read).ok_or_else(misused)?)
    }
}

/// `number` less `less`, also where a number is a gap.
///
/// # Errors
/// When it is no number.
pub fn less(number: &Value, less: u16) -> Result<Value, Error> {
    if let Some(&Gap { argument, path, less: already, is_true }) = Gap::of(number) {
        let less = already.checked_add(less).ok_or_else(misused)?;
        return Ok(Value::from_object(Gap { argument, path, less, is_true }));
    }
    let number = number.as_i64().ok_or_else(|| {
        Error::new(ErrorKind::InvalidOperation, "only a number can be less than it is")
    })?;
    Ok(Value::from(number - i64::from(less)))
}

/// The only thing that can be wrong with a gap.
pub fn misused() -> Error {
    let message = "what is each phone's own can only be printed in a shared template, as it is";
    Error::new(ErrorKind::InvalidOperation, message)
}
