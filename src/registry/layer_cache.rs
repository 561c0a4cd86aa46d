//! The layers that many phones share, laid over each other once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::settings::{Settings, Stack, UnreadableLayer};
use crate::domain::{CompanyId, TypeKey};

/// Some twenty of all types are in one house; at some 5 KB each this is room for the types of a
/// hundred companies. When it is full, all begins anew.
const MAX_KEPT: usize = 2_000;

/// The catalogue's version, the type, and the company, if any.
type LayersKey = (u64, TypeKey, Option<CompanyId>);

/// The shared layers of a type's phones in a company, or of those in none.
#[derive(Debug)]
pub(super) struct SharedLayers {
    pub stack: Stack,
    /// What they come to for a phone that says nothing itself.
    pub settings: Arc<Settings>,
}

/// The layers that many phones share, laid over each other once.
///
/// Most phones of a company have the same type defaults, system and company settings below
/// their own, and reading those anew took most of the time of making a phone's settings.
/// They are kept for one state of the directory and go with it.
#[derive(Default)]
pub(super) struct LayerCache {
    // A std lock: nothing is awaited under it, and layers are read outside.
    kept: RwLock<HashMap<LayersKey, Arc<SharedLayers>>>,
}

impl LayerCache {
    /// What is kept for that key, or what `read` reads.
    ///
    /// # Errors
    /// Those of `read`; nothing is kept then.
    pub(super) fn get(
        &self,
        key: LayersKey,
        read: impl FnOnce() -> Result<Stack, UnreadableLayer>,
    ) -> Result<Arc<SharedLayers>, UnreadableLayer> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = kept.get(&key) {
            return Ok(shared.clone());
        }
        drop(kept);
        let stack = read()?;
        let shared = Arc::new(SharedLayers { settings: Arc::new(stack.clone().finish()), stack });
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, shared.clone());
        Ok(shared)
    }
}

/// Nothing: a directory is copied to be changed.
impl Clone for LayerCache {
    fn clone(&self) -> LayerCache {
        LayerCache::default()
    }
}

/// Shows it without the settings, in which there are secrets.
impl fmt::Debug for LayerCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LayerCache")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::settings::Layer;

    fn key(company: &str) -> LayersKey {
        (1, "a1".parse().unwrap(), Some(company.parse().unwrap()))
    }

    fn read(language: &str) -> Result<Stack, UnreadableLayer> {
        let mut stack = Stack::default();
        stack.overlay(&Layer::parse(&serde_json::json!({ "language": language })).unwrap())?;
        Ok(stack)
    }

    #[test]
    fn layers_are_read_once_for_each_key_and_anew_for_changed_tables() {
        let layers = LayerCache::default();
        let language =
            |layers: &LayerCache, company, read: fn() -> Result<Stack, UnreadableLayer>| {
                layers.get(key(company), read).unwrap().settings.language.clone().unwrap()
            };
        assert_eq!(language(&layers, "acme", || read("de")), "de");
        assert_eq!(language(&layers, "acme", || panic!("it is kept")), "de");
        assert_eq!(language(&layers, "other", || read("fr")), "fr");
        assert_eq!(language(&layers.clone(), "acme", || read("en")), "en");
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let layers = LayerCache::default();
        for version in 0..=MAX_KEPT as u64 {
            let (_, phone_type, company) = key("acme");
            layers.get((version, phone_type, company), || read("de")).unwrap();
        }
        assert_eq!(layers.kept.read().unwrap().len(), 1);
    }
}
