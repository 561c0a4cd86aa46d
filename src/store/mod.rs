//! What is durable: devices with their phones, companies, users, the system
//! settings and the audit record, behind one trait.
//!
//! The store keeps whole objects and knows no rules. A rule reads an object,
//! computes the next one in `domain`, and commits it with the revision it
//! started from; a commit made from a stale revision is refused as a
//! [`StoreError::Conflict`], so that of two promotes at once one succeeds,
//! whichever process they run in.

mod conflict;
#[cfg(test)]
mod conformance;
mod memory;
mod sqlite;
pub mod url;

use async_trait::async_trait;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;
pub use url::{StoreUrl, open};

use crate::domain::settings::Layer;
use crate::domain::{
    Company, CompanyId, Device, Event, Mac, Revision, Sighting, Subject, Timestamp, User, UserId,
};

/// One change of a commit.
#[derive(Debug, Clone)]
pub enum Mutation {
    /// Stores the device, which has a port, as it is given. `expect` is the revision it was made
    /// from; `None` means the MAC must not be there yet. Conflicts also when a
    /// company of one of its ports does not exist.
    PutDevice {
        device: Device,
        expect: Option<Revision>,
    },
    RemoveDevice {
        mac: Mac,
        expect: Revision,
    },
    /// Notes a later sighting as [`Sighting::noting`] says; revision and ports stay.
    /// No conflict when the device is gone: then there is nothing to note.
    NoteSighting {
        mac: Mac,
        sighting: Sighting,
    },
    PutCompany {
        company: Company,
        expect: Option<Revision>,
    },
    /// Conflicts also while a phone or user names the company.
    RemoveCompany {
        id: CompanyId,
        expect: Revision,
    },
    /// Conflicts also when another user has the login or one of the key hashes,
    /// when a hash is given twice, and when a company it names does not exist:
    /// else a company could go while a user is given it.
    PutUser {
        user: User,
        expect: Option<Revision>,
    },
    RemoveUser {
        id: UserId,
        expect: Revision,
    },
    PutSystemSettings {
        system: SystemSettings,
        expect: Revision,
    },
    /// Appends to the audit record; the store gives the id.
    Append(Event),
}

/// The settings all phones share, and what else there is one of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SystemSettings {
    pub settings: Layer,
    pub changed: Timestamp,
    /// 0 before the first write.
    pub revision: Revision,
}

/// Everything but the audit record, as it was at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tenancy {
    pub companies: Vec<Company>,
    pub users: Vec<User>,
    pub system: SystemSettings,
}

/// Which events to read: newest first.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only events older than this id.
    pub before: Option<u64>,
    pub subject: Option<Subject>,
    /// Exact name; for [`Subject::Phone`] a MAC also finds the events of its phones.
    pub name: Option<String>,
    /// Only events of these companies, when given.
    pub companies: Option<Vec<String>>,
    /// At most this many; the store caps it at [`EventFilter::MAX`]. 0 reads nothing.
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
    /// A precondition of one write did not hold; nothing of its commit was done.
    #[error("{0} was changed by someone else")]
    Conflict(String),
    /// No space left. Reading goes on.
    #[error("{what}: the disk is full")]
    Full { what: String },
    /// The file or its directory cannot be written. Reading goes on.
    #[error("{what}: read-only")]
    ReadOnly { what: String },
    /// Another process has the file.
    #[error("{what} is in use by another dialtone process{by}")]
    InUse { what: String, by: String },
    /// Not a store of this program, of a newer version, or damaged.
    #[error("{what}: {why}")]
    Unusable { what: String, why: String },
    /// Anything else of the medium; trying again may work.
    #[error("{what}: {why}")]
    Unavailable { what: String, why: String },
    /// More commits wait than the queue holds.
    #[error("the store is overloaded: {waiting} commits wait")]
    Overloaded { waiting: usize },
}

/// A durable registry.
///
/// Every method may be called from many tasks at once and must not block the
/// caller's thread. What returned `Ok` is visible to every later call.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Does all `writes` in their order, or none. Durable when it returns.
    /// A caller that stops waiting does not take its commit back.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a precondition fails; [`StoreError::Overloaded`]
    /// when too many commits wait; else what the medium said.
    async fn commit(&self, writes: Vec<Mutation>) -> Result<(), StoreError>;

    /// The device of `mac`, if there is one.
    async fn device(&self, mac: Mac) -> Result<Option<Device>, StoreError>;

    /// Gives every device to `each`, in order of MAC, in pages of 1 to `page`
    /// devices so that a million do not sit in memory at once. Stops when the
    /// receiver is gone. Each device is whole; the pages are read one after
    /// the other, so a change committed meanwhile may or may not show.
    async fn devices(
        &self,
        page: usize,
        each: tokio::sync::mpsc::Sender<Vec<Device>>,
    ) -> Result<(), StoreError>;

    /// Companies (with `default`, which a new store makes), users, system settings.
    async fn tenancy(&self) -> Result<Tenancy, StoreError>;

    async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, StoreError>;

    /// When this catalogue was first served from this store: `now` if never.
    /// Part of `Last-Modified`, so that a changed template shows there.
    async fn catalogue_since(&self, digest: &str, now: Timestamp) -> Result<Timestamp, StoreError>;

    /// Whether a commit could be made now. Cheap: asked by every readiness probe.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Finishes what was accepted and closes; later calls are [`StoreError::Unavailable`].
    async fn close(&self);
}
