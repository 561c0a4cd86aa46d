//! The rules over the store: who may do what to which phone, and when.
//!
//! Every change of an operator goes the same way ([`change`]): the role is checked, a device is
//! read from the store, companies, users and settings from memory, `domain` computes what it
//! should be, the store commits that together with its audit record if it is still what was read,
//! and only then memory changes. What phones show goes ways of its own ([`contacts`],
//! [`sighting_writer`]). Several gateways may share a store: each follows it and so hears of what
//! the others changed, a second later at most ([`background`]). Phones and keys that were removed
//! are refused by all then. What is no part of the store is each gateway's own: sessions, the
//! throttle of logins, the count of new MACs in an hour.

mod actor;
mod admission;
mod audit;
mod background;
mod bans;
mod change;
mod companies;
mod compose;
mod contacts;
mod devices;
mod directory;
mod error;
mod expiry;
mod file_keys;
mod first_key;
mod hearing;
mod index;
#[cfg(any(test, fuzzing))]
pub(crate) mod laws;
mod layer_cache;
mod left_out;
mod limits;
mod memory;
mod newcomer;
mod own_passwords;
mod passwords;
mod phones;
mod preview;
mod progress;
mod public_url;
mod quota;
mod rate;
mod reach;
mod request_log;
mod scans;
mod second_factor;
mod settings;
mod shares;
mod sight;
mod sighting_fingerprint;
mod sighting_writer;
mod text;
mod told_urls;
pub(crate) mod transfer;
mod untyped;
mod uploads;
mod users;
mod waiting;

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

pub use actor::Actor;
pub use admission::{
    Admission, AdmissionEvidence, Arming, FoundToken, GivenFileKeys, ShownToken, TokenChange,
};
pub use audit::EventQuery;
pub use background::Background;
pub use bans::NewBan;
pub use companies::{CompanyChange, NewCompany};
pub use compose::{Common, Composition};
pub use devices::PromotedAs;
pub use error::{RegistryError, StoreFault};
pub use file_keys::FileKey;
pub use index::{Known, Listing, PhoneRow};
pub use own_passwords::Revealed;
pub use passwords::{MAX_PASSWORD, SignedIn};
pub use phones::{NewPhone, PhoneChange, PhoneFilter, PhonePage};
pub use preview::PreviewedFile;
pub use public_url::PublicUrl;
pub use quota::{Quota, WaitingStatus};
pub use rate::{Rate, RateLimiter};
pub use request_log::{Detail, LoggedTarget, RequestLogEntry, RequestOutcome, Requester};
pub use scans::ScanOptions;
pub use second_factor::Enrolment;
pub use sight::{NotRecorded, RequestEvidence, SightOutcome};
pub use text::{MAX_LOGIN, MAX_NAME};
pub use transfer::{
    CheckedDocument, Counts, Document, DocumentProblem, ExportError, ImportError, Imported, export,
    import, require_whole, require_whole_at,
};
pub use users::{MIN_PASSWORD, NewUser, Revoke, UserChange, UserRef, fingerprint};

use self::directory::Directory;
use self::memory::Memory;
use crate::ambient::Clock;
use crate::catalogue::Catalogue;
use crate::domain::settings::Layer;
use crate::domain::{CompanyId, Mac, Role, User, UserId};
use crate::store::{Store, StoreError};
use crate::throttle::LogRate;

/// The registry of one gateway.
pub struct Registry {
    store: Arc<dyn Store>,
    /// A reload puts another one in its place.
    catalogue: ArcSwap<Catalogue>,
    clock: Arc<dyn Clock>,
    quota: Quota,
    /// Below all that operators set.
    gateway_layer: Layer,
    memory: Arc<Memory>,
    locks: change::Locks,
    new_macs: Arc<quota::NewMacRate>,
    passwords: passwords::Passwords,
    contacts: contacts::Contacts,
    sighting_updates: mpsc::Sender<sighting_writer::SightingUpdate>,
    admission_notes: mpsc::Sender<(Mac, admission::Arming, admission::Noted)>,
    token_numbers: admission::TokenNumbers,
    request_log: request_log::RequestLog,
    first_key: first_key::FirstKey,
    scans: scans::Scans,
    ban_orders: mpsc::Sender<bans::Order>,
    ban_log: LogRate,
    unready_log: LogRate,
}

