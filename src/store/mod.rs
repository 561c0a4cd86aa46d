//! What is durable: devices with their phones, companies, users, the system
//! settings and the audit record, behind one trait.
//!
//! The store keeps whole objects and knows no rules. A rule reads an object,
//! computes the next one in `domain`, and commits it with the revision it
//! started from and guards on what else it relied on; a commit made from what is
//! not so any more is refused as a [`StoreError::Conflict`], so that of two promotes
//! at once one succeeds, whichever process they run in.
//!
//! One [`Revision`] numbers the changes of the whole store. Who keeps a part of it in memory
//! reads [`Store::head`], fills its memory, and follows with [`Store::changes`].

mod at_rest;
mod conflict;
#[cfg(test)]
mod conformance;
mod encoding;
mod health;
mod memory;
mod objects;
mod postgres;
mod sqlite;
pub mod url;

use async_trait::async_trait;
use ipnet::IpNet;

pub use at_rest::{Cipher, InvalidStoreKey, KEY_VARIABLE, KeySource, Rekeyed, StoreKey};
pub use memory::MemoryStore;
pub use postgres::{
    FoundDatabase, FoundTables, InvalidPostgresUrl, PASSWORD_VARIABLE, PostgresStore, PostgresUrl,
};
pub use sqlite::{Found, SqliteStore};
pub use url::{StoreUrl, events_in, open};

use crate::domain::settings::{Layer, Written};
use crate::domain::{
    Ban, Company, CompanyId, Device, Event, EventId, Mac, PasswordSeed, Revision, Sighting,
    Subject, Timestamp, User, UserId,
};

/// Removed devices of which it is known what files had set in them: so many phones are not
/// taken out of service and given away again within years. Some 10 MB.
pub const MAX_LEFT: usize = 100_000;

/// Audit events kept by a store that keeps them on disk: years of a busy site, some 300 MB. The
/// oldest go, a thousand at a time.
pub const MAX_EVENTS: usize = 1_000_000;

/// One change of a commit.
///
/// What is put carries its revision afterwards whatever it carried before. `expect` is the
/// revision the object was read with; `None` means that there must be none of its name.
#[derive(Debug, Clone)]
pub enum Mutation {
    /// Stores the device, which has a phone; what it says of being served counts only when
    /// nothing was said before, its sighting only when it is later than the one that is
    /// there, and what was [`written`](Device::written) is added to. Conflicts also when a company
    /// of one of its phones does not exist.
    PutDevice {
        /// The device as it is to be.
        device: Device,
        /// The revision it was read with; `None`: there must be none.
        expect: Option<Revision>,
    },
    /// Removes the device with all its phones. What was [`written`](Device::written) stays, see
    /// [`Store::left_in`].
    RemoveDevice {
        /// The device.
        mac: Mac,
        /// The revision it was read with.
        expect: Revision,
    },
    /// Notes a later sighting as [`Sighting::noting`] says, if it [is news](Sighting::is_news): what
    /// several gateways saw in the same hour is written once. All else stays, also the revision. No
    /// conflict when the device is gone: then there is nothing to note.
    NoteSighting {
        /// The device.
        mac: Mac,
        /// What the request showed.
        sighting: Sighting,
    },
    /// Notes when the device was first sent a file of its own; an earlier time stays, as all
    /// else does. No conflict when the device is gone.
    NoteServed {
        /// The device.
        mac: Mac,
        /// When it was sent the file.
        at: Timestamp,
    },
    /// Adds to what the files of the device have set; all else stays, also the revision. Told
    /// to who follows the store: another gateway may make the next file. No conflict when the
    /// device is gone.
    NoteWritten {
        /// The device.
        mac: Mac,
        /// What a file that was made for it sets.
        written: Written,
    },
    /// Adds to what files had set in a device of that MAC before it was removed, see
    /// [`Store::left_in`]. Told to nobody: it is looked up when it is wanted.
    NoteLeft {
        /// The device that was.
        mac: Mac,
        /// What its files had set.
        written: Written,
    },
    /// Stores the company.
    PutCompany {
        /// The company as it is to be.
        company: Company,
        /// The revision it was read with; `None`: there must be none.
        expect: Option<Revision>,
    },
    /// Conflicts also while a phone or user names the company.
    RemoveCompany {
        /// The company.
        id: CompanyId,
        /// The revision it was read with.
        expect: Revision,
    },
    /// Conflicts also when another user has the login or one of the key hashes,
    /// when a hash is given twice, and when a company it names does not exist:
    /// else a company could go while a user is given it.
    PutUser {
        /// The user as stored from now on.
        user: User,
        /// The revision it was read with; `None`: there must be none.
        expect: Option<Revision>,
    },
    /// Removes the user with all keys.
    RemoveUser {
        /// The user.
        id: UserId,
        /// The revision it was read with.
        expect: Revision,
    },
    /// Stores the ban, whether the network has one or not: of two that are made at once the last
    /// counts, and both say the same.
    PutBan {
        /// The ban as it is to be.
        ban: Ban,
    },
    /// Removes the ban of a network. No conflict when there is none.
    RemoveBan {
        /// The network.
        network: IpNet,
    },
    /// Expects [`Revision::NONE`] before the first time.
    PutSystemSettings {
        /// The settings as they are to be.
        system: SystemSettings,
        /// The revision they were read with.
        expect: Revision,
    },
    /// Appends to the audit record; the store gives the id.
    Append(Event),
}

