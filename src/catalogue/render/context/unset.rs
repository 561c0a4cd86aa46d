//! A setting nobody set: false in a condition, an error that names it, by where it stands, when
//! printed.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, Value};

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

/// Where a setting stands, written out only when a message needs it: from a root of the settings
/// down to a group or to one setting: `lines.1.backup.registrar`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SettingPath {
    root: Root,
    /// The first `depth` count.
    names: [&'static str; SettingPath::MAX_DEPTH],
    depth: u8,
}

/// What the names of a path are below.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Root {
    Settings,
    /// A line by its number, counted from 1, as all here.
    Line(u16),
    Key(u16),
    ModuleKey {
        module: u16,
        key: u16,
    },
    SoftKey(u16),
    /// An entry of a numbered group of the settings, which is called by its name.
    Entry {
        of: &'static str,
        index: u16,
    },
    Zone,
}

impl SettingPath {
    /// `zone.dst.start.month` and `network.vlan.id` go this deep; a new group that goes
    /// deeper fails in every test that renders it.
    const MAX_DEPTH: usize = 3;

    pub(crate) fn new(root: Root) -> SettingPath {
        SettingPath { root, names: [""; SettingPath::MAX_DEPTH], depth: 0 }
    }

    #[must_use]
    pub(crate) fn join(mut self, name: &'static str) -> SettingPath {
        self.names[usize::from(self.depth)] = name;
        self.depth += 1;
        self
    }

    pub(crate) fn root(&self) -> Root {
        self.root
    }

    pub(crate) fn names(&self) -> &[&'static str] {
        &self.names[..usize::from(self.depth)]
    }
}

impl fmt::Display for SettingPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.root {
            Root::Settings => {}
            Root::Line(line) => write!(f, "lines.{line}.")?,
            Root::Key(key) => write!(f, "keys.{key}.")?,
            Root::ModuleKey { module, key } => write!(f, "expansion.{module}.keys.{key}.")?,
            Root::SoftKey(key) => write!(f, "soft_keys.{key}.")?,
            Root::Entry { of, index } => write!(f, "{of}.{index}.")?,
            Root::Zone => f.write_str("zone.")?,
        }
        for (at, name) in self.names().iter().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_the_schema_names_it() {
        let written = |root, names: &[&'static str]| {
            names.iter().fold(SettingPath::new(root), |path, name| path.join(name)).to_string()
        };
        assert_eq!(written(Root::Settings, &["network", "vlan", "id"]), "network.vlan.id");
        assert_eq!(written(Root::Line(2), &["backup", "port"]), "lines.2.backup.port");
        assert_eq!(written(Root::Key(1), &["value"]), "keys.1.value");
        let key = Root::ModuleKey { module: 1, key: 40 };
        assert_eq!(written(key, &["label"]), "expansion.1.keys.40.label");
        assert_eq!(written(Root::SoftKey(2), &["label"]), "soft_keys.2.label");
        let book = Root::Entry { of: "phone_books", index: 3 };
        assert_eq!(written(book, &["url"]), "phone_books.3.url");
        assert_eq!(written(Root::Zone, &["dst"]), "zone.dst");
    }
}
