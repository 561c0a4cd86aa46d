//! What a template finds under a name: a group of settings, a list of lines or keys, constants.
//!
//! In a group, what is set has its value, and what the schema has besides is unset.
//!
//! It holds no value but the settings it looks into when it is asked: of some hundred
//! fields a template asks for a few, and a storm of boots renders many templates.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr, Serde};

use super::Counts;
use super::unset::{Root, SettingPath, Unset};
use crate::domain::settings::{Fields, Key, KeyType, Line, Read, Settings, Zone};

/// A group of a template's names.
#[derive(Debug)]
pub(crate) struct Group {
    tree: Tree,
    at: SettingPath,
}

/// What a group is looked up in.
#[derive(Debug, Clone)]
enum Tree {
    Settings(Arc<Settings>),
    Zone(Arc<Zone>),
}

impl Group {
    pub(crate) fn settings(settings: &Arc<Settings>) -> Value {
        Group::value(Tree::Settings(settings.clone()), SettingPath::new(Root::Settings))
    }

    pub(crate) fn zone(zone: Arc<Zone>) -> Value {
        Group::value(Tree::Zone(zone), SettingPath::new(Root::Zone))
    }

    /// A line or a key, whether it is set or not.
    pub(crate) fn slot(settings: &Arc<Settings>, slot: Root) -> Value {
        Group::value(Tree::Settings(settings.clone()), SettingPath::new(slot))
    }

    fn value(tree: Tree, at: SettingPath) -> Value {
        Value::from_object(Group { tree, at })
    }

    pub(crate) fn at(&self) -> &SettingPath {
        &self.at
    }

    pub(crate) fn fields(&self) -> &dyn Fields {
        self.at.names().iter().fold(self.root(), |fields, name| match fields.field(name) {
            Some((_, Read::Group(below))) => below,
            _ => unreachable!("`{}` was a group when it was looked up", self.at),
        })
    }

    /// What its path begins with.
    pub(crate) fn root(&self) -> &dyn Fields {
        static NO_LINE: LazyLock<Line> = LazyLock::new(Line::default);
        static NO_KEY: LazyLock<Key> = LazyLock::new(Key::default);
        match (&self.tree, self.at.root()) {
            (Tree::Zone(zone), _) => &**zone,
            (Tree::Settings(settings), Root::Settings | Root::Zone) => &**settings,
            (_, Root::Line(_)) => self.line().unwrap_or(&NO_LINE),
            (_, Root::Key(_) | Root::ModuleKey { .. } | Root::SoftKey(_)) => {
                self.key().unwrap_or(&NO_KEY)
            }
            (Tree::Settings(settings), Root::Entry { of, index }) => settings
                .entry(of, index)
                .unwrap_or_else(|| unreachable!("`{of}` was a numbered group of the settings")),
        }
    }

    /// The number of a line or a key; `None` of any other group.
    pub(crate) fn index(&self) -> Option<u16> {
        match self.at.root() {
            Root::Line(index)
            | Root::Key(index)
            | Root::SoftKey(index)
            | Root::ModuleKey { key: index, .. }
            | Root::Entry { index, .. }
                if self.at.names().is_empty() =>
            {
                Some(index)
            }
            _ => None,
        }
    }

    /// Whether a line or a key says something; false for any other group.
    pub(crate) fn is_used(&self) -> bool {
        self.line().is_some_and(Line::is_enabled) || self.key().is_some_and(Key::is_used)
    }

    /// What a key does and the line that it says; `None`: it is no key.
    pub(crate) fn does(&self) -> Option<(Option<KeyType>, Option<u16>)> {
        self.is_key().then(|| self.key().map_or((None, None), |key| (key.key_type, key.line)))
    }

    /// The line it is or is in, if that is set.
    fn line(&self) -> Option<&Line> {
        let Tree::Settings(settings) = &self.tree else { return None };
        let Root::Line(line) = self.at.root() else { return None };
        settings.lines.get(&line)
    }

    /// The key it is, if that is set.
    fn key(&self) -> Option<&Key> {
        let Tree::Settings(settings) = &self.tree else { return None };
        match self.at.root() {
            Root::Key(key) => settings.keys.get(&key),
            Root::SoftKey(key) => settings.soft_keys.get(&key),
            Root::ModuleKey { module, key } => settings.expansion.get(&module)?.keys.get(&key),
            _ => None,
        }
    }

    /// What a line or a key has that the schema has not, or says otherwise.
    fn own(&self, name: &str) -> Option<Value> {
        let index = self.index()?;
        match (self.at.root(), name) {
            (_, "index") => Some(Value::from(index)),
            (Root::Line(_), "enabled") => Some(Value::from(self.is_used())),
            _ => None,
        }
    }

    fn is_key(&self) -> bool {
        matches!(self.at.root(), Root::Key(_) | Root::SoftKey(_) | Root::ModuleKey { .. })
    }
}

