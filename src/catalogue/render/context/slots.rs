//! The lines, keys or modules a type has, whether set or not.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Rest};
use minijinja::{Error, ErrorKind, Value};

use super::Counts;
use super::group::Group;
use super::names::Names;
use super::setting_path::Root;
use crate::domain::settings::{Key, Settings};

/// A list of a template's names.
#[derive(Debug)]
pub struct Slots {
    settings: Arc<Settings>,
    /// The number of the first, and of the last; none when that is less.
    first: u16,
    last: u16,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Lines,
    Keys,
    Modules { keys: u16 },
    ModuleKeys { module: u16 },
}

impl Slots {
    fn value(settings: &Arc<Settings>, count: u16, what: What) -> Value {
        Value::from_object(Slots { settings: settings.clone(), first: 1, last: count, what })
    }

    pub fn lines(settings: &Arc<Settings>, count: u16) -> Value {
        Slots::value(settings, count, What::Lines)
    }

    pub fn keys(settings: &Arc<Settings>, count: u16) -> Value {
        Slots::value(settings, count, What::Keys)
    }

    pub fn modules(settings: &Arc<Settings>, counts: Counts) -> Value {
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
            What::ModuleKeys { module } => {
                Group::slot(&self.settings, Root::ModuleKey { module, key: index })
            }
        }
    }

    /// The numbers of those that say something, without looking at each; `None` for modules.
    fn used(&self) -> Option<Vec<u16>> {
        // An empty range is none of a map's.
        if self.first > self.last && !matches!(self.what, What::Modules { .. }) {
            return Some(Vec::new());
        }
        let range = self.first..=self.last;
        let of_keys = |keys: &BTreeMap<u16, Key>| {
            keys.range(range.clone()).filter(|(_, key)| key.is_used()).map(|(&at, _)| at).collect()
        };
        match self.what {
            What::Lines => {
                let lines = self.settings.lines.range(range);
                Some(lines.filter(|(_, line)| line.is_enabled()).map(|(&at, _)| at).collect())
            }
            What::Keys => Some(of_keys(&self.settings.keys)),
            What::ModuleKeys { module } => Some(
                self.settings.expansion.get(&module).map(|m| of_keys(&m.keys)).unwrap_or_default(),
            ),
            What::Modules { .. } => None,
        }
    }
}

impl Object for Slots {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = u16::try_from(key.as_usize()?).ok()?;
        let index = self.first.checked_add(at)?;
        (index <= self.last).then(|| self.slot(index))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(usize::from((self.last + 1).saturating_sub(self.first)))
    }
}

/// Of lines or keys, those numbered `first` to `last`.
///
/// # Errors
/// When the list is not all or some of the phone's lines or keys.
pub fn between(list: &Value, first: u16, last: u16) -> Result<Value, Error> {
    let slots: &Slots = list.downcast_object_ref().ok_or_else(not_slots)?;
    let (first, last) = (first.max(slots.first), last.min(slots.last));
    Ok(Value::from_object(Slots { settings: slots.settings.clone(), first, last, ..*slots }))
}

/// Of lines or keys, those that say something: lines that are enabled, keys with a type. With
/// `types` only keys of these.
///
/// # Errors
/// When something in the list is neither.
pub fn used(list: &Value, types: Rest<String>) -> Result<Value, Error> {
    let wanted = |group: &Group| {
        types.is_empty()
            || group.key_type().is_some_and(|own| types.iter().any(|wanted| wanted == own))
    };
    if let Some(slots) = list.downcast_object_ref::<Slots>()
        && let Some(used) = slots.used()
    {
        let slots = used.into_iter().map(|index| slots.slot(index));
        return Ok(slots.filter(|slot| of_slot(slot).is_ok_and(wanted)).collect());
    }
    let mut used = Vec::new();
    for slot in list.try_iter()? {
        let group = of_slot(&slot)?;
        if group.is_used() && wanted(group) {
            used.push(slot);
        }
    }
    Ok(Value::from(used))
}

/// Of lines or keys, the numbers of those that say nothing and are not among `except`,
/// numbers or again lines or keys.
///
/// # Errors
/// When something in the list is neither.
pub fn unused(list: &Value, except: Option<&Value>) -> Result<Value, Error> {
    let mut not = Vec::new();
    for value in except.map(Value::try_iter).transpose()?.into_iter().flatten() {
        not.push(match value.as_i64() {
            Some(number) => u16::try_from(number).ok(),
            None => of_slot(&value)?.index(),
        });
    }
    let free = |index: &u16| !not.contains(&Some(*index));
    if let Some(slots) = list.downcast_object_ref::<Slots>()
        && let Some(used) = slots.used()
    {
        let unused = (slots.first..=slots.last).filter(|index| !used.contains(index));
        return Ok(unused.filter(free).collect());
    }
    let mut unused = Vec::new();
    for slot in list.try_iter()? {
        let slot = of_slot(&slot)?;
        unused.extend(slot.index().filter(|_| !slot.is_used()).filter(free));
    }
    Ok(Value::from(unused))
}

/// The line or key that `value` is.
///
/// # Errors
/// When it is neither.
pub fn of_slot(value: &Value) -> Result<&Group, Error> {
    let is_slot = |group: &&Group| group.index().is_some() && !group.is_outline();
    value.downcast_object_ref::<Group>().filter(is_slot).ok_or_else(not_slots)
}

fn not_slots() -> Error {
    Error::new(ErrorKind::InvalidOperation, "only lines and keys are used or unused")
}