/// What a decision was based on besides the objects it changes. A commit conflicts when one
/// of its guards does not hold, and is then decided anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// The object is there and did not change since this revision.
    Same(Object, Revision),
    /// After the commit there is a user who [`User::can_administer_system`].
    RemainingAdmin,
    /// Nothing of the whole store changed since this revision.
    Unchanged(Revision),
}

/// What one object is since a revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The revision of the commit that last changed it.
    pub revision: Revision,
    /// The object, as it was when this was read.
    pub object: Changed,
}

/// An object as it is; `None`: it was removed.
#[derive(Debug, Clone, PartialEq)]
pub enum Changed {
    /// A device.
    Device(Mac, Option<Device>),
    /// A company.
    Company(CompanyId, Option<Company>),
    /// A user.
    User(UserId, Option<User>),
    /// The system settings, which are never removed.
    SystemSettings(SystemSettings),
    /// A network's ban.
    Ban(IpNet, Option<Ban>),
}

impl Changed {
    /// The object that it changes.
    #[must_use]
    pub fn name(&self) -> Object {
        match self {
            Changed::Device(mac, _) => Object::Device(*mac),
            Changed::Company(id, _) => Object::Company(id.clone()),
            Changed::User(id, _) => Object::User(*id),
            Changed::SystemSettings(_) => Object::SystemSettings,
            Changed::Ban(network, _) => Object::Ban(*network),
        }
    }

    /// The revision of an object that is there; `None` of one that is not.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        match self {
            Changed::Device(_, device) => device.as_ref().map(|device| device.revision),
            Changed::Company(_, company) => company.as_ref().map(|company| company.revision),
            Changed::User(_, user) => user.as_ref().map(|user| user.revision),
            Changed::SystemSettings(system) => Some(system.revision),
            Changed::Ban(_, ban) => ban.as_ref().map(|ban| ban.revision),
        }
    }
}

/// The name of what changes are made to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// A device, with all its phones.
    Device(Mac),
    /// A company.
    Company(CompanyId),
    /// A user.
    User(UserId),
    /// The system settings, of which there is one.
    SystemSettings,
    /// The ban of a network.
    Ban(IpNet),
}

