//! Objects in memory, and what a commit does to them: all of it or nothing.
//!
//! The store in memory has all of them here. The one in a PostgreSQL database has those that a
//! group of commits touches, and writes down what became of them.

use std::collections::{BTreeMap, HashSet};
use std::hash::RandomState;

use indexmap::IndexMap;
use ipnet::IpNet;

use super::{Changed, Guard, Mutation, Object, StoreError, SystemSettings};
use crate::domain::settings::Written;
use crate::domain::{
    Ban, Company, CompanyId, Device, Event, Mac, Revision, Sighting, Timestamp, User, UserId,
};

/// What commits are decided on and change.
#[derive(Default)]
pub(super) struct Objects {
    pub devices: BTreeMap<Mac, Device>,
    pub companies: BTreeMap<CompanyId, Company>,
    pub users: BTreeMap<UserId, User>,
    pub system: SystemSettings,
    pub bans: BTreeMap<IpNet, Ban>,
    /// What files had set in removed devices, the one that was removed first first.
    pub left: IndexMap<Mac, Written, RandomState>,
    /// Companies that are named by what is not here.
    pub named_elsewhere: HashSet<CompanyId>,
    pub head: Revision,
}

/// A commit that was done.
pub(super) struct Committed {
    /// Its own, or the newest if it changed no object.
    pub revision: Revision,
    /// What it changed, in its order.
    pub objects: Vec<Object>,
    /// The devices that are not as they were, and what of each; one may be there several times.
    pub devices: Vec<(Mac, Touched)>,
    /// What is to be appended to the audit record, still without numbers.
    pub events: Vec<Event>,
}

/// What of a device is not as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Touched {
    /// What requests told.
    Noted,
    /// All of it, with its phones, or that it is gone.
    Put,
}

/// What one mutation replaced.
enum Undo {
    Device(Mac, Option<Device>),
    /// A device that was there, and what was kept of others of its name.
    Removed(Mac, Option<Device>, Option<Written>),
    Company(CompanyId, Option<Company>),
    User(UserId, Option<User>),
    SystemSettings(SystemSettings),
    Ban(IpNet, Option<Ban>),
    Sighting(Mac, Option<Sighting>),
    Served(Mac, Option<Timestamp>),
    Written(Mac, Written),
    Left(Mac, Option<Written>),
}

impl Undo {
    fn touched(&self) -> Option<(Mac, Touched)> {
        match self {
            Undo::Device(mac, _) | Undo::Removed(mac, ..) => Some((*mac, Touched::Put)),
            Undo::Sighting(mac, _) | Undo::Served(mac, _) | Undo::Written(mac, _) => {
                Some((*mac, Touched::Noted))
            }
            Undo::Left(..)
            | Undo::Company(..)
            | Undo::User(..)
            | Undo::SystemSettings(_)
            | Undo::Ban(..) => None,
        }
    }
}

