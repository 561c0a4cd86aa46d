//! How anything changes: read, decide, commit, take over, and all of it again when somebody
//! was faster. The one place for devices and for companies, users and settings.
//!
//! Changes of one device, and all those of companies, users and settings, wait for each other
//! in this process; between processes the store's revisions and guards decide. The lock goes with
//! the commit: who asked may stop waiting at any time, and the lock is free only when what was
//! committed is in memory.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::compose::LeftOut;
use super::{Actor, Directory, Registry, RegistryError};
use crate::domain::settings::Written;
use crate::domain::{Device, Event, Mac, PhoneId, Revision, TransitionError};
use crate::store::{Guard, Mutation, StoreError};

/// Times a change is decided again because somebody was faster.
const TRIES: usize = 4;

/// Raw parameters that are taken back of those that a removed phone had: a quarter of what is
/// remembered of a phone, so that who had it before leaves room to who has it now.
pub(super) const MAX_LEFT_PARAMETERS: usize = Written::MAX_PARAMETERS / 4;

/// How long a change waits for those before it. They take milliseconds; behind a database that
/// hangs each takes seconds, and whoever came last would wait for all of them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Changes to devices that wait for each other: enough that two devices seldom
/// share one, few enough to cost nothing.
const STRIPES: usize = 4096;

/// Held while something is changed.
type Lock = OwnedMutexGuard<()>;

/// What is being changed: what else wants to change it waits.
#[derive(Debug, Clone, Copy)]
enum LockScope<'a> {
    Device(Mac),
    /// The same as [`LockScope::Device`], for one that is in memory if it is in the store: it is
    /// not read before the commit found it there.
    NewDevice(Mac),
    /// Several at once. Between them and changes of one of them the store's revisions decide:
    /// a thousand locks would have to be taken in one order.
    Devices(&'a [Mac]),
    Directory,
}

pub(super) struct Locks {
    devices: Vec<Arc<Mutex<()>>>,
    several: Arc<Mutex<()>>,
    directory: Arc<Mutex<()>>,
}

impl Locks {
    pub(super) fn new() -> Locks {
        Locks {
            devices: (0..STRIPES).map(|_| Arc::default()).collect(),
            several: Arc::default(),
            directory: Arc::default(),
        }
    }

    /// # Errors
    /// [`RegistryError::Contended`] after [`PATIENCE`].
    async fn take(&self, scope: LockScope<'_>) -> Result<Lock, RegistryError> {
        let lock = match scope {
            LockScope::Directory => &self.directory,
            LockScope::Devices(_) => &self.several,
            LockScope::Device(mac) | LockScope::NewDevice(mac) => {
                // MACs of one delivery are consecutive; a multiplication spreads them.
                let mixed = mac.bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
                &self.devices[usize::try_from(mixed).expect("32 bits fit") % STRIPES]
            }
        };
        let taken = tokio::time::timeout(PATIENCE, lock.clone().lock_owned()).await;
        taken.map_err(|_| RegistryError::Contended("the registry".to_owned()))
    }
}

/// What was decided: what to commit, what that relies on, and what to answer once it is
/// durable. Names each object once.
pub(super) struct Plan<T> {
    pub mutations: Vec<Mutation>,
    pub guards: Vec<Guard>,
    pub result: T,
    /// What whoever reads the log is to be told, once it is durable.
    pub left_out: Vec<LeftOut>,
}

impl<T> Plan<T> {
    /// A plan to leave everything as it is.
    pub(super) fn nothing(result: T) -> Plan<T> {
        Plan::commit(Vec::new(), result)
    }

    pub(super) fn commit(mutations: Vec<Mutation>, result: T) -> Plan<T> {
        Plan { mutations, guards: Vec::new(), result, left_out: Vec::new() }
    }

    pub(super) fn guarded(mut self, guards: impl IntoIterator<Item = Guard>) -> Plan<T> {
        self.guards.extend(guards);
        self
    }

    /// A plan to make `before` into `after`; `None` is no device.
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

