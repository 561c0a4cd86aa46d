//! What a store in memory holds, and its commits: all of each or nothing.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::RandomState;

use indexmap::IndexMap;

use crate::domain::settings::Written;
use crate::domain::{
    Company, CompanyId, Device, Event, EventId, Mac, Revision, Sighting, Timestamp, User, UserId,
};
use crate::store::{
    Change, Changed, Changes, Guard, MAX_LEFT, MAX_REMEMBERED_COMMIT, Mutation, Object,
    REMEMBERED_COMMITS, StoreError, SystemSettings,
};

/// Bounds the audit record, some 50 MB; the other stores keep theirs on disk.
const MAX_EVENTS: usize = 100_000;

#[derive(Default)]
pub(super) struct State {
    pub devices: BTreeMap<Mac, Device>,
    pub companies: BTreeMap<CompanyId, Company>,
    pub users: BTreeMap<UserId, User>,
    pub system: SystemSettings,
    pub events: VecDeque<Event>,
    pub catalogues: HashMap<String, Timestamp>,
    /// What files had set in removed devices, the one that was removed first first.
    pub left: IndexMap<Mac, Written, RandomState>,
    pub head: Revision,
    /// What the last commits changed, oldest first.
    log: VecDeque<(Revision, Object)>,
    /// Changes up to this one are not in the log any more.
    forgotten: Revision,
}

/// What one mutation replaced.
enum Undo {
    Device(Mac, Option<Device>),
    Company(CompanyId, Option<Company>),
    User(UserId, Option<User>),
    SystemSettings(SystemSettings),
    Sighting(Mac, Option<Sighting>),
    Served(Mac, Option<Timestamp>),
    Written(Mac, Written),
    Append,
}

impl State {
    pub(super) fn commit(
        &mut self,
        mutations: Vec<Mutation>,
        guards: &[Guard],
    ) -> Result<Revision, StoreError> {
        for guard in guards {
            let holds = match guard {
                Guard::Unchanged(since) => self.head <= *since,
                Guard::Same(object, revision) => self.revision_of(object) == Some(*revision),
                Guard::RemainingAdmin => true,
            };
            holds.then_some(()).ok_or_else(|| StoreError::guard_conflict(guard))?;
        }
        let revision = self.head.next();
        let objects: Vec<Object> = mutations.iter().filter_map(Mutation::object).collect();
        let mut undo = Vec::with_capacity(mutations.len());
        let mut done = Ok(());
        for mutation in mutations {
            match self.apply(mutation, revision) {
                Ok(replaced) => undo.extend(replaced),
                Err(conflict) => {
                    done = Err(conflict);
                    break;
                }
            }
        }
        let has_admin = || self.users.values().any(User::can_administer_system);
        if done.is_ok() && guards.contains(&Guard::RemainingAdmin) && !has_admin() {
            done = Err(StoreError::guard_conflict(&Guard::RemainingAdmin));
        }
        if let Err(conflict) = done {
            undo.into_iter().rev().for_each(|replaced| self.undo(replaced));
            return Err(conflict);
        }
        let excess = self.events.len().saturating_sub(MAX_EVENTS);
        self.events.drain(..excess);
        self.remember(revision, objects);
        Ok(self.head)
    }

    fn remember(&mut self, revision: Revision, objects: Vec<Object>) {
        if objects.is_empty() {
            return;
        }
        self.head = revision;
        if objects.len() > MAX_REMEMBERED_COMMIT {
            self.log.clear();
            self.forgotten = revision;
            return;
        }
        self.log.extend(objects.into_iter().map(|object| (revision, object)));
        self.forgotten =
            self.forgotten.max(Revision(revision.0.saturating_sub(REMEMBERED_COMMITS)));
        while self.log.front().is_some_and(|(oldest, _)| *oldest <= self.forgotten) {
            self.log.pop_front();
        }
    }

    pub(super) fn changes(&self, after: Revision, limit: usize) -> Changes {
        if after < self.forgotten {
            return Changes::TooFarBehind;
        }
        let first = self.log.partition_point(|(revision, _)| *revision <= after);
        let rest = || self.log.range(first..);
        let Some(end) = rest().take(limit).next_back().map(|(revision, _)| *revision) else {
            return Changes::Page(Vec::new(), self.head);
        };
        let page: Vec<_> = rest().take_while(|(revision, _)| *revision <= end).collect();
        let mut told = HashSet::new();
        let newest = page.into_iter().rev().filter(|(_, object)| told.insert(object));
        let mut changes: Vec<Change> =
            newest.map(|(revision, object)| self.change(*revision, object)).collect();
        changes.reverse();
        Changes::Page(changes, end)
    }

    fn revision_of(&self, object: &Object) -> Option<Revision> {
        self.changed(object).revision()
    }

    /// The object as it is; `revision` is that of its removal if it is not.
    fn change(&self, revision: Revision, object: &Object) -> Change {
        let object = self.changed(object);
        Change { revision: object.revision().unwrap_or(revision), object }
    }

