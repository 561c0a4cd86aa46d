//! What the text of a fragment is kept by: all that the fragment can see.

use minijinja::Value;
use minijinja::value::{Tuple, ValueKind};

use crate::catalogue::family::definition::Escape;
use crate::catalogue::render::context::{Group, Root, Unset};
use crate::domain::settings::{Fields, Read};

/// All that a fragment can see, written so that what differs is written otherwise: each value
/// begins with what it is, and each that can be longer or shorter with its length.
///
/// The version of the catalogue is not in it: a catalogue keeps its own fragments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FragmentKey(Vec<u8>);

/// Why a value cannot be given to a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("there is a secret in it, and a fragment's text is kept")]
    Secret,
    #[error("it is not defined")]
    Undefined,
    #[error("it is neither a plain value nor a list, a group of settings or a key")]
    NoPlainValue,
}

/// What follows, or that nothing does.
#[derive(Debug, Clone, Copy)]
enum Tag {
    None,
    Unset,
    False,
    True,
    Integer,
    Float,
    Text,
    /// A captured block: it looks like a text and is printed as it is.
    Block,
    Bytes,
    List,
    Tuple,
    Map,
    Settings,
    Key,
    ModuleKey,
    SoftKey,
    Entry,
    Zone,
    Group,
}

impl FragmentKey {
    /// The key of a template of a family, for a file that is escaped so and a type.
    pub(super) fn new(
        escape: Escape,
        family: &str,
        template: &str,
        phone_type: &Value,
    ) -> FragmentKey {
        // Room for a group of settings and some texts.
        let mut key = FragmentKey(Vec::with_capacity(512));
        key.0.push(escape as u8);
        key.text(family);
        key.text(template);
        // A type's constants follow from its key; a common file may have no type.
        match phone_type.get_attr("key").ok().as_ref().and_then(Value::as_str) {
            Some(type_key) => key.text(type_key),
            None => key.tag(Tag::Unset),
        }
        key
    }

