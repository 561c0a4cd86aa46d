//! The walk of a handset's request, top to bottom.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use http::HeaderName;

use super::admission::{Admitted, NotAdmitted, shown};
use super::credentials::{CredentialCache, CredentialCheck};
use super::parse_cache::{FileOwner, NamedFile, ParseCache, ParsedRequest};
use super::rendered::{BodyCache, BodyKey, CachedBody, Sending, Version, Way};
use super::{Fetch, Provision, Receipt, Rendered, Reply, Sent, UploadBody};
use crate::catalogue::{
    Catalogue, FileSpec, PathFacts, PhoneType, RenderError, RenderInput, Scope,
};
use crate::domain::admission::{Lack, UrlToken};
use crate::domain::settings::{GivenKeys, Secret, Written};
use crate::domain::{Certified, Mac, Timestamp};
use crate::encryption::FileName;
use crate::files::{Files, HostedFile};
use crate::registry::{
    Detail, FileKey, Known, LoggedTarget, NotRecorded, Registry, RequestEvidence, RequestLogEntry,
    RequestOutcome, Requester, SightOutcome,
};
use crate::throttle::LogRate;

use crate::uploads::Uploads;

/// Answers handsets from the registry.
pub struct Provisioner {
    pub(super) registry: Arc<Registry>,
    pub(super) parsed: ParseCache,
    bodies: BodyCache,
    pub(super) credentials: CredentialCache,
    /// `None`: what phones send is refused.
    pub(super) uploads: Option<Arc<Uploads>>,
    pub(super) upload_faults: LogRate,
    /// `None`: there are none.
    pub(super) files: Option<Arc<Files>>,
    pub(super) file_faults: LogRate,
}

/// What was decided, for the handset and for the log.
pub(super) struct Decision {
    /// What is sent.
    file: Option<Found>,
    outcome: RequestOutcome,
    detail: Detail,
}

/// A file that is sent.
enum Found {
    /// In memory, with whose it is.
    Rendered(Arc<Rendered>, FileOwner),
    /// On the disk.
    Hosted(HostedFile),
}

impl Decision {
    pub(super) fn refused(outcome: RequestOutcome) -> Decision {
        Decision { file: None, outcome, detail: Detail::Nothing }
    }

    fn served(rendered: Arc<Rendered>, owner: FileOwner) -> Decision {
        let file = Some(Found::Rendered(rendered, owner));
        Decision { file, outcome: RequestOutcome::Served, detail: Detail::Nothing }
    }

    pub(super) fn hosted(file: HostedFile) -> Decision {
        let file = Some(Found::Hosted(file));
        Decision { file, outcome: RequestOutcome::Served, detail: Detail::Nothing }
    }

    /// It did not prove what it was asked for; `detail` says why.
    pub(super) fn challenged(detail: String) -> Decision {
        Decision { file: None, outcome: RequestOutcome::Challenged, detail: detail.into() }
    }

    /// A file laid out for phones that is there and is not sent now.
    pub(super) fn not_sent(detail: String) -> Decision {
        Decision { file: None, outcome: RequestOutcome::NotSent, detail: detail.into() }
    }

    fn fault(detail: String) -> Decision {
        Decision { file: None, outcome: RequestOutcome::RenderFailed, detail: detail.into() }
    }

    /// What is sent is for whoever waits, and the outcome why.
    pub(super) fn for_who_waits(mut self, outcome: RequestOutcome) -> Decision {
        if self.file.is_some() {
            self.outcome = outcome;
            self.detail = "its holding file was sent".to_owned().into();
        }
        self
    }

    /// The file is sent, and would not be if the policy of its company was kept to.
    fn reports(&mut self, lack: Lack) {
        if self.file.is_some() {
            self.detail = Detail::WouldLack(lack);
        }
    }

    /// Whose the file is that is made of settings.
    pub(super) fn owner(&self) -> Option<FileOwner> {
        match self.file {
            Some(Found::Rendered(_, owner)) => Some(owner),
            Some(Found::Hosted(_)) | None => None,
        }
    }

