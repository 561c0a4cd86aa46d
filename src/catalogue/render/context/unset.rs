//! A setting nobody set: false in a condition, an error that names it when printed.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, Value};

use super::setting_path::SettingPath;

/// Stands where a value could be. Knows which setting it stands for.
#[derive(Debug)]
pub(crate) enum Unset {
    Setting(SettingPath),
    /// `path.model`, `[maps.codec] opus`.
    Named(String),
}

/// What an `Unset` turns into where a template makes text of it (`~`, `join`):
/// no real value can hold NUL, so the printer recognises it and fails.
const MARK: char = '\0';

impl Unset {
    pub(crate) fn setting(path: SettingPath) -> Value {
        Value::from_object(Unset::Setting(path))
    }

    pub(crate) fn named(path: impl Into<String>) -> Value {
        Value::from_object(Unset::Named(path.into()))
    }

    pub(crate) fn of(value: &Value) -> Option<&Unset> {
        value.downcast_object_ref()
    }

    pub(crate) fn is(value: &Value) -> bool {
        Unset::of(value).is_some()
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
        Some(Unset::named(format!("{self}.{key}")))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK}{self}{MARK}")
    }
}

impl fmt::Display for Unset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unset::Setting(path) => path.fmt(f),
            Unset::Named(path) => f.write_str(path),
        }
    }
}

/// The source of the error that printing an unset value gives.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not set")]
pub(crate) struct NotSet(pub String);

/// Fails when `text` was made of an unset value.
pub(crate) fn refuse(text: &str) -> Result<(), Error> {
    let Some((_, rest)) = text.split_once(MARK) else { return Ok(()) };
    let path = rest.split(MARK).next().unwrap_or_default().to_owned();
    let message = format!("{path} is not set");
    Err(Error::new(ErrorKind::InvalidOperation, message).with_source(NotSet(path)))
}
