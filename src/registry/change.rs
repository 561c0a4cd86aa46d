//! How anything changes: read, decide, commit, take over, and all of it again when somebody
//! was faster. The one place for devices and for companies, users and settings.
//!
//! Changes of one device, and all those of companies, users and settings, wait for each other
//! in this process; between processes the store's revisions and guards decide. The lock goes with
//! the commit: who asked may stop waiting at any time, and the lock is free only when what was
//! committed is in memory.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{Actor, Directory, Registry, RegistryError};
use crate::domain::{Device, Event, Mac, Revision, TransitionError};
use crate::store::{Guard, Mutation, StoreError};

/// Times a change is decided again because somebody was faster.
const TRIES: usize = 4;

/// Changes to devices that wait for each other: enough that two devices seldom
/// share one, few enough to cost nothing.
const STRIPES: usize = 4096;

/// Held while something is changed.
type Lock = OwnedMutexGuard<()>;

/// What is being changed: what else wants to change it waits.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Device(Mac),
    Directory,
}

pub(super) struct Locks {
    devices: Vec<Arc<Mutex<()>>>,
    directory: Arc<Mutex<()>>,
}

impl Locks {
    pub(super) fn new() -> Locks {
        Locks { devices: (0..STRIPES).map(|_| Arc::default()).collect(), directory: Arc::default() }
    }

    async fn take(&self, subject: Subject) -> Lock {
        let lock = match subject {
            Subject::Directory => &self.directory,
            Subject::Device(mac) => {
                // MACs of one delivery are consecutive; a multiplication spreads them.
                let mixed = mac.bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
                &self.devices[usize::try_from(mixed).expect("32 bits fit") % STRIPES]
            }
        };
        lock.clone().lock_owned().await
    }
}

/// What was decided: what to commit, what that relies on, and what to answer once it is
/// durable. Names each object once.
pub(super) struct Plan<T> {
    pub mutations: Vec<Mutation>,
    pub guards: Vec<Guard>,
    pub result: T,
}

impl<T> Plan<T> {
    /// To leave everything as it is.
    pub(super) fn nothing(result: T) -> Plan<T> {
        Plan { mutations: Vec::new(), guards: Vec::new(), result }
    }

    pub(super) fn commit(mutations: Vec<Mutation>, result: T) -> Plan<T> {
        Plan { mutations, guards: Vec::new(), result }
    }

    pub(super) fn guarded(mut self, guards: impl IntoIterator<Item = Guard>) -> Plan<T> {
        self.guards.extend(guards);
        self
    }

    /// To make `before` into `after`; `None` is no device.
    pub(super) fn device(before: Option<&Device>, after: Option<Device>, result: T) -> Plan<T> {
        let expect = before.map(|device| device.revision);
        let mutation = match (before, after) {
            (_, Some(device)) => Mutation::PutDevice { device, expect },
            (Some(before), None) => {
                Mutation::RemoveDevice { mac: before.mac, expect: before.revision }
            }
            (None, None) => return Plan::nothing(result),
        };
        Plan::commit(vec![mutation], result)
    }

    pub(super) fn recorded(mut self, event: Event) -> Plan<T> {
        self.mutations.push(Mutation::Append(event));
        self
    }
}

impl Registry {
    /// One change of one device that is there: `decide` gets it as the store has it, and is
    /// asked again when another process was faster.
    ///
    /// # Errors
    /// Those of `decide`; "Phone not found" when there is none; what the store says.
    pub(super) async fn change_device<T>(
        &self,
        actor: &Actor,
        mac: Mac,
        decide: impl Fn(&Device, &Arc<Directory>) -> Result<Plan<T>, RegistryError>,
    ) -> Result<T, RegistryError> {
        let decide = |device: Option<&Device>, directory: &Arc<Directory>| match device {
            Some(device) => decide(device, directory),
            None => Err(TransitionError::NotFound.into()),
        };
        self.change(actor, Subject::Device(mac), false, decide).await
    }

    /// As [`Registry::change_device`], also for a device there is not yet.
    pub(super) async fn change_or_make_device<T>(
        &self,
        actor: &Actor,
        mac: Mac,
        decide: impl Fn(Option<&Device>, &Arc<Directory>) -> Result<Plan<T>, RegistryError>,
    ) -> Result<T, RegistryError> {
        self.change(actor, Subject::Device(mac), false, decide).await
    }