    fn changed(&self, object: &Object) -> Changed {
        match object {
            Object::Device(mac) => Changed::Device(*mac, self.devices.get(mac).cloned()),
            Object::Company(id) => Changed::Company(id.clone(), self.companies.get(id).cloned()),
            Object::User(id) => Changed::User(*id, self.users.get(id).cloned()),
            Object::SystemSettings => Changed::SystemSettings(self.system.clone()),
        }
    }

    /// Changes nothing when it fails; `None` when there was nothing to do.
    fn apply(
        &mut self,
        mutation: Mutation,
        revision: Revision,
    ) -> Result<Option<Undo>, StoreError> {
        match mutation {
            Mutation::PutDevice { device, expect } => {
                let mac = device.mac;
                if self.devices.get(&mac).map(|there| there.revision) != expect {
                    return Err(StoreError::device_conflict(mac));
                }
                for company in device.phones.values().filter_map(|phone| phone.company()) {
                    self.require_company(company)?;
                }
                // What was noted since the device was read stays.
                let there = self.devices.get(&mac);
                let served = there.and_then(|before| before.served).or(device.served);
                let noted = there.and_then(|before| before.sighting.clone());
                let sighting = match (noted, device.sighting) {
                    (Some(noted), put) if put.as_ref().is_none_or(|put| noted.last >= put.last) => {
                        Some(noted)
                    }
                    (_, put) => put,
                };
                let mut device = Device { revision, served, sighting, ..device };
                if let Some(there) = there {
                    device.written = there.written.clone().and(&device.written);
                }
                Ok(Some(Undo::Device(mac, self.devices.insert(mac, device))))
            }
            Mutation::RemoveDevice { mac, expect } => {
                if self.devices.get(&mac).map(|there| there.revision) != Some(expect) {
                    return Err(StoreError::device_conflict(mac));
                }
                let removed = self.devices.remove(&mac);
                let set = removed.as_ref().map(|device| device.written.clone());
                self.leave(mac, set.unwrap_or_default());
                Ok(Some(Undo::Device(mac, removed)))
            }
            Mutation::NoteSighting { mac, sighting } => {
                Ok(self.devices.get_mut(&mac).map(|device| {
                    let noted = device.sighting.as_ref().map(|before| before.noting(&sighting));
                    let noted = noted.unwrap_or(sighting);
                    Undo::Sighting(mac, device.sighting.replace(noted))
                }))
            }
            Mutation::NoteServed { mac, at } => Ok(self.devices.get_mut(&mac).map(|device| {
                let before = device.served;
                device.served = before.or(Some(at));
                Undo::Served(mac, before)
            })),
            Mutation::NoteWritten { mac, written } => {
                Ok(self.devices.get_mut(&mac).map(|device| {
                    let both = device.written.clone().and(&written);
                    Undo::Written(mac, std::mem::replace(&mut device.written, both))
                }))
            }
            Mutation::PutCompany { company, expect } => {
                let id = company.id.clone();
                if self.companies.get(&id).map(|there| there.revision) != expect {
                    return Err(StoreError::company_conflict(&id));
                }
                let company = Company { revision, ..company };
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
                Ok(Some(Undo::User(id, self.users.insert(id, User { revision, ..user }))))
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
                let system = SystemSettings { revision, ..system };
                Ok(Some(Undo::SystemSettings(std::mem::replace(&mut self.system, system))))
            }
            Mutation::Append(event) => {
                let id = self.events.back().map_or(EventId::NONE, |newest| newest.id).next();
                self.events.push_back(Event { id, ..event });
                Ok(Some(Undo::Append))
            }
        }
    }

    /// Keeps what files have set in a device that is removed. Not undone: one that stays after all
    /// has it as well.
    fn leave(&mut self, mac: Mac, set: Written) {
        let before = self.left.shift_remove(&mac).unwrap_or_default();
        let all = before.and(&set);
        if !all.is_empty() {
            self.left.insert(mac, all);
        }
        if self.left.len() > MAX_LEFT {
            self.left.shift_remove_index(0);
        }
    }

    fn undo(&mut self, replaced: Undo) {
        match replaced {
            Undo::Device(mac, before) => put_back(&mut self.devices, mac, before),
            Undo::Company(id, before) => put_back(&mut self.companies, id, before),
            Undo::User(id, before) => put_back(&mut self.users, id, before),
            Undo::SystemSettings(before) => self.system = before,
            Undo::Sighting(mac, before) => {
                if let Some(device) = self.devices.get_mut(&mac) {
                    device.sighting = before;
                }
            }
            Undo::Served(mac, before) => {
                if let Some(device) = self.devices.get_mut(&mac) {
                    device.served = before;
                }
            }
            Undo::Written(mac, before) => {
                if let Some(device) = self.devices.get_mut(&mac) {
                    device.written = before;
                }
            }
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
        let mut phones = self.devices.values().flat_map(|device| device.phones.values());
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