impl Mutation {
    /// What it changes, for who follows; sightings and events are no changes.
    #[must_use]
    pub fn object(&self) -> Option<Object> {
        match self {
            Mutation::PutDevice { device, .. } => Some(Object::Device(device.mac)),
            Mutation::RemoveDevice { mac, .. } | Mutation::NoteWritten { mac, .. } => {
                Some(Object::Device(*mac))
            }
            Mutation::PutCompany { company, .. } => Some(Object::Company(company.id.clone())),
            Mutation::RemoveCompany { id, .. } => Some(Object::Company(id.clone())),
            Mutation::PutUser { user, .. } => Some(Object::User(user.id)),
            Mutation::RemoveUser { id, .. } => Some(Object::User(*id)),
            Mutation::PutSystemSettings { .. } => Some(Object::SystemSettings),
            Mutation::PutBan { ban } => Some(Object::Ban(ban.network)),
            Mutation::RemoveBan { network } => Some(Object::Ban(*network)),
            Mutation::NoteSighting { .. }
            | Mutation::NoteServed { .. }
            | Mutation::NoteLeft { .. }
            | Mutation::Append(_) => None,
        }
    }
}

/// The answer of [`Store::changes`].
#[derive(Debug, Clone, PartialEq)]
pub enum Changes {
    /// What changed, in order of revision, and each object as it was when this was read: one
    /// that changed twice is there once. All changes up to the second are in this page or in
    /// those before it; a page without one leads nowhere further: it is the end.
    Page(Vec<Change>, Revision),
    /// The store does not tell any more what happened since: read all anew.
    TooFarBehind,
    /// The store has not all that it told of before: a database was put back, or another server
    /// took over without the last commits. Anything in memory may be of what is lost, whatever its
    /// revision. Nothing is committed until all was read anew, see [`Store::resume`].
    Lost,
}

/// The settings all phones share, and what else there is one of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SystemSettings {
    /// Below those of companies.
    pub settings: Layer,
    /// What the own passwords of phones are made of; `None` until it is made, and then for ever.
    pub password_seed: Option<PasswordSeed>,
    /// When any of it last changed.
    pub changed: Timestamp,
    /// [`Revision::NONE`] before the first write.
    pub revision: Revision,
}

/// Everything but devices, bans and the audit record, as it was at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tenancy {
    /// The companies in order of id, `default` among them.
    pub companies: Vec<Company>,
    /// The users in order of number.
    pub users: Vec<User>,
    /// The settings all phones share.
    pub system: SystemSettings,
    /// The newest of the store at that moment.
    pub head: Revision,
}

impl Tenancy {
    /// An object that changed, as it is here; a device is looked up with `device`, a ban with `ban`.
    ///
    /// # Errors
    /// Those of the two.
    fn changed<E>(
        &self,
        object: Object,
        device: impl FnOnce(Mac) -> Result<Option<Device>, E>,
        ban: impl FnOnce(IpNet) -> Result<Option<Ban>, E>,
    ) -> Result<Changed, E> {
        Ok(match object {
            Object::Device(mac) => Changed::Device(mac, device(mac)?),
            Object::Company(id) => {
                let company = self.companies.iter().find(|company| company.id == id);
                Changed::Company(id, company.cloned())
            }
            Object::User(id) => {
                Changed::User(id, self.users.iter().find(|user| user.id == id).cloned())
            }
            Object::SystemSettings => Changed::SystemSettings(self.system.clone()),
            Object::Ban(network) => Changed::Ban(network, ban(network)?),
        })
    }
}

/// Which events to read: newest first.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only events older than this id.
    pub before: Option<EventId>,
    /// Only events of this kind of object.
    pub subject: Option<Subject>,
    /// Exact name; for [`Subject::Phone`] a MAC also finds the events of its phones.
    pub name: Option<String>,
    /// Only events of these companies, when given.
    pub companies: Option<Vec<String>>,
    /// How many are read at most; the store caps it at [`EventFilter::MAX`]. 0 reads nothing.
    pub limit: usize,
}

