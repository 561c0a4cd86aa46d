//! Rendered bodies, kept until what they were made of changes.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::Rendered;
use crate::domain::Mac;

/// A file of a device: the device, or zero for a common file, and a hash of
/// what else distinguishes the request (family, pattern, path facts).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct BodyKey {
    pub mac: u64,
    pub file: u64,
}

impl BodyKey {
    pub(super) fn new(mac: Option<Mac>, file: u64) -> BodyKey {
        BodyKey { mac: mac.map_or(0, Mac::bits), file }
    }
}

/// Numbers that change when what a body was made of does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    /// The device's, or that of what is common to all.
    pub registry: u64,
    pub catalogue: u64,
}

/// A body and the version it was made of.
#[derive(Debug, Clone)]
pub(super) struct CachedBody {
    pub version: Version,
    pub rendered: Arc<Rendered>,
}

#[derive(Debug, Clone)]
struct BodyWeighter;

impl Weighter<BodyKey, CachedBody> for BodyWeighter {
    fn weight(&self, _: &BodyKey, kept: &CachedBody) -> u64 {
        // 450: key, version, Arc, the media type, the handles, texts and counts of three header values and
        // the table's own share.
        kept.rendered.body.len() as u64 + 450
    }
}

/// Bodies, up to a number of bytes; what was used least goes first.
#[derive(Debug)]
pub(super) struct BodyCache {
    kept: Cache<BodyKey, CachedBody, BodyWeighter>,
}

/// What the table is sized for at first; it grows.
const TYPICAL_BODY_BYTES: u64 = 8 * 1024;

impl BodyCache {
    pub(super) fn new(max_bytes: u64) -> BodyCache {
        let items = usize::try_from(max_bytes / TYPICAL_BODY_BYTES).unwrap_or(usize::MAX);
        BodyCache { kept: Cache::with_weighter(items.max(16), max_bytes, BodyWeighter) }
    }

    /// The body, if it was made of what `version` stands for.
    pub(super) fn fresh(&self, key: BodyKey, version: Version) -> Option<Arc<Rendered>> {
        let kept = self.kept.get(&key)?;
        (kept.version == version).then_some(kept.rendered)
    }

    pub(super) fn keep(&self, key: BodyKey, version: Version, rendered: Arc<Rendered>) {
        self.kept.insert(key, CachedBody { version, rendered });
    }
}