    pub(super) fn reply(self, at: Timestamp) -> Reply {
        match (self.file, self.outcome) {
            (Some(Found::Rendered(file, owner)), _) => Reply::File(Sent { file, owner, at }),
            (Some(Found::Hosted(file)), _) => Reply::Hosted(file),
            (None, RequestOutcome::RenderFailed | RequestOutcome::NotSent) => Reply::Unavailable,
            (None, RequestOutcome::Challenged) => Reply::Challenged,
            (None, _) => Reply::Refused,
        }
    }
}

impl Provision for Provisioner {
    fn wanted_headers(&self) -> Arc<[HeaderName]> {
        self.registry.catalogue().header_names().clone()
    }

    async fn fetch(&self, fetch: Fetch) -> Reply {
        let at = self.registry.clock().now();
        let catalogue = self.registry.catalogue();
        let (parsed, kept) = self.parsed.parse(&catalogue, &fetch);
        let way = Way { is_tls: fetch.is_tls, at };
        let mut requester = Requester::Stranger;
        let proof = self.proof(&catalogue, &fetch, parsed.identity.mac);
        let decision = match self.admit(&catalogue, &fetch, &parsed, &proof) {
            _ if proof.is_wanting(&fetch) => Decision::challenged(proof.wanting(&fetch)),
            Ok(admitted) => {
                let Admitted { mac, known, .. } = admitted;
                requester = Requester::ActivePhone(mac);
                let is_sent = !fetch.is_head;
                let mut decision = match &parsed.identity.hosted {
                    Some(asked) => self.hosted(&catalogue, mac, &fetch, asked).await,
                    None => self.file(&catalogue, mac, known, &parsed, (is_sent, way)),
                };
                if decision.outcome == RequestOutcome::NoSuchFile
                    && let Some(sent) =
                        self.sent_back(&catalogue, mac, &known, &parsed.target).await
                {
                    decision = Decision::served(sent, FileOwner::Phone);
                }
                if is_sent && decision.owner() == Some(FileOwner::Phone) {
                    self.registry.note_served(mac, &known, fetch.address);
                    if admitted.is_first {
                        let shown = shown(&fetch, &parsed, &proof, None, false);
                        self.registry.note_first_served(mac, admitted.arming, shown);
                    }
                }
                if let Some(lack) = admitted.reported {
                    decision.reports(lack);
                }
                decision
            }
            Err(NotAdmitted {
                outcome: outcome @ (RequestOutcome::ForbiddenNetwork | RequestOutcome::Banned),
                ..
            }) => Decision::refused(outcome),
            // A common file says nothing of any phone: an unknown one gets it too, and
            // some only then ask for the file that names their MAC.
            Err(refused) => {
                let mut decision = self
                    .held(&catalogue, &parsed, refused.outcome, way)
                    .unwrap_or_else(|| self.common_or(&catalogue, &parsed, refused.outcome, way));
                if decision.file.is_none() {
                    decision.detail = refused.lack.into();
                }
                decision
            }
        };
        match decision.owner() {
            Some(owner) if !kept => self.parsed.keep(&fetch, parsed.clone(), owner),
            // SECURITY: who is refused what was sent to the phone itself would hear from the
            // time that it is a phone's.
            None if kept => self.parsed.take_as_long(&catalogue, &fetch),
            _ => {}
        }
        self.remember(requester, fetch, at, parsed.identity.mac, &decision);
        decision.reply(at)
    }

    async fn receive<B: UploadBody>(&self, fetch: Fetch, body: &mut B) -> Receipt {
        self.take_in(fetch, body).await
    }
}

impl Provisioner {
    /// The default memory for finished bodies: some 25,000 files of 10 KB.
    pub const RENDERED_BYTES: u64 = 256 << 20;