impl EventFilter {
    /// One page; the next starts `before` the last id of this one.
    pub const MAX: usize = 1000;

    /// Whether a stored event passes every condition but the limit.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.before.is_none_or(|before| event.id < before)
            && self.subject.is_none_or(|subject| event.subject == subject)
            && self.name.as_deref().is_none_or(|name| {
                event.name == name
                    || (event.subject == Subject::Phone
                        && is_mac(name)
                        && event.name.starts_with(name))
            })
            && self.companies.as_ref().is_none_or(|companies| companies.contains(&event.company))
    }
}

/// Whether the name of an event is a device as a whole, written as events write it.
fn is_mac(name: &str) -> bool {
    name.len() == 12 && name.parse::<Mac>().is_ok_and(|mac| mac.to_string() == name)
}

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A precondition of one mutation, or a guard, did not hold; nothing of its commit was done.
    #[error("{0} was changed by someone else")]
    Conflict(String),
    /// No space left. Reading goes on.
    #[error("{what}: the disk is full")]
    Full {
        /// The file.
        what: String,
    },
    /// The file or its directory cannot be written. Reading goes on.
    #[error("{what}: read-only")]
    ReadOnly {
        /// The file.
        what: String,
    },
    /// Another process has the file.
    #[error("{what} is in use by another dialtone process{by}")]
    InUse {
        /// The file.
        what: String,
        /// What more is known of it, as it follows the sentence: ` (pid 71)`; may be empty.
        by: String,
    },
    /// What is there is no store of this program, is of a newer version, or is damaged.
    #[error("{what}: {why}")]
    Unusable {
        /// The file, or the object in it.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is there and does not let this gateway in as it is configured, or what the configuration
    /// names is not there: somebody has to change something first.
    #[error("{what}: {why}")]
    Refused {
        /// The database.
        what: String,
        /// What it said, or what is not as it must be.
        why: String,
    },
    /// Anything else of the medium; trying again may work.
    #[error("{what}: {why}")]
    Unavailable {
        /// The file, or what was to be done.
        what: String,
        /// What the medium said.
        why: String,
    },
    /// The connection ended while the commit was made, and whether it was could not be learnt.
    #[error(
        "{what} went away in the middle of a change: whether it was made is not known; look \
         before you make it again"
    )]
    Unknown {
        /// The database.
        what: String,
    },
    /// More commits wait than the queue holds.
    #[error("the store is overloaded: {waiting} commits wait")]
    Overloaded {
        /// Commits in the queue.
        waiting: usize,
    },
}

impl StoreError {
    /// Whether the same may succeed later, though nobody changes what was asked or how the gateway is
    /// configured.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            StoreError::Conflict(_)
            | StoreError::InUse { .. }
            | StoreError::Unusable { .. }
            | StoreError::Refused { .. } => false,
            StoreError::Full { .. }
            | StoreError::ReadOnly { .. }
            | StoreError::Unavailable { .. }
            | StoreError::Unknown { .. }
            | StoreError::Overloaded { .. } => true,
        }
    }
}

/// So many commits back a store tells what was changed, for those who follow it: of the fastest
/// storm of unknown phones that is five seconds, else days; 6 MB of a file. What is removed leaves
/// a trace for that long. Who is further behind reads all anew, three seconds for a million
/// devices.
pub const REMEMBERED_COMMITS: u64 = 200_000;

/// A commit with more objects than this is not remembered one by one, so that one page of
/// [`Store::changes`] can hold all of any commit: only an import is as large.
pub const MAX_REMEMBERED_COMMIT: usize = 1_000;

