//! What a shared template sees of what it is given, and what its text is kept by: the same.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::gap::{Gap, Own};
use super::group::{Group, own_text};
use super::setting_path::Root;
use super::unset::Unset;
use crate::domain::settings::{Fields, Read};

/// All that a shared template can see, written so that something else is written otherwise.
#[derive(Debug)]
pub struct Known(Vec<u8>);

impl Default for Known {
    /// With room for all settings of most phones.
    fn default() -> Known {
        Known(Vec::with_capacity(1 << 10))
    }
}

/// What follows, or that nothing does.
#[derive(Debug, Clone, Copy)]
enum Tag {
    Unset,
    False,
    True,
    Integer,
    Number,
    Text,
    List,
    /// A gap that will be empty, or not.
    EmptyGap,
    Gap,
    Settings,
    Line,
    Key,
    Zone,
}

impl Known {
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets what was added after it had that length.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// `false`: a shared template cannot be given such a value.
    #[must_use]
    pub fn add(&mut self, value: &Value) -> bool {
        if let Some(group) = value.downcast_object_ref::<Group>() {
            // Its gaps have the places of another template's values.
            return !group.is_outline() && self.add_group(group);
        }
        if let Some(Own(value)) = value.downcast_object_ref() {
            return self.add_own(value);
        }
        self.add_plain(value)
    }

    pub fn add_text(&mut self, text: &str) {
        self.tag(Tag::Text);
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Numbers, texts, yes and no, lists of them, and what is not set.
    fn add_plain(&mut self, value: &Value) -> bool {
        if let Some(text) = value.as_str() {
            // A captured block looks like a text and is printed otherwise.
            self.add_text(text);
            return !value.is_safe();
        }
        match value.kind() {
            ValueKind::Bool => self.yes_or_no(value.is_true()),
            ValueKind::Number => match value.as_i64().filter(|_| value.is_integer()) {
                Some(number) => self.integer(number),
                None => {
                    self.tag(Tag::Number);
                    self.add_text(&value.to_string());
                }
            },
            ValueKind::Seq => {
                let Ok(items) = value.try_iter() else { return false };
                self.tag(Tag::List);
                self.length(value.len().unwrap_or_default());
                return items.into_iter().all(|item| self.add_plain(&item));
            }
            _ if Unset::is(value) => self.tag(Tag::Unset),
            _ => return false,
        }
        true
    }

    fn add_own(&mut self, value: &Value) -> bool {
        if Unset::is(value) {
            self.tag(Tag::Unset);
            return true;
        }
        self.gap(value.is_true());
        match value.kind() {
            ValueKind::String => !value.is_safe(),
            ValueKind::Number => value.is_integer(),
            _ => false,
        }
    }

    fn add_group(&mut self, group: &Group) -> bool {
        self.tag(match group.at().root() {
            Root::Settings => Tag::Settings,
            Root::Line(_) => Tag::Line,
            Root::Key(_) | Root::ModuleKey { .. } => Tag::Key,
            Root::Zone => Tag::Zone,
        });
        self.length(group.at().names().len());
        group.at().names().iter().for_each(|name| self.add_text(name));
        self.yes_or_no(group.is_used());
        self.add_fields(group.fields(), group.is_of_slot());
        true
    }

    fn add_fields(&mut self, fields: &dyn Fields, of_slot: bool) {
        fields.read(&mut |_, read| {
            if let Some(text) = own_text(of_slot, &read) {
                return self.gap(!text.is_empty());
            }
            match read {
                Read::Unset => self.tag(Tag::Unset),
                Read::Bool(value) => self.yes_or_no(value),
                Read::Integer(value) => self.integer(value),
                Read::Text(text) | Read::Word(text) | Read::Secret(text) => self.add_text(text),
                Read::Texts(texts) => {
                    self.tag(Tag::List);
                    self.length(texts.len());
                    texts.iter().for_each(|text| self.add_text(text));
                }
                Read::Group(below) => self.add_fields(below, of_slot),
                // A group does not show them either.
                Read::Map => {}
            }
        });
    }

    fn tag(&mut self, tag: Tag) {
        self.0.push(tag as u8);
    }

    fn yes_or_no(&mut self, value: bool) {
        self.tag(if value { Tag::True } else { Tag::False });
    }

    fn gap(&mut self, is_true: bool) {
        self.tag(if is_true { Tag::Gap } else { Tag::EmptyGap });
    }

    fn integer(&mut self, number: i64) {
        self.tag(Tag::Integer);
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn length(&mut self, length: usize) {
        self.0.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// `value` as the shared template sees it that is given it as its `argument`.
pub fn outline(value: &Value, argument: u8) -> Value {
    if let Some(group) = value.downcast_object_ref::<Group>() {
        return group.with_gaps(argument);
    }
    match value.downcast_object_ref() {
        Some(Own(value)) if Unset::is(value) => value.clone(),
        Some(Own(value)) => Gap::of_value(argument, value.is_true()),
        None => value.clone(),
    }
}
