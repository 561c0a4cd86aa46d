//! What many rows of the index have alike, kept once: values for as long as a row has them, and
//! names for good, so that a row holds four bytes for its type and four for its company.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Each value once. Those that no row has any more go when the table has grown to twice of what
/// was left the last time.
#[derive(Debug)]
pub(super) struct Interner<T>(Mutex<Values<T>>);

#[derive(Debug)]
struct Values<T> {
    values: HashSet<Arc<T>>,
    swept_at: usize,
}

/// A table smaller than this is not worth looking through.
const SMALL: usize = 64;

impl<T: Eq + Hash> Interner<T> {
    pub(super) fn new() -> Interner<T> {
        Interner(Mutex::new(Values { values: HashSet::new(), swept_at: SMALL }))
    }

    /// The one that is kept of this value.
    pub(super) fn of(&self, value: T) -> Arc<T> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = table.values.get(&value) {
            return kept.clone();
        }
        if table.values.len() >= table.swept_at {
            table.values.retain(|kept| Arc::strong_count(kept) > 1);
            table.swept_at = SMALL.max(2 * table.values.len());
        }
        let value = Arc::new(value);
        table.values.insert(value.clone());
        value
    }
}

/// Names and their numbers, given in order from 0. Never forgets one: bounded by the types of all
/// catalogues and the companies.
#[derive(Debug)]
pub(super) struct Symbols<T> {
    // A std lock: held for a lookup, never across an await.
    table: RwLock<Table<T>>,
}

#[derive(Debug)]
struct Table<T> {
    numbers: HashMap<T, u32>,
    names: Vec<T>,
}

impl<T: Clone + Eq + Hash> Symbols<T> {
    pub(super) fn new() -> Symbols<T> {
        Symbols { table: RwLock::new(Table { numbers: HashMap::new(), names: Vec::new() }) }
    }

    pub(super) fn number(&self, name: &T) -> u32 {
        if let Some(&number) = self.read().numbers.get(name) {
            return number;
        }
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = table.numbers.get(name) {
            return number;
        }
        let number = u32::try_from(table.names.len()).expect("fewer names than 2^32");
        table.names.push(name.clone());
        table.numbers.insert(name.clone(), number);
        number
    }

    /// The name of a number that was given.
    pub(super) fn name(&self, number: u32) -> T {
        self.read().names[number as usize].clone()
    }

    pub(super) fn known(&self, name: &T) -> Option<u32> {
        self.read().numbers.get(name).copied()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Table<T>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_row_has_any_more_goes() {
        let shared = Interner::new();
        let kept = shared.of("kept".to_owned());
        for number in 0..10_000 {
            shared.of(format!("{number}"));
        }
        assert!(Arc::ptr_eq(&kept, &shared.of("kept".to_owned())));
        assert!(shared.0.lock().unwrap().values.len() <= 2 * SMALL);
    }
}
