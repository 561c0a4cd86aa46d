//! Values that many rows have alike, kept once and for as long as a row has them.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Each value once. Those that no row has any more go when the table has grown to twice of what
/// was left the last time.
#[derive(Debug)]
pub(super) struct Shared<T>(Mutex<Table<T>>);

#[derive(Debug)]
struct Table<T> {
    values: HashSet<Arc<T>>,
    swept_at: usize,
}

/// A table smaller than this is not worth looking through.
const SMALL: usize = 64;

impl<T: Eq + Hash> Shared<T> {
    pub(super) fn new() -> Shared<T> {
        Shared(Mutex::new(Table { values: HashSet::new(), swept_at: SMALL }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_row_has_any_more_goes() {
        let shared = Shared::new();
        let kept = shared.of("kept".to_owned());
        for number in 0..10_000 {
            shared.of(format!("{number}"));
        }
        assert!(Arc::ptr_eq(&kept, &shared.of("kept".to_owned())));
        assert!(shared.0.lock().unwrap().values.len() <= 2 * SMALL);
    }
}