    /// `rendered_bytes` bounds the memory that finished bodies take.
    #[must_use]
    pub fn new(registry: Arc<Registry>, rendered_bytes: u64) -> Self {
        let (parsed, bodies) = (ParseCache::new(), BodyCache::new(rendered_bytes));
        Provisioner {
            registry,
            parsed,
            bodies,
            credentials: CredentialCache::new(),
            uploads: None,
            upload_faults: LogRate::default(),
            files: None,
            file_faults: LogRate::default(),
        }
    }

    /// Takes a place for what phones send.
    #[must_use]
    pub fn with_uploads(self, uploads: Option<Arc<Uploads>>) -> Self {
        Provisioner { uploads, ..self }
    }

    /// With a folder of what phones are given as it is.
    #[must_use]
    pub fn with_files(self, files: Option<Arc<Files>>) -> Self {
        Provisioner { files, ..self }
    }

    /// Has the registry take in what the request showed. `Ok` for an active device that shows what
    /// its companies ask for; else why it gets no file of its own.
    pub(super) fn admit(
        &self,
        catalogue: &Arc<Catalogue>,
        fetch: &Fetch,
        parsed: &ParsedRequest,
        proof: &CredentialCheck,
    ) -> Result<Admitted, NotAdmitted> {
        let certified = fetch.certified(catalogue);
        let mac = self.speaks_for(fetch, parsed, &certified).inspect_err(|_| {
            // SECURITY: who may not speak for a device waits as long as who may, of whichever
            // device it is. A request without a MAC has one looked up that is of the request.
            let mac = parsed.identity.mac.unwrap_or_else(|| self.parsed.mac_for_none(fetch));
            self.registry.look_up(mac);
        })?;
        let token = parsed.target.token.as_ref();
        let found = token.map(|token| self.registry.find_token(mac, token));
        let evidence = RequestEvidence {
            mac,
            identity: &parsed.identity,
            target: &fetch.target,
            address: fetch.address,
            user_agent: fetch.user_agent.as_deref().unwrap_or_default(),
            certificate: fetch.certificate.as_ref().and_then(|certificate| certificate.shown()),
            is_certified: certified.mac().is_some(),
            is_proven: certified.mac().is_some() || self.proves_active(proof, mac),
            token: found.as_ref(),
        };
        Err(match self.registry.sight(catalogue, evidence) {
            // Before it is held against a policy, which may lock a phone: who has still to answer the
            // challenge has not shown all yet.
            SightOutcome::Known(known) if known.active && proof.is_wanting(fetch) => {
                RequestOutcome::Challenged
            }
            SightOutcome::Known(known) if known.active => {
                let is_certified = certified.mac() == Some(mac);
                let shown = shown(fetch, parsed, proof, found.as_ref(), is_certified);
                return self.judge(mac, known, shown, proof);
            }
            SightOutcome::Known(_) => RequestOutcome::Inactive,
            SightOutcome::Recorded => RequestOutcome::Recorded,
            SightOutcome::NotRecorded(NotRecorded::OverQuota) => RequestOutcome::OverQuota,
            SightOutcome::NotRecorded(NotRecorded::QueueFull) => RequestOutcome::NotRecorded,
            SightOutcome::NotRecorded(NotRecorded::StoreFailed) => RequestOutcome::StoreFailed,
            SightOutcome::NoType => RequestOutcome::NoSuchType,
            SightOutcome::Banned => RequestOutcome::Banned,
            SightOutcome::Suspected => RequestOutcome::Suspected,
        }
        .into())
    }

    /// The device that the request is about, when it may speak for one.
    fn speaks_for(
        &self,
        fetch: &Fetch,
        parsed: &ParsedRequest,
        certified: &Certified,
    ) -> Result<Mac, RequestOutcome> {
        if !fetch.is_allowed {
            return Err(RequestOutcome::ForbiddenNetwork);
        }
        // A request without a MAC creates nothing. Of whose network is banned it gets no common file
        // either: no phone proves itself with such a one.
        let Some(mac) = parsed.identity.mac else {
            let is_banned = self.registry.banned(fetch.address).is_some();
            return Err(if is_banned { RequestOutcome::Banned } else { RequestOutcome::NoMac });
        };
        // SECURITY: a certificate that names a device speaks for that device alone, and one that
        // names two for none.
        if certified.speaks_against(mac) {
            return Err(RequestOutcome::CertificateOfAnother);
        }
        Ok(mac)
    }

