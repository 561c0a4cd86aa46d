//! The rules over the store: who may do what to which phone, and when.
//!
//! Every change goes the same way: the role is checked, the object is read
//! from the store, `domain` computes what it should be, the store commits that
//! together with its audit record, and only then the index changes. Changes to
//! one device are made one after the other in this process; between processes
//! the store's revisions decide.

mod actor;
mod audit;
mod clock;
mod companies;
mod compose;
mod devices;
mod directory;
mod error;
mod first_key;
mod index;
mod layer_cache;
mod network;
mod passwords;
mod phones;
mod preview;
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
use tokio::sync::{Mutex, MutexGuard, mpsc};

pub use actor::Actor;
pub use audit::EventQuery;
pub use clock::{Clock, SystemClock};
pub use companies::{CompanyChange, NewCompany};
pub use compose::{Common, Composition};
pub use directory::Directory;
pub use error::RegistryError;
pub use index::{Index, Known, Listing, PhoneRow};
pub use passwords::MAX_PASSWORD;
pub use phones::{NewPhone, PhoneChange, PhoneFilter, PhonePage};
pub use preview::PreviewedFile;
pub use quota::{Quota, network_of};
pub use random::{Random, SystemRandom, token};
pub use rate::{Rate, RateLimiter};
pub use request_log::{LoggedTarget, Outcome, RequestLogEntry, Requester};
pub use sight::{RequestEvidence, SightOutcome};
pub use sighting_writer::SightingWriter;
pub use text::{MAX_LOGIN, MAX_NAME};
pub use transfer::{Document, ImportError, Imported, Problem};
pub use users::{MIN_PASSWORD, NewUser, Revoke, UserChange, UserRef, fingerprint};

// Part of this module's own signatures: the edge above it needs no other door.
pub use crate::store::{EventFilter, StoreError};

use crate::catalogue::Catalogue;
use crate::domain::{Device, Mac};
use crate::store::{Mutation, Store};

/// The catalogue in force; a reload puts another one in its place.
pub type SharedCatalogue = Arc<ArcSwap<Catalogue>>;

/// Changes to devices that wait for each other: enough that two devices seldom
/// share one, few enough to cost nothing.
const STRIPES: usize = 4096;

/// Devices read from the store at a time where all are. Three times as many are in
/// memory at once, a kilobyte each.
const LOAD_PAGE: usize = 512;

/// The registry of one gateway.
pub struct Registry {
    store: Arc<dyn Store>,
    catalogue: SharedCatalogue,
    clock: Arc<dyn Clock>,
    quota: Quota,
    index: Arc<Index>,
    directory: ArcSwap<Directory>,
    /// Serialises changes to companies, users and system settings: rare, and
    /// each replaces the directory as a whole.
    directory_lock: Mutex<()>,
    stripes: Vec<Mutex<()>>,
    arrivals: quota::Arrivals,
    passwords: passwords::Passwords,
    sighting_updates: mpsc::Sender<sighting_writer::SightingUpdate>,
    request_log: request_log::RequestLog,
    first_key: first_key::FirstKey,
}

/// What a commit means for the index.
enum DeviceChange {
    Put { device: Device, seen_hash: Option<u32> },
    Remove(Mac),
}

impl Registry {
    /// Reads everything from the store. The second part writes down sightings
    /// of known phones; the caller runs it for as long as it serves.
    ///
    /// # Errors
    /// What the store says.
    pub async fn open(
        store: Arc<dyn Store>,
        catalogue: SharedCatalogue,
        clock: Arc<dyn Clock>,
        quota: Quota,
    ) -> Result<(Registry, SightingWriter), StoreError> {
        let index = Arc::new(Index::new());
        load_devices(&store, &index).await?;
        let directory = Directory::load(&*store).await?;
        let (sighting_updates, writer) = sighting_writer::channel(store.clone());
        let registry = Registry {
            store,
            catalogue,
            clock,
            quota,
            index,
            directory: ArcSwap::from_pointee(directory),
            directory_lock: Mutex::new(()),
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
            arrivals: quota::Arrivals::default(),
            passwords: passwords::Passwords::default(),
            sighting_updates,
            request_log: request_log::RequestLog::default(),
            first_key: first_key::FirstKey::default(),
        };
        Ok((registry, writer))
    }

    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Companies, users and system settings as they are now.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.load_full()
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

    /// Commits and, once that is done, changes the index, whether or not the caller
    /// still waits: a connection that breaks must not leave the index behind the store.
    async fn commit_device(
        &self,
        writes: Vec<Mutation>,
        change: DeviceChange,
    ) -> Result<(), StoreError> {
        let (store, index) = (self.store.clone(), self.index.clone());
        let committing = tokio::spawn(async move {
            store.commit(writes).await?;
            match change {
                DeviceChange::Put { device, seen_hash } => index.put(&device, seen_hash),
                DeviceChange::Remove(mac) => index.remove(mac),
            }
            Ok(())
        });
        committing.await.unwrap_or_else(|error| {
            let what = "committing a device".to_owned();
            Err(StoreError::Unavailable { what, why: error.to_string() })
        })
    }

    async fn lock_device(&self, mac: Mac) -> MutexGuard<'_, ()> {
        // MACs of one delivery are consecutive; a multiplication spreads them.
        let mixed = mac.bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let stripe = usize::try_from(mixed).expect("32 bits fit") % STRIPES;
        self.stripes[stripe].lock().await
    }
}

async fn load_devices(store: &Arc<dyn Store>, index: &Index) -> Result<(), StoreError> {
    each_device(store, |device| index.put(device, device.sighting.as_ref().map(sight::hash_of)))
        .await
}

/// All devices of the store, in order of MAC, while the next ones are being read.
async fn each_device(
    store: &Arc<dyn Store>,
    mut each: impl FnMut(&Device),
) -> Result<(), StoreError> {
    let (sender, mut pages) = mpsc::channel(1);
    let reader = store.clone();
    let reading = tokio::spawn(async move { reader.devices(LOAD_PAGE, sender).await });
    while let Some(page) = pages.recv().await {
        page.iter().for_each(&mut each);
    }
    reading.await.map_err(|error| StoreError::Unavailable {
        what: "reading all devices".into(),
        why: error.to_string(),
    })?
}