    fn map<U>(self, map: impl FnOnce(T) -> U) -> Plan<U> {
        let Plan { mutations, guards, result, left_out } = self;
        Plan { mutations, guards, result: map(result), left_out }
    }
}

impl Registry {
    /// Plans to make `before` into `after`, of which every file can be made, with the companies and
    /// settings it is made of as they are now. `named` is the phone that errors name.
    ///
    /// # Errors
    /// Those of [`Composition::check_renderable`](super::Composition::check_renderable).
    pub(super) fn plan_device<T>(
        &self,
        actor: &Actor,
        named: PhoneId,
        (before, after): (Option<&Device>, Device),
        directory: &Arc<Directory>,
        result: T,
    ) -> Result<Plan<T>, RegistryError> {
        let after = self.keeping_old_proofs(before, after, directory);
        let composition = self.compose_with(after.clone(), directory);
        composition.check_renderable(actor, named)?;
        let left_out = composition.all_left_out();
        let guards = directory.guards(after.companies());
        let plan = Plan::device(before, Some(after), result).guarded(guards);
        Ok(Plan { left_out, ..plan })
    }

    /// One change of one device that is there: `decide` gets it as the store has it, and is
    /// asked again when another process was faster.
    ///
    /// # Errors
    /// Those of `decide`; "Phone not found" when there is none; what the store says.
    pub(super) async fn change_device<T>(
        &self,
        actor: &Actor,
        mac: Mac,
        decide: impl FnMut(&Device, &Arc<Directory>) -> Result<Plan<T>, RegistryError>,
    ) -> Result<T, RegistryError> {
        let changed = self.change_device_if_any(actor, mac, decide).await?;
        Ok(changed.ok_or(TransitionError::NotFound)?)
    }

    /// Does as [`Registry::change_device`]; `None` when there is none.
    pub(super) async fn change_device_if_any<T>(
        &self,
        actor: &Actor,
        mac: Mac,
        mut decide: impl FnMut(&Device, &Arc<Directory>) -> Result<Plan<T>, RegistryError>,
    ) -> Result<Option<T>, RegistryError> {
        let decide = |devices: &[Device], directory: &Arc<Directory>| match devices.first() {
            Some(device) => Ok(decide(device, directory)?.map(Some)),
            None => Ok(Plan::nothing(None)),
        };
        self.change(actor, LockScope::Device(mac), decide).await
    }

    /// Does as [`Registry::change_device`], also for a device there is not yet.
    pub(super) async fn change_or_make_device<T>(
        &self,
        actor: &Actor,
        mac: Mac,
        mut decide: impl FnMut(Option<&Device>, &Arc<Directory>) -> Result<Plan<T>, RegistryError>,
    ) -> Result<T, RegistryError> {
        let decide =
            |devices: &[Device], directory: &Arc<Directory>| decide(devices.first(), directory);
        self.change(actor, LockScope::Device(mac), decide).await
    }

    /// One change of those of the devices that are there, in one commit: `decide` gets them as
    /// the store has them, in order of MAC.
    pub(super) async fn change_devices<T>(
        &self,
        macs: &[Mac],
        mut decide: impl FnMut(&[Device]) -> Plan<T>,
    ) -> Result<T, RegistryError> {
        let decide = |devices: &[Device], _: &Arc<Directory>| Ok(decide(devices));
        self.change(&Actor::Gateway, LockScope::Devices(macs), decide).await
    }

    /// Does as [`Registry::change_or_make_device`], for a device that is in memory if it is in the
    /// store: it is not read before the commit found it there. `decide` must look into memory.
    pub(super) async fn make_device<T>(
        &self,
        mac: Mac,
        mut decide: impl FnMut(Option<&Device>) -> Result<Plan<T>, RegistryError>,
    ) -> Result<T, RegistryError> {
        let decide = |devices: &[Device], _: &Arc<Directory>| decide(devices.first());
        self.change(&Actor::Gateway, LockScope::NewDevice(mac), decide).await
    }

