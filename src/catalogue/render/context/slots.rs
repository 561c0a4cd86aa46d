//! The lines, keys or modules a type has, whether set or not.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::Counts;
use super::group::Group;
use super::names::Names;
use super::setting_path::Root;
use crate::domain::settings::Settings;

/// A list of a template's names.
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

    /// Of a numbered group that every phone may have as many of as the schema says; `None`
    /// for any other name.
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
