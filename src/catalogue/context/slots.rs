//! The lines, keys or modules a type has, whether set or not.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, Value};

use super::Counts;
use super::group::Group;
use super::names::Names;
use super::setting_path::Root;
use crate::domain::settings::Settings;

/// A list of a template's names.
#[derive(Debug)]
pub struct Slots {
    settings: Arc<Settings>,
    count: u16,
    what: What,
}

#[derive(Debug)]
enum What {
    Lines,
    Keys,
    Modules { keys: u16 },
    ModuleKeys { module: u16 },
}

impl Slots {
    fn value(settings: &Arc<Settings>, count: u16, what: What) -> Value {
        Value::from_object(Slots { settings: settings.clone(), count, what })
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

/// Of lines or keys, those that say something: lines that are enabled, keys with a type.
///
/// # Errors
/// When something in the list is neither.
pub fn used(list: &Value) -> Result<Value, Error> {
    let mut used = Vec::new();
    for slot in list.try_iter()? {
        if of_slot(&slot)?.is_used() {
            used.push(slot);
        }
    }
    Ok(Value::from(used))
}

/// Of lines or keys, the numbers of those that say nothing and are not among `except`.
///
/// # Errors
/// When something in the list is neither.
pub fn unused(list: &Value, except: Option<Vec<u16>>) -> Result<Value, Error> {
    let mut unused = Vec::new();
    for slot in list.try_iter()? {
        let slot = of_slot(&slot)?;
        let index = slot.index().filter(|_| !slot.is_used());
        unused.extend(index.filter(|index| !except.as_ref().is_some_and(|e| e.contains(index))));
    }
    Ok(Value::from(unused))
}

fn of_slot(value: &Value) -> Result<&Group, Error> {
    value.downcast_object_ref::<Group>().filter(|group| group.index().is_some()).ok_or_else(|| {
        let message = "only lines and keys are used or unused";
        Error::new(ErrorKind::InvalidOperation, message)
    })
}