impl Objects {
    /// Does all `mutations` in their order if all `guards` hold, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] as [`Store::commit`](super::Store::commit) says.
    pub(super) fn commit(
        &mut self,
        mutations: Vec<Mutation>,
        guards: &[Guard],
    ) -> Result<Committed, StoreError> {
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
        let mut events = Vec::new();
        let mut done = Ok(());
        for mutation in mutations {
            match self.apply(mutation, revision, &mut events) {
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
        if !objects.is_empty() {
            self.head = revision;
        }
        let devices = undo.iter().filter_map(Undo::touched).collect();
        Ok(Committed { revision: self.head, objects, devices, events })
    }

    fn revision_of(&self, object: &Object) -> Option<Revision> {
        self.changed(object).revision()
    }

    /// The object as it is.
    pub(super) fn changed(&self, object: &Object) -> Changed {
        match object {
            Object::Device(mac) => Changed::Device(*mac, self.devices.get(mac).cloned()),
            Object::Company(id) => Changed::Company(id.clone(), self.companies.get(id).cloned()),
            Object::User(id) => Changed::User(*id, self.users.get(id).cloned()),
            Object::SystemSettings => Changed::SystemSettings(self.system.clone()),
            Object::Ban(network) => Changed::Ban(*network, self.bans.get(network).cloned()),
        }
    }

    /// Whether there is anything to do; not so when what is to be noted is on record, or of a device
    /// that is not there.
    pub(super) fn tells_anything(&self, mutation: &Mutation) -> bool {
        let device = |mac| self.devices.get(mac);
        match mutation {
            Mutation::NoteSighting { mac, sighting } => device(mac).is_some_and(|device| {
                device.sighting.as_ref().is_none_or(|before| before.is_news(*mac, sighting))
            }),
            Mutation::NoteServed { mac, .. } => {
                device(mac).is_some_and(|device| device.served.is_none())
            }
            _ => true,
        }
    }

    /// Changes nothing when it fails; `None` when there was nothing to do.
    fn apply(
        &mut self,
        mutation: Mutation,
        revision: Revision,
        events: &mut Vec<Event>,
    ) -> Result<Option<Undo>, StoreError> {
        if !self.tells_anything(&mutation) {
            return Ok(None);
        }
        match mutation {
            Mutation::PutDevice { device, expect } => self.put_device(device, expect, revision),
            Mutation::RemoveDevice { mac, expect } => {
                if self.devices.get(&mac).map(|there| there.revision) != Some(expect) {
                    return Err(StoreError::device_conflict(mac));
                }
                let removed = self.devices.remove(&mac);
                let set = removed.as_ref().map(|device| device.written.clone());
                let left = self.leave(mac, set.unwrap_or_default());
                Ok(Some(Undo::Removed(mac, removed, left)))
            }
            Mutation::NoteSighting { mac, sighting } => {
                Ok(self.devices.get_mut(&mac).map(|device| {
                    let noted = device.sighting.as_ref().map(|before| before.noting(&sighting));
                    let noted = noted.unwrap_or(sighting);
                    Undo::Sighting(mac, device.sighting.replace(noted))
                }))
            }
            Mutation::NoteServed { mac, at } => Ok(self
                .devices
                .get_mut(&mac)
                .map(|device| Undo::Served(mac, device.served.replace(at)))),
            Mutation::NoteWritten { mac, written } => {
                Ok(self.devices.get_mut(&mac).map(|device| {
                    let both = device.written.clone().and(&written);
                    Undo::Written(mac, std::mem::replace(&mut device.written, both))
                }))
            }
            Mutation::NoteLeft { mac, written } => {
                Ok(Some(Undo::Left(mac, self.leave(mac, written))))
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
            Mutation::PutBan { ban } => {
                let network = ban.network;
                let before = self.bans.insert(network, Ban { revision, ..ban });
                Ok(Some(Undo::Ban(network, before)))
            }
            Mutation::RemoveBan { network } => {
                Ok(Some(Undo::Ban(network, self.bans.remove(&network))))
            }
            Mutation::Append(event) => {
                events.push(event);
                Ok(None)
            }
        }
    }

    fn put_device(
        &mut self,
        device: Device,
        expect: Option<Revision>,
        revision: Revision,
    ) -> Result<Option<Undo>, StoreError> {
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

    /// Keeps what files have set in a device that is removed, and gives what was kept before.
    fn leave(&mut self, mac: Mac, set: Written) -> Option<Written> {
        let before = self.left.shift_remove(&mac);
        let all = before.clone().unwrap_or_default().and(&set);
        if !all.is_empty() {
            self.left.insert(mac, all);
        }
        before
    }

    fn undo(&mut self, replaced: Undo) {
        match replaced {
            Undo::Device(mac, before) => put_back(&mut self.devices, mac, before),
            Undo::Removed(mac, before, left) => {
                put_back(&mut self.devices, mac, before);
                self.put_back_left(mac, left);
            }
            Undo::Left(mac, left) => self.put_back_left(mac, left),
            Undo::Company(id, before) => put_back(&mut self.companies, id, before),
            Undo::User(id, before) => put_back(&mut self.users, id, before),
            Undo::SystemSettings(before) => self.system = before,
            Undo::Ban(network, before) => put_back(&mut self.bans, network, before),
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
        }
    }

    fn put_back_left(&mut self, mac: Mac, left: Option<Written>) {
        match left {
            Some(left) => drop(self.left.insert(mac, left)),
            None => drop(self.left.shift_remove(&mac)),
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
        self.named_elsewhere.contains(id)
            || phones.any(|phone| phone.company() == Some(id))
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