    /// One change of companies, users or settings: `decide` gets them as they are in memory and,
    /// when another process was faster, as the store has them.
    ///
    /// # Errors
    /// Those of `decide`; what the store says.
    pub(super) async fn change_directory<T>(
        &self,
        actor: &Actor,
        mut decide: impl FnMut(&Directory) -> Result<Plan<T>, RegistryError>,
    ) -> Result<T, RegistryError> {
        let decide = |_: &[Device], directory: &Arc<Directory>| decide(directory);
        self.change(actor, LockScope::Directory, decide).await
    }

    async fn change<T>(
        &self,
        actor: &Actor,
        scope: LockScope<'_>,
        mut decide: impl FnMut(&[Device], &Arc<Directory>) -> Result<Plan<T>, RegistryError>,
    ) -> Result<T, RegistryError> {
        let mut lock = self.locks.take(scope).await?;
        let mut contended = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                // What is decided on besides the device is in memory.
                self.memory.follow(&self.store).await?;
            }
            let devices = match scope {
                LockScope::Device(mac) => self.read_devices(&[mac]).await?,
                LockScope::NewDevice(mac) if attempt > 0 => self.read_devices(&[mac]).await?,
                LockScope::Devices(macs) => self.read_devices(macs).await?,
                LockScope::NewDevice(_) | LockScope::Directory => Vec::new(),
            };
            let directory = self.memory.directory();
            let who = actor.guard(&directory)?;
            let mut plan = decide(&devices, &directory)?.guarded(who);
            if let LockScope::Device(_) = scope {
                self.remember_what_is_left(&mut plan.mutations).await?;
            }
            if plan.mutations.is_empty() {
                return Ok(plan.result);
            }
            let committed;
            (committed, lock) = self.commit(plan.mutations, plan.guards, lock).await?;
            match committed {
                Ok(_) => {
                    plan.left_out.iter().for_each(LeftOut::log);
                    return Ok(plan.result);
                }
                Err(StoreError::Conflict(what)) => contended = what,
                Err(error) => return Err(error.into()),
            }
        }
        Err(RegistryError::Contended(contended))
    }

    /// A phone that is made active may have been removed before, and then has what files set in it:
    /// the new ones take that back.
    async fn remember_what_is_left(&self, mutations: &mut [Mutation]) -> Result<(), StoreError> {
        for mutation in mutations {
            if let Mutation::PutDevice { device, .. } = mutation
                && device.companies().next().is_some()
            {
                let left = self.store.left_in(device.mac).await?;
                // Its own come first: who has the phone now must not be without room for them.
                let left = left.with_parameters_up_to(MAX_LEFT_PARAMETERS);
                device.written = std::mem::take(&mut device.written).and(&left);
            }
        }
        Ok(())
    }

    /// Those there are, as the store has them; so has memory afterwards. To be called under their
    /// lock.
    async fn read_devices(&self, macs: &[Mac]) -> Result<Vec<Device>, StoreError> {
        let era = self.memory.era();
        let devices = self.store.devices(macs).await?;
        let is_news =
            |device: &&Device| self.memory.index.revision(device.mac) != Some(device.revision);
        let news = devices.iter().filter(is_news).cloned().map(super::memory::as_it_is);
        self.memory.apply_read(news.collect(), era);
        Ok(devices)
    }

    /// Commits and, once that is done, takes it over, whether or not the caller still waits.
    async fn commit(
        &self,
        mutations: Vec<Mutation>,
        guards: Vec<Guard>,
        lock: Lock,
    ) -> Result<(Result<Revision, StoreError>, Lock), StoreError> {
        let (store, memory) = (self.store.clone(), self.memory.clone());
        let era = memory.era();
        let committing = tokio::spawn(async move {
            let committed = store.commit(mutations.clone(), guards).await;
            if let Ok(revision) = committed {
                memory.apply_own(mutations, revision, era);
            }
            (committed, lock)
        });
        committing.await.map_err(|error| {
            let what = "committing a change".to_owned();
            StoreError::Unavailable { what, why: error.to_string() }
        })
    }
}