    /// As [`Registry::change_or_make_device`], for a device that is in memory if it is in the
    /// store: it is not read before the commit found it there. `decide` must look into memory.
    pub(super) async fn make_device<T>(
        &self,
        mac: Mac,
        decide: impl Fn(Option<&Device>) -> Result<Plan<T>, RegistryError>,
    ) -> Result<T, RegistryError> {
        let decide = |device: Option<&Device>, _: &Arc<Directory>| decide(device);
        self.change(&Actor::Gateway, Subject::Device(mac), true, decide).await
    }

    /// One change of companies, users or settings: `decide` gets them as they are in memory and,
    /// when another process was faster, as the store has them.
    ///
    /// # Errors
    /// Those of `decide`; what the store says.
    pub(super) async fn change_directory<T>(
        &self,
        actor: &Actor,
        decide: impl Fn(&Directory) -> Result<Plan<T>, RegistryError>,
    ) -> Result<T, RegistryError> {
        let decide = |_: Option<&Device>, directory: &Arc<Directory>| decide(directory);
        self.change(actor, Subject::Directory, false, decide).await
    }

    async fn change<T>(
        &self,
        actor: &Actor,
        subject: Subject,
        assume_absent: bool,
        decide: impl Fn(Option<&Device>, &Arc<Directory>) -> Result<Plan<T>, RegistryError>,
    ) -> Result<T, RegistryError> {
        let mut lock = self.locks.take(subject).await;
        let mut contended = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                // What is decided on besides the device is in memory.
                self.memory.follow(&self.store).await?;
            }
            let device = match subject {
                Subject::Device(mac) if attempt > 0 || !assume_absent => {
                    self.read_device(mac).await?
                }
                _ => None,
            };
            let directory = self.memory.directory();
            let who = actor.guard(&directory)?;
            let plan = decide(device.as_ref(), &directory)?.guarded(who);
            if plan.mutations.is_empty() {
                return Ok(plan.result);
            }
            let committed;
            (committed, lock) = self.commit(plan.mutations, plan.guards, lock).await?;
            match committed {
                Ok(_) => return Ok(plan.result),
                Err(StoreError::Conflict(what)) => contended = what,
                Err(error) => return Err(error.into()),
            }
        }
        Err(RegistryError::Contended(contended))
    }

    /// As the store has it; so has memory afterwards. To be called under its lock.
    async fn read_device(&self, mac: Mac) -> Result<Option<Device>, StoreError> {
        let device = self.store.devices(&[mac]).await?.pop();
        if let Some(device) = &device
            && self.memory.index.revision(mac) != Some(device.revision)
        {
            self.memory.apply(vec![super::memory::as_it_is(device.clone())]);
        }
        Ok(device)
    }

    /// Commits and, once that is done, takes it over, whether or not the caller still waits.
    async fn commit(
        &self,
        mutations: Vec<Mutation>,
        guards: Vec<Guard>,
        lock: Lock,
    ) -> Result<(Result<Revision, StoreError>, Lock), StoreError> {
        let (store, memory) = (self.store.clone(), self.memory.clone());
        let committing = tokio::spawn(async move {
            let committed = store.commit(mutations.clone(), guards).await;
            if let Ok(revision) = committed {
                memory.apply_own(mutations, revision);
            }
            (committed, lock)
        });
        committing.await.map_err(|error| {
            let what = "committing a change".to_owned();
            StoreError::Unavailable { what, why: error.to_string() }
        })
    }

    /// A commit that is decided once, on all there is.
    ///
    /// # Errors
    /// What the store says, [`StoreError::Conflict`] too.
    pub(super) async fn commit_once<T>(
        &self,
        decide: impl FnOnce(&Directory) -> Result<(Vec<Mutation>, Vec<Guard>), T>,
    ) -> Result<Result<(), StoreError>, T> {
        let lock = self.locks.take(Subject::Directory).await;
        let (mutations, guards) = decide(&self.memory.directory())?;
        let committed = self.commit(mutations, guards, lock).await;
        Ok(committed.and_then(|(committed, _)| committed.map(|_| ())))
    }
}
