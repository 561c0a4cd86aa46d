//! What a phone may be sent that nobody has made active: its family's holding file, in which
//! nothing is of any phone, company or gateway.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::parse_cache::{FileOwner, ParsedRequest};
use super::provisioner::{Decision, Provisioner};
use super::rendered::{BodyKey, Rendered, Version};
use crate::catalogue::{Catalogue, HoldingFile};

impl Provisioner {
    /// The holding file that the request names, for whoever asks: that it is sent says nothing of
    /// whether there is such a phone. `None`: its family has none of that name.
    #[expect(dead_code, reason = "the step that asks whose token it is calls it")]
    pub(super) fn holding(
        &self,
        catalogue: &Catalogue,
        parsed: &ParsedRequest,
    ) -> Option<Decision> {
        let holding = catalogue.holding_file(&parsed.identity)?;
        let key = BodyKey::new(None, hash(&holding));
        // It is made of the catalogue alone.
        let version = Version { registry: 0, catalogue: catalogue.version() };
        if let Some(decision) = self.cached(key, version, FileOwner::Common) {
            return Some(decision);
        }
        let made = catalogue.render_holding(&holding).map(|rendered| {
            let changed = catalogue.served_since();
            Arc::new(Rendered::new(rendered.body, rendered.content_type, changed))
        });
        Some(self.keep_body(key, version, made, FileOwner::Common))
    }
}

/// Tells it from every other file that is kept for nobody.
fn hash(holding: &HoldingFile<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    "holding".hash(&mut hasher);
    (&holding.family.id, holding.file.pattern()).hash(&mut hasher);
    holding.phone_type.map(|phone_type| phone_type.key.as_str()).hash(&mut hasher);
    hasher.finish()
}