/// A durable registry, which several gateways may share.
///
/// Every method may be called from many tasks at once and must not block the
/// caller's thread. What returned `Ok` is visible to every later call, whoever makes it.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Which store it is, as its errors say it: the path of a file, a database without a password.
    fn name(&self) -> String;

    /// Does all `mutations` in their order if all `guards` hold, or none. Durable when it
    /// returns. Gives the revision all objects of the commit have now, but those of which it only
    /// noted something; a commit that changed no object, but noted sightings or events, has none
    /// of its own and gives the newest.
    /// A caller that stops waiting does not take its commit back.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a precondition or a guard fails; [`StoreError::Overloaded`]
    /// when too many commits wait; else what the medium said.
    async fn commit(
        &self,
        mutations: Vec<Mutation>,
        guards: Vec<Guard>,
    ) -> Result<Revision, StoreError>;

    /// What changed after `after`, in whole commits: those of the first `limit` changes, 1 at
    /// least and [`MAX_REMEMBERED_COMMIT`] at most, and what else their last commit changed.
    async fn changes(&self, after: Revision, limit: usize) -> Result<Changes, StoreError>;

    /// The revision of the last commit that changed something.
    async fn head(&self) -> Result<Revision, StoreError>;

    /// Who was told [`Changes::Lost`] asked for the [`head`](Store::head), has read everything
    /// since, and goes on from there.
    async fn resume(&self, head: Revision) {
        let _ = head;
    }

    /// Returns once there may be changes after `after`. A store that is not told of the
    /// commits of others never does: who follows asks now and then besides.
    async fn changed(&self, after: Revision) {
        let _ = after;
        std::future::pending::<()>().await;
    }

    /// The first `limit` devices behind `after` (`None`: of all) in order of MAC; 1 to
    /// 1000 at a time, each whole. Empty: there are no more.
    async fn devices_after(
        &self,
        after: Option<Mac>,
        limit: usize,
    ) -> Result<Vec<Device>, StoreError>;

    /// Those of the devices that there are, in order of MAC, as they were at one moment.
    async fn devices(&self, macs: &[Mac]) -> Result<Vec<Device>, StoreError>;

    /// What files had set in a device of that MAC when it was last removed, and whenever before: it
    /// may have it still. Known of the last [`MAX_LEFT`] that were removed; else nothing.
    async fn left_in(&self, mac: Mac) -> Result<Written, StoreError>;

    /// All that [`Store::left_in`] tells, in pages as those of [`Store::devices_after`].
    async fn left_after(
        &self,
        after: Option<Mac>,
        limit: usize,
    ) -> Result<Vec<(Mac, Written)>, StoreError>;

    /// Companies (with `default`, which a new store makes), users, system settings.
    async fn tenancy(&self) -> Result<Tenancy, StoreError>;

    /// The ban of a network, whether or not it is over.
    async fn ban(&self, network: IpNet) -> Result<Option<Ban>, StoreError>;

    /// The first `limit` bans behind `after` (`None`: of all) in an order of the store's own; 1 to
    /// 1000 at a time. Empty: there are no more.
    async fn bans_after(&self, after: Option<IpNet>, limit: usize) -> Result<Vec<Ban>, StoreError>;

    /// The events that pass the filter, newest first.
    async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, StoreError>;

    /// The first `limit` events behind `after`, oldest first; 1 to [`EventFilter::MAX`] at a time.
    async fn events_after(&self, after: EventId, limit: usize) -> Result<Vec<Event>, StoreError>;

    /// When this catalogue was first served from this store: `now` if never.
    /// Part of `Last-Modified`, so that a changed template shows there.
    async fn catalogue_since(&self, digest: &str, now: Timestamp) -> Result<Timestamp, StoreError>;

    /// Whether this handle is the one of all on the store that does now what one of them does for
    /// all. The first that asks is, and stays it as long as it asks again within half an hour, until
    /// it is closed or its process ends. A store of one process has no other.
    async fn leads(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Whether other processes may change what is there, of which this one hears by
    /// [`Store::changes`] alone.
    fn is_shared(&self) -> bool {
        false
    }

    /// Whether a commit could be made now. Cheap: asked by every readiness probe.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Finishes what was accepted and closes; later calls are [`StoreError::Unavailable`].
    async fn close(&self);
}
