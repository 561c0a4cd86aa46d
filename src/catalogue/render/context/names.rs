//! A handful of values by name, looked through from the first to the last: quicker than
//! hashing the name.

use std::fmt::Debug;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, Serde};

/// Constants of a type, of a device, of a path.
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
