//! A group of commits: decided on what was loaded, and what of it is to be written.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ipnet::IpNet;

use super::history::Anchor;
use super::needs::{Ledger, Loaded};
use crate::domain::{CompanyId, Event, Mac, Revision, UserId};
use crate::store::objects::{Objects, Touched};
use crate::store::{
    Guard, MAX_REMEMBERED_COMMIT, Mutation, Object, REMEMBERED_COMMITS, StoreError,
};

/// Forgotten so many at a time, so that it costs a commit nothing.
pub(super) const FORGET_EVERY: u64 = 1_000;

/// Commits that are decided and not yet written.
pub(super) struct Decided {
    pub objects: Objects,
    /// As it was before.
    pub before: Ledger,
    /// As it is to be.
    pub ledger: Ledger,
    pub stamp: i64,
    /// Devices that were there before.
    pub there: HashSet<Mac>,
    pub devices: BTreeMap<Mac, Touched>,
    pub companies: BTreeSet<CompanyId>,
    pub users: BTreeSet<UserId>,
    pub system: bool,
    pub bans: BTreeSet<IpNet>,
    pub left: BTreeSet<Mac>,
    /// What is to be remembered of the changes.
    pub changes: Vec<(Revision, Vec<Object>)>,
    pub events: Vec<Event>,
}

impl Decided {
    /// A group with that stamp that has no commit yet.
    pub(super) fn new(loaded: Loaded, stamp: i64) -> Decided {
        let Loaded { ledger: before, objects, .. } = loaded;
        let there = objects.devices.keys().copied().collect();
        Decided {
            objects,
            before,
            ledger: Ledger { group: before.group + 1, ..before },
            stamp,
            there,
            devices: BTreeMap::new(),
            companies: BTreeSet::new(),
            users: BTreeSet::new(),
            system: false,
            bans: BTreeSet::new(),
            left: BTreeSet::new(),
            changes: Vec::new(),
            events: Vec::new(),
        }
    }

    /// How it will be known again.
    pub(super) fn anchor(&self) -> Anchor {
        Anchor { number: self.ledger.group, stamp: self.stamp }
    }

    /// Whether there is anything to write.
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.events.is_empty()
            && self.devices.is_empty()
            && self.left.is_empty()
    }

    /// Adds a commit, or leaves no trace of it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`].
    pub(super) fn commit(
        &mut self,
        mutations: Vec<Mutation>,
        guards: &[Guard],
    ) -> Result<Revision, StoreError> {
        let left: Vec<Mac> = mutations.iter().filter_map(leaves).collect();
        let committed = self.objects.commit(mutations, guards)?;
        for (mac, how) in committed.devices {
            let before = self.devices.entry(mac).or_insert(how);
            *before = how.max(*before);
        }
        self.left.extend(left);
        for object in &committed.objects {
            match object {
                Object::Device(_) => {}
                Object::Company(id) => drop(self.companies.insert(id.clone())),
                Object::User(id) => drop(self.users.insert(*id)),
                Object::SystemSettings => self.system = true,
                Object::Ban(network) => drop(self.bans.insert(*network)),
            }
        }
        self.events.extend(committed.events);
        if committed.objects.len() > MAX_REMEMBERED_COMMIT {
            self.changes.clear();
            self.ledger.forgotten = committed.revision;
        } else if !committed.objects.is_empty() {
            self.changes.push((committed.revision, committed.objects));
        }
        self.ledger.head = self.objects.head;
        Ok(committed.revision)
    }

    /// Counts what was added.
    pub(super) fn finish(&mut self) {
        self.ledger.event += i64::try_from(self.events.len()).expect("they fit into memory");
        let head = self.ledger.head.0;
        let is_due = head / FORGET_EVERY > self.before.head.0 / FORGET_EVERY;
        if is_due && head > REMEMBERED_COMMITS {
            let upto = Revision(head - REMEMBERED_COMMITS);
            self.ledger.forgotten = self.ledger.forgotten.max(upto);
        }
    }
}

fn leaves(mutation: &Mutation) -> Option<Mac> {
    match mutation {
        Mutation::RemoveDevice { mac, .. } | Mutation::NoteLeft { mac, .. } => Some(*mac),
        _ => None,
    }
}