    /// Adds one argument and gives what the fragment may see of it: just what was added.
    ///
    /// # Errors
    /// A value that has a secret, or of which nobody can tell all that it shows.
    pub(super) fn add(&mut self, name: &str, value: &Value) -> Result<Value, Refusal> {
        self.text(name);
        self.value(value)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether some value has this text in it.
    pub(super) fn has(&self, text: &str) -> bool {
        self.0.windows(text.len()).any(|part| part == text.as_bytes())
    }

    fn value(&mut self, value: &Value) -> Result<Value, Refusal> {
        if let Some(text) = value.as_str() {
            self.tag(if value.is_safe() { Tag::Block } else { Tag::Text });
            self.sized(text.as_bytes());
            return Ok(value.clone());
        }
        match value.kind() {
            ValueKind::Undefined => return Err(Refusal::Undefined),
            ValueKind::None => self.tag(Tag::None),
            ValueKind::Bool => self.yes_or_no(value.is_true()),
            ValueKind::Number => self.number(value)?,
            ValueKind::Bytes => {
                self.tag(Tag::Bytes);
                self.sized(value.as_bytes().unwrap_or_default());
            }
            ValueKind::Seq | ValueKind::Iterable => return self.list(value),
            ValueKind::Map => return self.map(value),
            ValueKind::Plain | ValueKind::Invalid | _ => {
                let unset = Unset::of(value).ok_or(Refusal::NoPlainValue)?;
                self.tag(Tag::Unset);
                // A template that makes text of it is refused then, with the setting's name.
                self.sized(unset.to_string().as_bytes());
            }
        }
        Ok(value.clone())
    }

    fn number(&mut self, value: &Value) -> Result<(), Refusal> {
        if value.is_integer() {
            let number = i128::try_from(value.clone()).map_err(|_| Refusal::NoPlainValue)?;
            self.tag(Tag::Integer);
            self.0.extend_from_slice(&number.to_be_bytes());
        } else {
            let number = f64::try_from(value.clone()).map_err(|_| Refusal::NoPlainValue)?;
            self.tag(Tag::Float);
            self.0.extend_from_slice(&number.to_bits().to_be_bytes());
        }
        Ok(())
    }

    /// The fragment gets a list of its own: one of the engine may be read only once.
    fn list(&mut self, list: &Value) -> Result<Value, Refusal> {
        let is_tuple = list.downcast_object_ref::<Tuple>().is_some();
        self.tag(if is_tuple { Tag::Tuple } else { Tag::List });
        let items: Vec<Value> = list.try_iter().map_err(|_| Refusal::NoPlainValue)?.collect();
        self.length(items.len());
        let items = items.iter().map(|item| self.value(item)).collect::<Result<Vec<_>, _>>()?;
        Ok(if is_tuple { Value::from(Tuple::from(items)) } else { Value::from(items) })
    }

    /// The fragment gets a map of its own: a namespace may change.
    fn map(&mut self, map: &Value) -> Result<Value, Refusal> {
        if let Some(group) = map.downcast_object_ref::<Group>() {
            return self.group(group).map(|()| map.clone());
        }
        self.tag(Tag::Map);
        let names: Vec<Value> = map.try_iter().map_err(|_| Refusal::NoPlainValue)?.collect();
        self.length(names.len());
        let pairs = names.iter().map(|name| {
            let value = map.get_item(name).map_err(|_| Refusal::NoPlainValue)?;
            Ok((self.value(name)?, self.value(&value)?))
        });
        Ok(Value::from_pairs(pairs.collect::<Result<Vec<_>, Refusal>>()?))
    }

    fn group(&mut self, group: &Group) -> Result<(), Refusal> {
        match group.at().root() {
            // Its password; and who gives a whole line gives what no other phone has.
            Root::Line(_) => return Err(Refusal::Secret),
            Root::Settings => self.tag(Tag::Settings),
            Root::Zone => self.tag(Tag::Zone),
            Root::Key(key) => {
                self.tag(Tag::Key);
                self.0.extend_from_slice(&key.to_be_bytes());
            }
            Root::SoftKey(key) => {
                self.tag(Tag::SoftKey);
                self.0.extend_from_slice(&key.to_be_bytes());
            }
            Root::Entry { of, index } => {
                self.tag(Tag::Entry);
                self.text(of);
                self.0.extend_from_slice(&index.to_be_bytes());
            }
            Root::ModuleKey { module, key } => {
                self.tag(Tag::ModuleKey);
                self.0.extend_from_slice(&module.to_be_bytes());
                self.0.extend_from_slice(&key.to_be_bytes());
            }
        }
        self.length(group.at().names().len());
        group.at().names().iter().for_each(|name| self.text(name));
        self.fields(group.fields())
    }

    fn fields(&mut self, fields: &dyn Fields) -> Result<(), Refusal> {
        let mut outcome = Ok(());
        // Always the same fields in the same order: their names need not be written.
        fields.read(&mut |_, read| match read {
            Read::Unset => self.tag(Tag::Unset),
            Read::Bool(value) => self.yes_or_no(value),
            Read::Integer(value) => {
                self.tag(Tag::Integer);
                self.0.extend_from_slice(&value.to_be_bytes());
            }
            Read::Text(text) | Read::Word(text) => self.text(text),
            Read::Texts(texts) => {
                self.tag(Tag::List);
                self.length(texts.len());
                texts.iter().for_each(|text| self.text(text));
            }
            Read::Group(below) => {
                self.tag(Tag::Group);
                if let Err(refusal) = self.fields(below) {
                    outcome = Err(refusal);
                }
            }
            Read::Secret(_) => outcome = Err(Refusal::Secret),
            // A group does not show them either.
            Read::Map => {}
        });
        outcome
    }

    fn text(&mut self, text: &str) {
        self.tag(Tag::Text);
        self.sized(text.as_bytes());
    }

    fn yes_or_no(&mut self, value: bool) {
        self.tag(if value { Tag::True } else { Tag::False });
    }

    fn tag(&mut self, tag: Tag) {
        self.0.push(tag as u8);
    }

    fn sized(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn length(&mut self, length: usize) {
        self.0.extend_from_slice(&(length as u64).to_be_bytes());
    }
}
