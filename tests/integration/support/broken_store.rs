//! A store that fails when it is told to, over one that never does. As if others shared it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dialtone::domain::settings::Written;
use dialtone::domain::{Ban, Device, Event, EventId, Mac, Revision, Timestamp};
use dialtone::store::{
    Changes, EventFilter, Guard, MemoryStore, Mutation, Store, StoreError, Tenancy,
};
use tokio::sync::{oneshot, watch};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Reading goes on.
    Full,
    /// Reading goes on.
    ReadOnly,
    /// Neither reading nor writing.
    Unavailable,
    /// Neither, until somebody mends it.
    Refused,
    /// All is well but for what others changed, which cannot be read.
    Unheard,
    /// Commits wait until there is another fault, or none.
    Stuck,
    /// Somebody was faster at every commit, and whoever then looks what there is panics.
    Panics,
}

pub(crate) struct BrokenStore {
    well: MemoryStore,
    fault: watch::Sender<Option<Fault>>,
    refused: AtomicUsize,
    held_answer: Mutex<Option<oneshot::Receiver<()>>>,
}

impl BrokenStore {
    /// Well at first.
    pub(crate) fn new(now: Timestamp) -> Arc<BrokenStore> {
        Arc::new(BrokenStore {
            well: MemoryStore::new(now),
            fault: watch::Sender::new(None),
            refused: AtomicUsize::new(0),
            held_answer: Mutex::default(),
        })
    }

    /// What waits for it, goes on.
    pub(crate) fn set(&self, fault: Option<Fault>) {
        self.fault.send_replace(fault);
    }

    /// The next commit is made, and answered only when this is sent or dropped.
    pub(crate) fn hold_next_answer(&self) -> oneshot::Sender<()> {
        let (release, held) = oneshot::channel();
        *self.held_answer.lock().unwrap() = Some(held);
        release
    }

    /// Commits that failed because of a fault.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    fn can_write(&self) -> Result<(), StoreError> {
        let what = "broken.db".to_owned();
        match *self.fault.borrow() {
            None | Some(Fault::Stuck | Fault::Unheard) => Ok(()),
            Some(Fault::Panics) => Err(StoreError::Conflict(what)),
            Some(Fault::Full) => Err(StoreError::Full { what }),
            Some(Fault::ReadOnly) => Err(StoreError::ReadOnly { what }),
            Some(Fault::Unavailable) => Err(away(what)),
            Some(Fault::Refused) => Err(refused(what)),
        }
    }

    fn can_read(&self) -> Result<(), StoreError> {
        match *self.fault.borrow() {
            Some(Fault::Unavailable) => Err(away("broken.db".to_owned())),
            Some(Fault::Refused) => Err(refused("broken.db".to_owned())),
            _ => Ok(()),
        }
    }
}

fn refused(what: String) -> StoreError {
    StoreError::Refused { what, why: "permission denied for table probe".to_owned() }
}

fn away(what: String) -> StoreError {
    StoreError::Unavailable { what, why: "Input/output error (os error 5)".to_owned() }
}

#[async_trait]
impl Store for BrokenStore {
    fn name(&self) -> String {
        self.well.name()
    }

    async fn commit(
        &self,
        mutations: Vec<Mutation>,
        guards: Vec<Guard>,
    ) -> Result<Revision, StoreError> {
        let mut fault = self.fault.subscribe();
        let _ = fault.wait_for(|fault| *fault != Some(Fault::Stuck)).await;
        if let Err(error) = self.can_write() {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(error);
        }
        let done = self.well.commit(mutations, guards).await;
        let held = self.held_answer.lock().unwrap().take();
        if let Some(release) = held {
            let _ = release.await;
        }
        done
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<Changes, StoreError> {
        self.can_read()?;
        if *self.fault.borrow() == Some(Fault::Unheard) {
            return Err(away("broken.db".to_owned()));
        }
        self.well.changes(after, limit).await
    }

    async fn head(&self) -> Result<Revision, StoreError> {
        self.can_read()?;
        self.well.head().await
    }

    async fn devices_after(
        &self,
        after: Option<Mac>,
        limit: usize,
    ) -> Result<Vec<Device>, StoreError> {
        self.can_read()?;
        self.well.devices_after(after, limit).await
    }

    async fn devices(&self, macs: &[Mac]) -> Result<Vec<Device>, StoreError> {
        assert!(*self.fault.borrow() != Some(Fault::Panics), "as it was told to");
        self.can_read()?;
        self.well.devices(macs).await
    }

    async fn left_in(&self, mac: Mac) -> Result<Written, StoreError> {
        self.can_read()?;
        self.well.left_in(mac).await
    }

    async fn left_after(
        &self,
        after: Option<Mac>,
        limit: usize,
    ) -> Result<Vec<(Mac, Written)>, StoreError> {
        self.can_read()?;
        self.well.left_after(after, limit).await
    }

    async fn events_after(&self, after: EventId, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.can_read()?;
        self.well.events_after(after, limit).await
    }

    async fn tenancy(&self) -> Result<Tenancy, StoreError> {
        self.can_read()?;
        self.well.tenancy().await
    }

    async fn ban(&self, network: ipnet::IpNet) -> Result<Option<Ban>, StoreError> {
        self.can_read()?;
        self.well.ban(network).await
    }

    async fn bans_after(
        &self,
        after: Option<ipnet::IpNet>,
        limit: usize,
    ) -> Result<Vec<Ban>, StoreError> {
        self.can_read()?;
        self.well.bans_after(after, limit).await
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, StoreError> {
        self.can_read()?;
        self.well.events(filter).await
    }

    async fn catalogue_since(&self, digest: &str, now: Timestamp) -> Result<Timestamp, StoreError> {
        self.can_write()?;
        self.well.catalogue_since(digest, now).await
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.can_write()
    }

    async fn close(&self) {
        self.well.close().await;
    }
}
