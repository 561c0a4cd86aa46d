//! Small numbers for names that many rows share, so that a row of the index
//! holds four bytes for its type and four for its company.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

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