impl Object for Group {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        if let Some(own) = self.own(name) {
            return Some(own);
        }
        let (name, read) = self.fields().field(name)?;
        Some(match read {
            Read::Unset if self.is_key() && name == "type" => Value::from("none"),
            Read::Unset => Unset::setting(self.at.join(name)),
            Read::Bool(value) => Value::from(value),
            Read::Integer(value) => Value::from(value),
            Read::Text(value) | Read::Word(value) | Read::Secret(value) => Value::from(value),
            Read::Texts(values) => values.iter().map(|text| Value::from(text.as_ref())).collect(),
            Read::Group(_) => {
                Value::from_object(Group { tree: self.tree.clone(), at: self.at.join(name) })
            }
            // Lines and keys are read through their own lists.
            Read::Map => match &self.tree {
                Tree::Settings(settings) => return Slots::entries(settings, name),
                Tree::Zone(_) => return None,
            },
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let mut names = Vec::new();
        self.fields().read(&mut |name, read| {
            if !matches!(read, Read::Map) {
                names.push(Value::from(name));
            }
        });
        if self.own("index").is_some() {
            names.push(Value::from("index"));
        }
        Enumerator::Values(names)
    }
}

/// The lines, keys or modules a type has, whether set or not.
#[derive(Debug)]
pub(super) struct Slots {
    settings: Arc<Settings>,
    count: u16,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Lines,
    Keys,
    Modules { keys: u16 },
    ModuleKeys { module: u16 },
    SoftKeys,
    Entries { of: &'static str },
}

impl Slots {
    fn value(settings: &Arc<Settings>, count: u16, what: What) -> Value {
        Value::from_object(Slots { settings: settings.clone(), count, what })
    }

    pub(super) fn lines(settings: &Arc<Settings>, count: u16) -> Value {
        Slots::value(settings, count, What::Lines)
    }

    pub(super) fn keys(settings: &Arc<Settings>, count: u16) -> Value {
        Slots::value(settings, count, What::Keys)
    }

    pub(super) fn soft_keys(settings: &Arc<Settings>, count: u16) -> Value {
        Slots::value(settings, count, What::SoftKeys)
    }

    /// The entries of a numbered group that every phone may have as many of as the schema says;
    /// `None` for any other name.
    pub(super) fn entries(settings: &Arc<Settings>, of: &'static str) -> Option<Value> {
        let count = Settings::entries(of)?;
        Some(Slots::value(settings, count, What::Entries { of }))
    }

    pub(super) fn modules(settings: &Arc<Settings>, counts: Counts) -> Value {
        let what = What::Modules { keys: counts.module_keys };
        Slots::value(settings, counts.modules, what)
    }

    fn slot(&self, index: u16) -> Value {
        match self.what {
            What::Lines => Group::slot(&self.settings, Root::Line(index)),
            What::Keys => Group::slot(&self.settings, Root::Key(index)),
            What::Modules { keys } => {
                let keys = Slots::value(&self.settings, keys, What::ModuleKeys { module: index });
                Names::value([("index", Value::from(index)), ("keys", keys)])
            }
            What::SoftKeys => Group::slot(&self.settings, Root::SoftKey(index)),
            What::Entries { of } => Group::slot(&self.settings, Root::Entry { of, index }),
            What::ModuleKeys { module } => {
                Group::slot(&self.settings, Root::ModuleKey { module, key: index })
            }
        }
    }
}

impl Object for Slots {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = u16::try_from(key.as_usize()?).ok()?;
        (at < self.count).then(|| self.slot(at + 1))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(usize::from(self.count))
    }
}

/// Constants of a type, of a device, of a path: a handful, looked through from the first to the
/// last, which is quicker than hashing the name.
#[derive(Debug)]
pub(crate) struct Names<K>(Vec<(K, Value)>);

impl<K> Names<K>
where
    K: AsRef<str> + Debug + Send + Sync + 'static,
{
    pub(crate) fn value(pairs: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::from_object(Names(pairs.into_iter().collect()))
    }
}

/// A constant of a `family.toml`.
pub(crate) fn constant(written: &toml::Value) -> Value {
    match written {
        toml::Value::Table(table) => {
            Names::value(table.iter().map(|(name, value)| (name.clone(), constant(value))))
        }
        toml::Value::Array(list) => list.iter().map(constant).collect(),
        plain => Value::from(Serde(plain)),
    }
}

impl<K> Object for Names<K>
where
    K: AsRef<str> + Debug + Send + Sync + 'static,
{
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, wanted: &str) -> Option<Value> {
        let found = self.0.iter().find(|(name, _)| name.as_ref() == wanted);
        found.map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.iter().map(|(name, _)| Value::from(name.as_ref())).collect())
    }
}
