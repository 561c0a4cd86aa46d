//! The rules over the store: who may do what to which phone, and when.
//!
//! Every change goes the same way ([`change`]): the role is checked, the object is read
//! from the store, `domain` computes what it should be, the store commits that
//! together with its audit record, and only then memory changes. Several gateways may share a
//! store: each follows it and so hears of what the others changed, a second later at most
//! ([`follower`]). Phones and keys that were removed are refused by all then. What is no part of the
//! store is each gateway's own: sessions, the throttle of logins, the count of new MACs in an hour.

mod actor;
mod audit;
mod background;
mod change;
mod clock;
mod companies;
mod compose;
mod devices;
mod directory;
mod error;
mod first_key;
mod follower;
mod index;
mod layer_cache;
mod memory;
mod network;
mod passwords;
mod phones;
mod preview;
mod progress;
mod quota;
mod random;
mod rate;
mod request_log;
mod settings;
mod sight;
mod sighting_writer;
mod symbols;
mod text;
mod transfer;
mod users;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

pub use actor::Actor;
pub use audit::EventQuery;
pub use background::Background;
pub use clock::{Clock, SystemClock};
pub use companies::{CompanyChange, NewCompany};
pub use compose::{Common, Composition};
pub use directory::Directory;
pub use error::RegistryError;
pub use index::{Index, Known, Listing, PhoneRow};
pub use passwords::MAX_PASSWORD;
pub use phones::{NewPhone, PhoneChange, PhoneFilter, PhonePage};
pub use preview::PreviewedFile;
pub use quota::Quota;
pub use random::{Random, SystemRandom, token};
pub use rate::{Rate, RateLimiter};
pub use request_log::{LoggedTarget, Outcome, RequestLogEntry, Requester};
pub use sight::{RequestEvidence, SightOutcome};
pub use text::{MAX_LOGIN, MAX_NAME};
pub use transfer::{Document, ImportError, Imported, Problem};
pub use users::{MIN_PASSWORD, NewUser, Revoke, UserChange, UserRef, fingerprint};

// Part of this module's own signatures: the edge above it needs no other door.
pub use crate::store::{EventFilter, StoreError};

use self::memory::Memory;
use crate::catalogue::Catalogue;
use crate::store::Store;

/// The catalogue in force; a reload puts another one in its place.
pub type SharedCatalogue = Arc<ArcSwap<Catalogue>>;

/// The registry of one gateway.
pub struct Registry {
    store: Arc<dyn Store>,
    catalogue: SharedCatalogue,
    clock: Arc<dyn Clock>,
    quota: Quota,
    memory: Arc<Memory>,
    locks: change::Locks,
    arrivals: quota::Arrivals,
    passwords: passwords::Passwords,
    sighting_updates: mpsc::Sender<sighting_writer::SightingUpdate>,
    request_log: request_log::RequestLog,
    first_key: first_key::FirstKey,
}

impl Registry {
    /// Reads everything from the store. The second part follows the store and writes down
    /// sightings of known phones; the caller runs it for as long as it serves.
    ///
    /// # Errors
    /// What the store says.
    pub async fn open(
        store: Arc<dyn Store>,
        catalogue: SharedCatalogue,
        clock: Arc<dyn Clock>,
        quota: Quota,
    ) -> Result<(Registry, Background), StoreError> {
        let memory = Arc::new(Memory::fill(&store).await?);
        let (sighting_updates, background) = Background::new(store.clone(), memory.clone());
        let registry = Registry {
            store,
            catalogue,
            clock,
            quota,
            memory,
            locks: change::Locks::new(),
            arrivals: quota::Arrivals::default(),
            passwords: passwords::Passwords::default(),
            sighting_updates,
            request_log: request_log::RequestLog::default(),
            first_key: first_key::FirstKey::default(),
        };
        Ok((registry, background))
    }

    #[must_use]
    pub fn index(&self) -> &Arc<Index> {
        &self.memory.index
    }

    /// Companies, users and system settings as they are now.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.memory.directory()
    }

    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.load_full()
    }

    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}
