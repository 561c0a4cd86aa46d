//! A setting nobody set: false in a condition, an error that names it when printed.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, Value};

/// Stands where a value could be. Knows which setting it stands for.
#[derive(Debug)]
pub(super) struct Unset(String);

/// What an `Unset` turns into where a template makes text of it (`~`, `join`):
/// no real value can hold NUL, so the printer recognises it and fails.
const MARK: char = '\0';

impl Unset {
    pub fn value(path: impl Into<String>) -> Value {
        Value::from_object(Unset(path.into()))
    }

    pub fn is(value: &Value) -> bool {
        value.downcast_object_ref::<Unset>().is_some()
    }
}

impl Object for Unset {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(Unset::value(format!("{}.{key}", self.0)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK}{}{MARK}", self.0)
    }
}

/// The source of the error that printing an unset value gives.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not set")]
pub(super) struct NotSet(pub String);

/// Fails when `text` was made of an unset value.
pub(super) fn refuse(text: &str) -> Result<(), Error> {
    let Some((_, rest)) = text.split_once(MARK) else { return Ok(()) };
    let path = rest.split(MARK).next().unwrap_or_default().to_owned();
    let message = format!("{path} is not set");
    Err(Error::new(ErrorKind::InvalidOperation, message).with_source(NotSet(path)))
}
