//! Where a setting stands, written out only when a message needs it.

use std::fmt;

/// From a root of the settings down to a group or to one setting: `lines.1.backup.registrar`.
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
    /// By number, counted from 1, as all here.
    Line(u16),
    Key(u16),
    ModuleKey {
        module: u16,
        key: u16,
    },
    SoftKey(u16),
    /// Of a numbered group of the settings, called by its name.
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