impl Registry {
    /// Reads everything from the store. The second part follows the store and writes down
    /// what requests showed; the caller runs it for as long as it serves.
    ///
    /// # Errors
    /// What the store says; [`StoreError::Unusable`] of one with a part of a document, see
    /// [`require_whole`].
    pub async fn open(
        store: Arc<dyn Store>,
        catalogue: Arc<Catalogue>,
        clock: Arc<dyn Clock>,
        quota: Quota,
    ) -> Result<(Registry, Background), StoreError> {
        require_whole(&*store).await?;
        let memory = Arc::new(Memory::fill(&store, quota.inactive_devices, clock.clone()).await?);
        let (contacts, recorder) = contacts::channel();
        let (admission_notes, admissions) = admission::channel();
        let (ban_orders, bans) = bans::channel(store.clone(), memory.clone());
        let (sighting_updates, background) =
            Background::new(store.clone(), memory.clone(), recorder, admissions, bans);
        let registry = Registry {
            store,
            catalogue: ArcSwap::new(catalogue),
            clock,
            quota,
            gateway_layer: Layer::default(),
            memory,
            locks: change::Locks::new(),
            new_macs: Arc::default(),
            passwords: passwords::Passwords::default(),
            contacts,
            sighting_updates,
            admission_notes,
            token_numbers: admission::TokenNumbers::default(),
            request_log: request_log::RequestLog::default(),
            first_key: first_key::FirstKey::default(),
            scans: scans::Scans::new(ScanOptions { enabled: false, ..ScanOptions::default() }),
            ban_orders,
            ban_log: LogRate::default(),
            unready_log: LogRate::default(),
        };
        Ok((registry, background))
    }

    /// Takes the URL where phones reach this gateway: their `provisioning.base_url`, where no layer
    /// sets one.
    #[must_use]
    pub fn with_public_url(self, url: Option<&PublicUrl>) -> Registry {
        let gateway_layer = url.map(PublicUrl::layer).unwrap_or_default();
        Registry { gateway_layer, ..self }
    }

    /// Watches for who walks MACs; without it nobody is watched.
    #[must_use]
    pub fn with_scans(self, options: ScanOptions) -> Registry {
        Registry { scans: scans::Scans::new(options), ..self }
    }

    /// Companies, users and system settings as they are now.
    fn directory(&self) -> Arc<Directory> {
        self.memory.directory()
    }

    /// The catalogue in force now; a reload does not change the one returned.
    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.load_full()
    }

    /// From now on phones get the files of this catalogue.
    pub fn replace_catalogue(&self, catalogue: Arc<Catalogue>) {
        self.catalogue.store(catalogue);
    }

    /// Whether a change could be made now, and what others changed is known. Cheap: asked by every
    /// readiness probe.
    ///
    /// # Errors
    /// What ails the store; [`RegistryError::NotHeard`] when it has not told for 6 seconds what was
    /// changed.
    pub async fn ready(&self) -> Result<(), RegistryError> {
        self.store.ready().await.inspect_err(|error| {
            if let Some(more) = self.unready_log.due_at(Instant::now()) {
                tracing::warn!(more, %error, "the store is not ready");
            }
        })?;
        self.memory.hearing.require_ready()
    }

    /// Whether what is known here of keys, passwords and roles may be gone by. Of phones it is not
    /// asked: they boot from memory, however long a store is away.
    ///
    /// # Errors
    /// [`RegistryError::NotHeard`] when others may have revoked any of it, and the store has not told
    /// for a minute.
    pub fn require_trusted(&self) -> Result<(), RegistryError> {
        if self.store.is_shared() { self.memory.hearing.require_trusted() } else { Ok(()) }
    }

    /// What a request of a known device is decided on; from memory.
    #[must_use]
    pub fn known(&self, mac: Mac) -> Option<Known> {
        self.memory.index.known(mac)
    }

    /// The user of that number, if there is one.
    #[must_use]
    pub fn user(&self, id: UserId) -> Option<Arc<User>> {
        self.directory().users.get(&id).cloned()
    }

    /// The user of that login, if there is one.
    #[must_use]
    pub fn user_by_login(&self, login: &str) -> Option<Arc<User>> {
        self.directory().user_by_login(login).cloned()
    }

    /// The user whose API key it is. Keys that may be guesses go to [`Registry::user_by_tried_key`].
    #[must_use]
    pub fn user_by_key(&self, key: &str) -> Option<Arc<User>> {
        self.directory().user_by_key(key).cloned()
    }

    /// The companies the user administers.
    #[must_use]
    pub fn administered_by(&self, user: &User) -> Vec<CompanyId> {
        match user.role {
            Role::SystemAdmin => self.directory().companies.keys().cloned().collect(),
            Role::CompanyAdmin => user.admin_companies.clone(),
            Role::User => Vec::new(),
        }
    }

    /// # Errors
    /// [`RegistryError::NoSuchCompany`] when there is none, and likewise when the caller
    /// does not administer it: foreign companies must not show.
    pub fn require_company(&self, actor: &Actor, id: &CompanyId) -> Result<(), RegistryError> {
        self.directory().require_company(actor, id)
    }

    /// How the room for devices that wait for an operator is used.
    #[must_use]
    pub fn waiting_status(&self) -> WaitingStatus {
        let waiting = self.memory.index.waiting();
        WaitingStatus {
            devices: waiting.len(),
            limit: waiting.limit(),
            evicted: self.new_macs.evicted(),
            over_quota: self.new_macs.over_quota(),
            dropped: self.contacts.dropped(),
        }
    }

    /// The clock that all its times are taken from.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}
