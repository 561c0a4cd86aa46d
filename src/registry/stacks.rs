//! The layers that many phones share, laid over each other once.
//!
//! Most phones of a company have the same type defaults, system and company settings below
//! their own, and reading those anew took most of the time of making a phone's settings.
//! They are kept for one state of the tables and go with it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::settings::{Settings, Stack, UnreadableLayer};
use crate::domain::{CompanyId, TypeKey};

/// Of 394 types some twenty are in one house; at some 5 KB each this is room for the types
/// of a hundred companies. When it is full, all begins anew.
const MAX_KEPT: usize = 2_000;

/// The catalogue's stamp, the type, and the company, if any.
type Place = (u64, TypeKey, Option<CompanyId>);

/// The shared layers of a type's phones in a company, or of those in none.
#[derive(Debug)]
pub(super) struct Below {
    pub stack: Stack,
    /// What they come to for a phone that says nothing itself.
    pub settings: Arc<Settings>,
}

#[derive(Default)]
pub struct Stacks {
    // A std lock: nothing is awaited under it, and layers are read outside.
    kept: RwLock<HashMap<Place, Arc<Below>>>,
}

impl Stacks {
    /// What is kept for that place, or what `read` reads.
    ///
    /// # Errors
    /// Those of `read`; nothing is kept then.
    pub(super) fn below(
        &self,
        place: Place,
        read: impl FnOnce() -> Result<Stack, UnreadableLayer>,
    ) -> Result<Arc<Below>, UnreadableLayer> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(below) = kept.get(&place) {
            return Ok(below.clone());
        }
        drop(kept);
        let stack = read()?;
        let below = Arc::new(Below { settings: Arc::new(stack.clone().finish()), stack });
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(place, below.clone());
        Ok(below)
    }
}

/// Nothing: tables are copied to be changed.
impl Clone for Stacks {
    fn clone(&self) -> Stacks {
        Stacks::default()
    }
}

/// Without the settings: they are made of secrets.
impl fmt::Debug for Stacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stacks")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::settings::Layer;

    fn place(company: &str) -> Place {
        (1, "a1".parse().unwrap(), Some(company.parse().unwrap()))
    }

    fn read(language: &str) -> Result<Stack, UnreadableLayer> {
        let mut stack = Stack::default();
        stack.overlay(&Layer::parse(&serde_json::json!({ "language": language })).unwrap())?;
        Ok(stack)
    }

    #[test]
    fn layers_are_read_once_for_each_place_and_anew_for_changed_tables() {
        let stacks = Stacks::default();
        let language = |stacks: &Stacks, company, read: fn() -> Result<Stack, UnreadableLayer>| {
            stacks.below(place(company), read).unwrap().settings.language.clone().unwrap()
        };
        assert_eq!(language(&stacks, "acme", || read("de")), "de");
        assert_eq!(language(&stacks, "acme", || panic!("it is kept")), "de");
        assert_eq!(language(&stacks, "other", || read("fr")), "fr");
        assert_eq!(language(&stacks.clone(), "acme", || read("en")), "en");
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let stacks = Stacks::default();
        for stamp in 0..=MAX_KEPT as u64 {
            let (_, phone_type, company) = place("acme");
            stacks.below((stamp, phone_type, company), || read("de")).unwrap();
        }
        assert_eq!(stacks.kept.read().unwrap().len(), 1);
    }
}
