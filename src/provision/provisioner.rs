//! The walk of a handset's request, top to bottom.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::cache::{Bodies, BodyKey};
use super::{Fetch, Provision, Rendered, Reply};
use crate::catalogue::{
    Catalogue, FileSpec, Identity, PathFacts, PhoneType, RenderInput, Request, Target,
};
use crate::domain::{Mac, Timestamp};
use crate::registry::{Composition, Outcome, Registry, Seen, Sight, TrailEntry};

/// A handset that could not be served because of us asks again after this long:
/// phones that retry on their own do so after 15 s and more.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Answers handsets from the registry.
pub struct Provisioner {
    registry: Arc<Registry>,
    bodies: Bodies,
    /// When the catalogue in force was first served from this store.
    catalogue_since: std::sync::atomic::AtomicI64,
}

/// What was decided, for the handset and for the trail.
struct Decision {
    reply: Reply,
    outcome: Outcome,
    detail: String,
}

impl Decision {
    fn refused(outcome: Outcome) -> Decision {
        Decision { reply: Reply::Refused, outcome, detail: String::new() }
    }

    fn served(rendered: Arc<Rendered>) -> Decision {
        let (outcome, detail) = (Outcome::Served, String::new());
        Decision { reply: Reply::File(rendered), outcome, detail }
    }

    fn fault(outcome: Outcome, detail: String) -> Decision {
        Decision { reply: Reply::Unavailable { retry_after: RETRY_AFTER }, outcome, detail }
    }
}

impl Provision for Provisioner {
    async fn fetch(&self, fetch: Fetch) -> Reply {
        let catalogue = self.registry.catalogue();
        let target = Target::parse(&fetch.target);
        let identity = catalogue.identify(Request {
            target: &target,
            user_agent: fetch.user_agent.as_deref(),
            headers: &fetch.headers,
        });
        let decision = match identity.mac {
            None => self.without_mac(&catalogue, &target, &identity),
            Some(mac) => self.with_mac(&catalogue, &target, &fetch, mac, &identity).await,
        };
        self.remember(fetch, identity.mac, &decision);
        decision.reply
    }
}

impl Provisioner {
    /// `rendered_bytes` bounds the memory that finished bodies take.
    #[must_use]
    pub fn new(registry: Arc<Registry>, rendered_bytes: u64, catalogue_since: Timestamp) -> Self {
        Provisioner {
            registry,
            bodies: Bodies::new(rendered_bytes),
            catalogue_since: catalogue_since.into(),
        }
    }

    /// After a reload: files made with the new catalogue are not older than `since`.
    pub fn set_catalogue_since(&self, since: Timestamp) {
        self.catalogue_since.store(since, std::sync::atomic::Ordering::Relaxed);
    }

    /// A request without a MAC creates nothing. It may name a common file.
    fn without_mac(
        &self,
        catalogue: &Arc<Catalogue>,
        target: &Target,
        identity: &Identity,
    ) -> Decision {
        match self.common(catalogue, target, identity) {
            Some(decision) => decision,
            None => Decision::refused(Outcome::NoMac),
        }
    }

    async fn with_mac(
        &self,
        catalogue: &Arc<Catalogue>,
        target: &Target,
        fetch: &Fetch,
        mac: Mac,
        identity: &Identity,
    ) -> Decision {
        let seen = Seen {
            mac,
            identity,
            address: fetch.address,
            user_agent: fetch.user_agent.as_deref().unwrap_or_default(),
            certificate: fetch.certificate.as_deref(),
        };
        let known = match self.registry.sight(catalogue, seen).await {
            Ok(Sight::Known(known)) if known.active => known,
            Ok(sight) => {
                // A common file says nothing of any phone: an unknown one gets it too, and
                // some only then ask for the file that names their MAC.
                let refused = match sight {
                    Sight::Known(_) => Outcome::Inactive,
                    Sight::Recorded => Outcome::Recorded,
                    Sight::OverQuota => Outcome::OverQuota,
                };
                let common = self.common(catalogue, target, identity);
                return common.unwrap_or_else(|| Decision::refused(refused));
            }
            Err(error) => return Decision::fault(Outcome::StoreFailed, error.to_string()),
        };
        debug_assert!(known.active, "only an active device gets this far");
        let Some(composition) = self.registry.composition(catalogue, mac) else {
            return Decision::refused(Outcome::Inactive);
        };
        if composition.phone_type().is_none() {
            return Decision::refused(Outcome::NoSuchType);
        }
        match composition.file(target) {
            Some((own, file, path)) => self.file(&composition, own, file, path),
            None => self
                .common(catalogue, target, identity)
                .unwrap_or_else(|| Decision::refused(Outcome::NoSuchFile)),
        }
    }

