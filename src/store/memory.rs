//! The registry in memory: for tests and for `memory:`, where nothing needs to
//! outlive the process. Keeps the last [`MAX_EVENTS`] events.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{EventFilter, Mutation, Store, StoreError, SystemSettings, Tenancy};
use crate::domain::{Company, CompanyId, Device, Event, Mac, Revision, Timestamp, User, UserId};

/// Bounds the audit record, some 50 MB; the other stores keep theirs on disk.
const MAX_EVENTS: usize = 100_000;

/// A store that forgets everything when it goes.
pub struct MemoryStore {
    // A std mutex: no await happens under it. `None` after close.
    state: Mutex<Option<State>>,
}

impl MemoryStore {
    /// With the company `default`, created at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> MemoryStore {
        let default = Company::new(CompanyId::default_company(), String::new(), now);
        let mut state = State::default();
        state.companies.insert(default.id.clone(), default);
        MemoryStore { state: Mutex::new(Some(state)) }
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // A panic in `act` would be a bug here, and a half done commit with it.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        act(state.as_mut().ok_or_else(|| StoreError::Unavailable {
            what: "memory".to_owned(),
            why: "the store is closed".to_owned(),
        })?)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, writes: Vec<Mutation>) -> Result<(), StoreError> {
        self.with(|state| state.commit(writes))
    }

    async fn device(&self, mac: Mac) -> Result<Option<Device>, StoreError> {
        self.with(|state| Ok(state.devices.get(&mac).cloned()))
    }

    async fn devices(
        &self,
        page: usize,
        each: tokio::sync::mpsc::Sender<Vec<Device>>,
    ) -> Result<(), StoreError> {
        let mut after = Bound::Unbounded;
        loop {
            let devices: Vec<Device> = self.with(|state| {
                let rest = state.devices.range((after, Bound::Unbounded));
                Ok(rest.take(page.max(1)).map(|(_, device)| device.clone()).collect())
            })?;
            let Some(last) = devices.last() else { return Ok(()) };
            after = Bound::Excluded(last.mac);
            if each.send(devices).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn tenancy(&self) -> Result<Tenancy, StoreError> {
        self.with(|state| {
            Ok(Tenancy {
                companies: state.companies.values().cloned().collect(),
                users: state.users.values().cloned().collect(),
                system: state.system.clone(),
            })
        })
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, StoreError> {
        self.with(|state| {
            let newest_first = state.events.iter().rev().filter(|event| filter.matches(event));
            Ok(newest_first.take(filter.limit.min(EventFilter::MAX)).cloned().collect())
        })
    }

    async fn catalogue_since(&self, digest: &str, now: Timestamp) -> Result<Timestamp, StoreError> {
        self.with(|state| Ok(*state.catalogues.entry(digest.to_owned()).or_insert(now)))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.with(|_| Ok(()))
    }

    async fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[derive(Default)]
struct State {
    devices: BTreeMap<Mac, Device>,
    companies: BTreeMap<CompanyId, Company>,
    users: BTreeMap<UserId, User>,
    system: SystemSettings,
    events: VecDeque<Event>,
    catalogues: HashMap<String, Timestamp>,
}

/// What one write replaced.
enum Undo {
    Device(Mac, Option<Device>),
    Company(CompanyId, Option<Company>),
    User(UserId, Option<User>),
    SystemSettings(SystemSettings),
    Append,
}

impl State {
    fn commit(&mut self, writes: Vec<Mutation>) -> Result<(), StoreError> {
        let mut undo = Vec::with_capacity(writes.len());
        for write in writes {
            match self.apply(write) {
                Ok(replaced) => undo.extend(replaced),
                Err(conflict) => {
                    undo.into_iter().rev().for_each(|replaced| self.undo(replaced));
                    return Err(conflict);
                }
            }
        }
        let excess = self.events.len().saturating_sub(MAX_EVENTS);
        self.events.drain(..excess);
        Ok(())
    }

    /// Changes nothing when it fails; `None` when there was nothing to do.
    fn apply(&mut self, write: Mutation) -> Result<Option<Undo>, StoreError> {
        match write {
            Mutation::PutDevice { device, expect } => {
                let mac = device.mac;
                if self.devices.get(&mac).map(|there| there.revision) != expect {
                    return Err(StoreError::device_conflict(mac));
                }
                for company in device.ports.values().filter_map(|phone| phone.company()) {
                    self.require_company(company)?;
                }
                Ok(Some(Undo::Device(mac, self.devices.insert(mac, device))))
            }
            Mutation::RemoveDevice { mac, expect } => {
                if self.devices.get(&mac).map(|there| there.revision) != Some(expect) {
                    return Err(StoreError::device_conflict(mac));
                }
                Ok(Some(Undo::Device(mac, self.devices.remove(&mac))))
            }
            Mutation::NoteSighting { mac, sighting } => {
                Ok(self.devices.get_mut(&mac).map(|device| {
                    let before = device.clone();
                    let noted = device.sighting.as_ref().map(|before| before.noting(&sighting));
                    device.sighting = Some(noted.unwrap_or(sighting));
                    Undo::Device(mac, Some(before))
                }))
            }
            Mutation::PutCompany { company, expect } => {
                let id = company.id.clone();
                if self.companies.get(&id).map(|there| there.revision) != expect {
                    return Err(StoreError::company_conflict(&id));
                }
                let before = self.companies.insert(id.clone(), company);
                Ok(Some(Undo::Company(id, before)))
            }
            Mutation::RemoveCompany { id, expect } => {
                let stale = self.companies.get(&id).map(|there| there.revision) != Some(expect);
                if stale || self.is_named(&id) {
                    return Err(StoreError::company_conflict(&id));
                }
                let before = self.companies.remove(&id);
                Ok(Some(Undo::Company(id, before)))
            }
            Mutation::PutUser { user, expect } => {
                self.require_valid_user(&user, expect)?;
                let id = user.id;
                Ok(Some(Undo::User(id, self.users.insert(id, user))))
            }
            Mutation::RemoveUser { id, expect } => {
                if self.users.get(&id).map(|there| there.revision) != Some(expect) {
                    return Err(StoreError::user_id_conflict(id));
                }
                Ok(Some(Undo::User(id, self.users.remove(&id))))
            }
            Mutation::PutSystemSettings { system, expect } => {
                if self.system.revision != expect {
                    return Err(StoreError::system_conflict());
                }
                Ok(Some(Undo::SystemSettings(std::mem::replace(&mut self.system, system))))
            }
            Mutation::Append(event) => {
                let id = self.events.back().map_or(1, |newest| newest.id + 1);
                self.events.push_back(Event { id, ..event });
                Ok(Some(Undo::Append))
            }
        }
    }

    fn undo(&mut self, replaced: Undo) {
        match replaced {
            Undo::Device(mac, before) => put_back(&mut self.devices, mac, before),
            Undo::Company(id, before) => put_back(&mut self.companies, id, before),
            Undo::User(id, before) => put_back(&mut self.users, id, before),
            Undo::SystemSettings(before) => self.system = before,
            Undo::Append => drop(self.events.pop_back()),
        }
    }

    fn require_company(&self, id: &CompanyId) -> Result<(), StoreError> {
        let there = self.companies.contains_key(id);
        there.then_some(()).ok_or_else(|| StoreError::company_conflict(id))
    }

    /// A walk over all phones: removing a company is rare, an index would be
    /// kept up by every promote.
    fn is_named(&self, id: &CompanyId) -> bool {
        let mut phones = self.devices.values().flat_map(|device| device.ports.values());
        phones.any(|phone| phone.company() == Some(id))
            || self
                .users
                .values()
                .any(|user| user.company.as_ref() == Some(id) || user.admin_companies.contains(id))
    }

    fn require_valid_user(&self, user: &User, expect: Option<Revision>) -> Result<(), StoreError> {
        let others = || self.users.values().filter(|other| other.id != user.id);
        if self.users.get(&user.id).map(|there| there.revision) != expect
            || others().any(|other| other.login == user.login)
        {
            return Err(StoreError::user_conflict(&user.login));
        }
        for company in user.company.iter().chain(&user.admin_companies) {
            self.require_company(company)?;
        }
        for (at, key) in user.key_hashes.iter().enumerate() {
            let twice = user.key_hashes[..at].contains(key);
            if twice || others().any(|other| other.key_hashes.contains(key)) {
                return Err(StoreError::key_conflict(&user.login));
            }
        }
        Ok(())
    }
}

fn put_back<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, before: Option<V>) {
    match before {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    async fn fresh() -> (MemoryStore, ()) {
        (MemoryStore::new(conformance::NOW), ())
    }

    conformance::suite!(fresh);
}
