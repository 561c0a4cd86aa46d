//! What a phone may be sent that nobody has made active: its family's holding file, in which
//! nothing is of any phone, company or gateway.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::parse_cache::{FileOwner, ParsedRequest};
use super::provisioner::{Decision, Provisioner};
use super::rendered::{BodyKey, Rendered, Sending, Version, Way};
use crate::catalogue::{Catalogue, HoldingFile};
use crate::registry::RequestOutcome;

impl Provisioner {
    /// The holding file that the request names, if it is of a device that waits, and its token is of
    /// a company that has such phones sent one.
    ///
    /// SECURITY: an active phone that does not show what its companies ask for is refused, and not
    /// held: it would lose its lines to whoever can make it ask from elsewhere. So who has the token
    /// of such a company can tell active MACs from others.
    pub(super) fn held(
        &self,
        catalogue: &Catalogue,
        parsed: &ParsedRequest,
        refused: RequestOutcome,
        way: Way,
    ) -> Option<Decision> {
        use RequestOutcome::{Inactive, NotRecorded, OverQuota, Recorded, StoreFailed};
        let token = parsed.target.token.as_ref()?;
        if !matches!(refused, Inactive | Recorded | OverQuota | NotRecorded | StoreFailed) {
            return None;
        }
        let (company, _) = self.registry.company_of_token(token)?;
        let is_given = self.registry.gives_holding_files(&company);
        let decision = is_given.then(|| self.holding(catalogue, parsed, way))?;
        decision.map(|decision| decision.for_who_waits(refused))
    }

    /// The holding file that the request names. `None`: its family has none of that name.
    fn holding(&self, catalogue: &Catalogue, parsed: &ParsedRequest, way: Way) -> Option<Decision> {
        let holding = catalogue.holding_file(&parsed.identity)?;
        let key = BodyKey::new(None, hash(&holding));
        // It is made of the catalogue alone.
        let version = Version { registry: 0, catalogue: catalogue.version() };
        if let Some(decision) = self.cached(key, version, FileOwner::Common, way) {
            return Some(decision);
        }
        // The phone's own file, which it had before or has next, may have any date.
        let made = catalogue.render_holding(&holding);
        let made = made.map(|file| Rendered::undated(file.body, file.content_type));
        Some(self.keep_body(key, (version, Sending::ALWAYS), made, FileOwner::Common))
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