    /// A file of an active device: from the cache, or rendered.
    fn file(
        &self,
        composition: &Composition,
        own: &PhoneType,
        file: &FileSpec,
        path: PathFacts,
    ) -> Decision {
        let mac = composition.device.mac;
        let key = BodyKey::new(Some(mac), file_hash(&own.family, file, &path));
        let stamp = composition.stamp();
        if let Some(rendered) = self.bodies.fresh(key, stamp) {
            return Decision::served(rendered);
        }
        let input = match composition.input(own, file, path) {
            Ok(input) => input,
            Err(error) => return Decision::fault(Outcome::RenderFailed, error.to_string()),
        };
        let rendered = self.render(
            &composition.catalogue,
            Some(own),
            own.family,
            file,
            input,
            composition.changed(),
        );
        if let Ok(rendered) = &rendered {
            self.bodies.keep(key, stamp, rendered.clone());
        }
        rendered.map_or_else(|decision| decision, Decision::served)
    }

    /// A file that is for no phone in particular, if the target names one.
    fn common(
        &self,
        catalogue: &Arc<Catalogue>,
        target: &Target,
        identity: &Identity,
    ) -> Option<Decision> {
        let family = identity.family?;
        let (file, path, of_path) = catalogue.common_file(family, target)?;
        let told = identity.phone_type.as_ref().and_then(|key| catalogue.phone_type(key));
        let own = of_path.or(told.filter(|own| own.family == family));
        let common = match self.registry.common(catalogue, own) {
            Ok(common) => common,
            Err(error) => return Some(Decision::fault(Outcome::RenderFailed, error.to_string())),
        };
        let mut hasher = DefaultHasher::new();
        (file_hash(&family, file, &path), own.map(|own| own.key.as_str())).hash(&mut hasher);
        let key = BodyKey::new(None, hasher.finish());
        if let Some(rendered) = self.bodies.fresh(key, common.stamp) {
            return Some(Decision::served(rendered));
        }
        let input = RenderInput {
            mac: None,
            ports: Vec::new(),
            named_port: None,
            path,
            common: common.settings,
        };
        let rendered = self.render(catalogue, own, family, file, input, common.changed);
        if let Ok(rendered) = &rendered {
            self.bodies.keep(key, common.stamp, rendered.clone());
        }
        Some(rendered.map_or_else(|decision| decision, Decision::served))
    }

    fn render(
        &self,
        catalogue: &Catalogue,
        own: Option<&PhoneType>,
        family: usize,
        file: &FileSpec,
        input: RenderInput,
        changed: Timestamp,
    ) -> Result<Arc<Rendered>, Decision> {
        let family = &catalogue.families()[family];
        let rendered = catalogue
            .render(family, own, file, input)
            .map_err(|error| Decision::fault(Outcome::RenderFailed, error.to_string()))?;
        let since = self.catalogue_since.load(std::sync::atomic::Ordering::Relaxed);
        Ok(Arc::new(Rendered {
            etag: etag(&rendered.body).into(),
            body: Bytes::from(rendered.body),
            content_type: rendered.content_type,
            last_modified: changed.max(since),
        }))
    }

    fn remember(&self, fetch: Fetch, mac: Option<Mac>, decision: &Decision) {
        let fault = matches!(decision.outcome, Outcome::RenderFailed | Outcome::StoreFailed);
        if fault {
            let mac = mac.map(|mac| mac.to_string()).unwrap_or_default();
            tracing::error!(mac, outcome = ?decision.outcome, error = decision.detail, "a phone could not be served");
        }
        self.registry.trail().push(TrailEntry {
            at: self.registry.clock().now(),
            mac,
            address: fetch.address,
            target: fetch.target,
            user_agent: fetch.user_agent.unwrap_or_default(),
            outcome: decision.outcome,
            detail: decision.detail.clone(),
        });
    }
}

/// What tells the bodies of one device apart.
fn file_hash(family: &usize, file: &FileSpec, path: &PathFacts) -> u64 {
    let mut hasher = DefaultHasher::new();
    family.hash(&mut hasher);
    file.pattern().hash(&mut hasher);
    (path.port, &path.model, &path.code, &path.part).hash(&mut hasher);
    hasher.finish()
}

/// Half a SHA-256 of the bytes: nobody finds two bodies with one tag.
fn etag(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}