    /// A file of an active device: from the cache, or rendered. `is_sent`: not only asked about.
    pub(super) fn file(
        &self,
        catalogue: &Arc<Catalogue>,
        mac: Mac,
        known: Known,
        parsed: &ParsedRequest,
        (is_sent, way): (bool, Way),
    ) -> Decision {
        // Read before what the body is made of: a change in between leaves a body that is
        // newer than its version, never one that is older.
        let version = Version { registry: known.version, catalogue: catalogue.version() };
        match parsed.named_file(known.phone_type) {
            Some(NamedFile::OfPhone(file)) => {
                let key = BodyKey::new(Some(mac), file);
                if let Some(decision) = self.cached(key, version, FileOwner::Phone, way) {
                    return decision;
                }
            }
            Some(NamedFile::Common(file)) => {
                let (key, version) = (BodyKey::new(None, file), self.common_version(catalogue));
                if let Some(decision) = self.cached(key, version, FileOwner::Common, way) {
                    return decision;
                }
            }
            Some(NamedFile::Nothing) => {
                return self.common_or(catalogue, parsed, RequestOutcome::NoSuchFile, way);
            }
            None if !self.has_file(catalogue, &known, parsed) => {
                parsed.names(known.phone_type, NamedFile::Nothing);
                return self.common_or(catalogue, parsed, RequestOutcome::NoSuchFile, way);
            }
            None => {}
        }
        let Some(composition) = self.registry.composition(catalogue, mac) else {
            return Decision::refused(RequestOutcome::Inactive);
        };
        if composition.phone_type().is_none() {
            return Decision::refused(RequestOutcome::NoSuchType);
        }
        let Some((phone_type, file, path)) =
            composition.file_identified(&parsed.target, &parsed.identity)
        else {
            parsed.names(known.phone_type, NamedFile::Nothing);
            return self.common_or(catalogue, parsed, RequestOutcome::NoSuchFile, way);
        };
        if file.scope == Scope::Common {
            // The one that anyone gets: made once for all, and not later for an active
            // phone than for a stranger who asks for it.
            let (family, token) = (phone_type.family, parsed.target.token.as_ref());
            let common = CommonFile { family, file, path, of_type: Some(phone_type), token };
            parsed.names(known.phone_type, NamedFile::Common(common.hash()));
            return self.common(catalogue, common, way);
        }
        let hash = file_hash(phone_type.family, file, &path);
        parsed.names(known.phone_type, NamedFile::OfPhone(hash));
        let key = BodyKey::new(Some(mac), hash);
        if let Some(decision) = self.cached(key, version, FileOwner::Phone, way) {
            return decision;
        }
        let mut input = match composition.input(phone_type, file, path) {
            Ok(input) => input,
            Err(error) => return Decision::fault(error.to_string()),
        };
        let mut changed = composition.changed();
        let (mut sending, mut gives, mut encrypted_with) =
            (Sending::ALWAYS, GivenKeys::default(), None);
        if file.is_encrypted {
            let (delivery, key) = composition.delivery(phone_type, &mut input, way.is_tls, way.at);
            changed = changed.max(delivery.since.unwrap_or_default());
            sending = Sending::of(&delivery);
            (gives, encrypted_with) = (delivery.gives, key);
        }
        let given_key = input.device_wide.provisioning.encryption_key.clone();
        let sets = match file.sets {
            true => input.sets(catalogue.family_of(phone_type), phone_type),
            false => Written::default(),
        };
        let family = phone_type.family;
        let made = self.render(catalogue, Some(phone_type), family, file, input, changed);
        if let (Ok(plain), Some(key)) = (&made, &given_key)
            && !has_key(&plain.body, key)
        {
            gives = GivenKeys::default();
        }
        let sets = sets.with_keys(gives);
        let made = match encrypted_with {
            Some(key) => made.and_then(|plain| encrypted(&plain, &key, mac, file)),
            None => made,
        };
        let written = &composition.device.written;
        // What is not kept is rendered and noted again when it is asked for again.
        let may_be_kept = made.is_ok()
            && if is_sent {
                self.registry.note_written(mac, written, sets)
            } else {
                written.covers(&sets)
            };
        match made {
            Ok(rendered) if !may_be_kept => Decision::served(rendered.into(), FileOwner::Phone),
            made => self.keep_body(key, (version, sending), made, FileOwner::Phone),
        }
    }

    /// Whether the request names a file that the device's type has, or may have.
    ///
    /// SECURITY: a device is composed only for what it gets, which takes time: who is refused would
    /// hear from it that there is one.
    fn has_file(&self, catalogue: &Catalogue, known: &Known, parsed: &ParsedRequest) -> bool {
        let phone_type = self.registry.phone_type(known);
        let Some(phone_type) = catalogue.phone_type(&phone_type) else { return true };
        let found = catalogue.file_for_identified(phone_type, &parsed.target, &parsed.identity);
        found.is_some_and(|(file, _)| file.template.is_some())
    }

    /// A file that is for no phone in particular, if the target names one; else the refusal.
    fn common_or(
        &self,
        catalogue: &Arc<Catalogue>,
        parsed: &ParsedRequest,
        refused: RequestOutcome,
        way: Way,
    ) -> Decision {
        let identity = &parsed.identity;
        let named = identity.family.and_then(|family| {
            let (file, path, of_path) = catalogue.common_file(identity)?;
            let told = identity.phone_type.as_ref().and_then(|key| catalogue.phone_type(key));
            let of_type = of_path.or(told.filter(|phone_type| phone_type.family == family));
            let token = parsed.target.token.as_ref();
            Some(CommonFile { family, file, path, of_type, token })
        });
        match named {
            Some(named) => self.common(catalogue, named, way),
            None => Decision::refused(refused),
        }
    }

    fn common(&self, catalogue: &Arc<Catalogue>, named: CommonFile<'_>, way: Way) -> Decision {
        let key = BodyKey::new(None, named.hash());
        let version = self.common_version(catalogue);
        if let Some(decision) = self.cached(key, version, FileOwner::Common, way) {
            return decision;
        }
        let CommonFile { family, file, path, of_type, token } = named;
        let common = match self.registry.common(of_type, token) {
            Ok(common) => common,
            Err(error) => return Decision::fault(error.to_string()),
        };
        let (ports, named_port) = (Vec::new(), None);
        let input = RenderInput {
            mac: None,
            ports,
            named_port,
            path,
            device_wide: common.settings,
            written: Written::default(),
        };
        let made = self.render(catalogue, of_type, family, file, input, common.changed);
        match made {
            // SECURITY: whoever invents tokens must not push out what others' files are kept in.
            Ok(rendered)
                if token.is_some_and(|token| self.registry.company_of_token(token).is_none()) =>
            {
                Decision::served(rendered.into(), FileOwner::Common)
            }
            made => self.keep_body(key, (version, Sending::ALWAYS), made, FileOwner::Common),
        }
    }

    fn common_version(&self, catalogue: &Catalogue) -> Version {
        Version { registry: self.registry.common_version(), catalogue: catalogue.version() }
    }

    /// The body, if it was made before of what `version` stands for.
    pub(super) fn cached(
        &self,
        key: BodyKey,
        version: Version,
        owner: FileOwner,
        way: Way,
    ) -> Option<Decision> {
        self.bodies.fresh(key, version, way).map(|rendered| Decision::served(rendered, owner))
    }

    pub(super) fn keep_body(
        &self,
        key: BodyKey,
        (version, sending): (Version, Sending),
        made: Result<Rendered, RenderError>,
        owner: FileOwner,
    ) -> Decision {
        match made {
            Ok(rendered) => {
                let rendered = Arc::new(rendered);
                self.bodies.keep(key, CachedBody { version, sending, rendered: rendered.clone() });
                Decision::served(rendered, owner)
            }
            Err(error) => Decision::fault(error.to_string()),
        }
    }

    fn render(
        &self,
        catalogue: &Catalogue,
        phone_type: Option<&PhoneType>,
        family: usize,
        file: &FileSpec,
        input: RenderInput,
        changed: Timestamp,
    ) -> Result<Rendered, RenderError> {
        let family = &catalogue.families()[family];
        let rendered = catalogue.render(family, phone_type, file, input)?;
        let changed = changed.max(catalogue.served_since());
        Ok(Rendered::new(rendered.body, rendered.content_type, changed))
    }

    pub(super) fn remember(
        &self,
        requester: Requester,
        fetch: Fetch,
        at: Timestamp,
        mac: Option<Mac>,
        decision: &Decision,
    ) {
        if decision.outcome == RequestOutcome::RenderFailed {
            let mac = mac.map(|mac| mac.to_string()).unwrap_or_default();
            tracing::error!(mac, outcome = ?decision.outcome, error = %decision.detail, "a phone could not be served");
        }
        self.log(requester, fetch, at, mac, decision.outcome, decision.detail.clone());
    }

    pub(super) fn log(
        &self,
        requester: Requester,
        fetch: Fetch,
        at: Timestamp,
        mac: Option<Mac>,
        outcome: RequestOutcome,
        detail: Detail,
    ) {
        let entry = RequestLogEntry {
            at,
            mac,
            address: fetch.address,
            target: LoggedTarget::new(fetch.target),
            user_agent: fetch.user_agent.unwrap_or_default(),
            outcome,
            detail,
        };
        self.registry.log_request(requester, entry);
    }
}

/// Whether the text has the key in it, whole or in parts. A template may have no place for it where
/// something else is not set.
fn has_key(text: &[u8], key: &Secret) -> bool {
    let key = key.expose().as_bytes();
    let beginning = &key[..key.len().min(16)];
    !beginning.is_empty() && text.windows(beginning.len()).any(|part| part == beginning)
}

/// The file as the phone takes it that has this key.
fn encrypted(
    plain: &Rendered,
    FileKey { format, key }: &FileKey,
    mac: Mac,
    file: &FileSpec,
) -> Result<Rendered, RenderError> {
    let name = FileName { device: &mac.to_string(), file: file.pattern() };
    let bytes = format.encrypt(key.expose(), name, &plain.body).map_err(|unfit| RenderError {
        template: file.template.clone().unwrap_or_default(),
        setting: Some("provisioning.encryption_key".to_owned()),
        message: format!("the key for its encryption {unfit}"),
        ..RenderError::default()
    })?;
    Ok(plain.with_bytes(bytes, format.content_encoding()))
}

/// A file that is for no phone in particular.
struct CommonFile<'a> {
    family: usize,
    file: &'a FileSpec,
    path: PathFacts,
    /// The type whose defaults it is made of, when one is known.
    of_type: Option<&'a PhoneType>,
    /// The token with which it was asked for.
    token: Option<&'a UrlToken>,
}

impl CommonFile<'_> {
    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        file_hash(self.family, self.file, &self.path).hash(&mut hasher);
        self.of_type.map(|phone_type| phone_type.key.as_str()).hash(&mut hasher);
        self.token.hash(&mut hasher);
        hasher.finish()
    }
}

/// What tells the bodies of one device apart.
fn file_hash(family: usize, file: &FileSpec, path: &PathFacts) -> u64 {
    let mut hasher = DefaultHasher::new();
    family.hash(&mut hasher);
    file.pattern().hash(&mut hasher);
    (path.port, &path.model, &path.code, &path.part).hash(&mut hasher);
    hasher.finish()
}
