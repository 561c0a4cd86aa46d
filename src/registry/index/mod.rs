//! Every device in memory, compactly: all that a known phone's request reads.
//!
//! Filled at start and changed only after the store has committed. A device
//! with one port and no settings of its own takes about 100 bytes with its
//! share of the table; settings add the bytes of their text.

mod page;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use dashmap::DashMap;

use super::symbols::Symbols;
pub(super) use page::Wanted;

use crate::domain::settings::Layer;
use crate::domain::{
    CompanyId, Device, Mac, Phone, PhoneId, Port, Revision, State, Timestamp, TypeKey,
};

/// What the index keeps of one device.
#[derive(Debug)]
struct Entry {
    phone_type: u32,
    changed: u32,
    last_seen: u32,
    /// Of the sighting last noted, to notice when another one differs.
    seen_hash: u32,
    revision: Revision,
    /// Never the same twice, also when a device goes and another comes with its MAC.
    version: u64,
    ports: Ports,
}

/// Most devices have one port: no allocation for those.
#[derive(Debug)]
enum Ports {
    One(Row),
    Many(Box<[Row]>),
}

#[derive(Debug, Clone)]
struct Row {
    port: u16,
    /// [`INACTIVE`] or the company's number.
    company: u32,
    created: u32,
    name: Option<Box<str>>,
    settings: Layer,
}

const INACTIVE: u32 = u32::MAX;

impl Ports {
    fn rows(&self) -> &[Row] {
        match self {
            Ports::One(row) => std::slice::from_ref(row),
            Ports::Many(rows) => rows,
        }
    }
}

/// What a request of a known device is decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Number of the type, see [`Index::phone_type`]; the same as long as the process runs.
    pub phone_type: u32,
    pub revision: Revision,
    pub changed: Timestamp,
    pub last_seen: Timestamp,
    pub(super) seen_hash: u32,
    pub active: bool,
    /// Changes whenever the device, one of its companies or the system settings do.
    pub version: u64,
}

/// One phone of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneRow {
    pub id: PhoneId,
    pub phone_type: TypeKey,
    pub created: Timestamp,
    /// `None`: inactive.
    pub company: Option<CompanyId>,
}

/// A list of phones in order of created, MAC, port: those there were when it was made.
/// 24 bytes a row; names are looked up when a row is read.
#[derive(Debug)]
pub struct Listing {
    index: Arc<Index>,
    rows: Vec<CompactRow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct CompactRow {
    created: u32,
    /// MAC in the upper 48 bits, port below.
    id: u64,
    phone_type: u32,
    company: u32,
}

/// The table of all devices.
#[derive(Debug)]
pub struct Index {
    devices: DashMap<u64, Entry>,
    types: Symbols<TypeKey>,
    companies: Symbols<CompanyId>,
    inactive_rows: AtomicUsize,
    version: AtomicU64,
    system_version: AtomicU64,
    /// By the company's number; shorter than the companies while some never changed.
    // A std lock: held for a look-up, never across an await.
    company_versions: RwLock<Vec<u64>>,
}

impl Index {
    pub(super) fn new() -> Index {
        Index {
            devices: DashMap::new(),
            types: Symbols::new(),
            companies: Symbols::new(),
            inactive_rows: AtomicUsize::new(0),
            version: AtomicU64::new(1),
            system_version: AtomicU64::new(0),
            company_versions: RwLock::default(),
        }
    }

    /// Devices known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// Phones known and not promoted.
    #[must_use]
    pub fn inactive_rows(&self) -> usize {
        self.inactive_rows.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn known(&self, mac: Mac) -> Option<Known> {
        let entry = self.devices.get(&mac.bits())?;
        Some(Known {
            phone_type: entry.phone_type,
            revision: entry.revision,
            changed: entry.changed.into(),
            last_seen: entry.last_seen.into(),
            seen_hash: entry.seen_hash,
            active: entry.ports.rows().iter().any(|row| row.company != INACTIVE),
            version: self.version_of(&entry),
        })
    }

    fn version_of(&self, entry: &Entry) -> u64 {
        let mut hasher = DefaultHasher::new();
        entry.version.hash(&mut hasher);
        self.system_version.load(Ordering::Acquire).hash(&mut hasher);
        let versions = self.company_versions.read().expect("no holder of this lock panics");
        for row in entry.ports.rows().iter().filter(|row| row.company != INACTIVE) {
            versions.get(row.company as usize).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// To be called after the company's new form can be read: a body made of the old
    /// one must not get the new version.
    pub(super) fn company_changed(&self, company: &CompanyId) {
        let number = self.companies.number(company) as usize;
        let next = self.next_version();
        let mut versions = self.company_versions.write().expect("no holder of this lock panics");
        if versions.len() <= number {
            versions.resize(number + 1, 0);
        }
        versions[number] = next;
    }

    /// As [`Index::company_changed`], for the system settings.
    pub(super) fn system_changed(&self) {
        self.system_version.store(self.next_version(), Ordering::Release);
    }

    fn next_version(&self) -> u64 {
        self.version.fetch_add(1, Ordering::Relaxed)
    }

    #[must_use]
    pub fn phone_type(&self, known: &Known) -> TypeKey {
        self.types.name(known.phone_type)
    }

    /// The ports of a device, without its sighting.
    #[must_use]
    pub fn device(&self, mac: Mac) -> Option<Device> {
        let entry = self.devices.get(&mac.bits())?;
        let ports: BTreeMap<Port, Phone> =
            entry.ports.rows().iter().map(|row| (row.port(), self.phone(row))).collect();
        Some(Device {
            mac,
            phone_type: self.types.name(entry.phone_type),
            ports,
            sighting: None,
            changed: entry.changed.into(),
            revision: entry.revision,
        })
    }

    fn phone(&self, row: &Row) -> Phone {
        Phone {
            state: match row.company {
                INACTIVE => State::Inactive,
                company => State::Active(self.companies.name(company)),
            },
            created: row.created.into(),
            name: row.name.as_deref().unwrap_or_default().to_owned(),
            settings: row.settings.clone(),
        }
    }

    /// Takes over what the store has committed.
    pub(super) fn put(&self, device: &Device, seen_hash: Option<u32>) {
        let mut rows: Vec<Row> = device
            .ports
            .iter()
            .map(|(port, phone)| Row {
                port: port.number(),
                company: phone.company().map_or(INACTIVE, |company| self.companies.number(company)),
                created: seconds(phone.created),
                name: (!phone.name.is_empty()).then(|| phone.name.as_str().into()),
                settings: phone.settings.clone(),
            })
            .collect();
        let inactive = rows.iter().filter(|row| row.company == INACTIVE).count();
        let phone_type = self.types.number(&device.phone_type);
        let one = if rows.len() == 1 { rows.pop() } else { None };
        let ports = one.map_or_else(|| Ports::Many(rows.into_boxed_slice()), Ports::One);
        let last_seen = device.sighting.as_ref().map(|seen| seconds(seen.last));
        self.inactive_rows.fetch_add(inactive, Ordering::Relaxed);
        let mut entry = Entry {
            phone_type,
            changed: seconds(device.changed),
            last_seen: last_seen.unwrap_or_default(),
            seen_hash: seen_hash.unwrap_or_default(),
            revision: device.revision,
            version: self.next_version(),
            ports,
        };
        let mut slot = self.devices.entry(device.mac.bits());
        if let dashmap::Entry::Occupied(there) = &mut slot {
            let before = there.get();
            self.inactive_rows.fetch_sub(before.inactive(), Ordering::Relaxed);
            entry.seen_hash = seen_hash.unwrap_or(before.seen_hash);
            entry.last_seen = last_seen.unwrap_or_default().max(before.last_seen);
        }
        slot.insert(entry);
    }

    pub(super) fn remove(&self, mac: Mac) {
        if let Some((_, entry)) = self.devices.remove(&mac.bits()) {
            self.inactive_rows.fetch_sub(entry.inactive(), Ordering::Relaxed);
        }
    }

    pub(super) fn noted(&self, mac: Mac, last_seen: Timestamp, seen_hash: u32) {
        if let Some(mut entry) = self.devices.get_mut(&mac.bits()) {
            entry.last_seen = seconds(last_seen);
            entry.seen_hash = seen_hash;
        }
    }

    /// Devices without an active port that nobody asked for since `before`, at most `limit`.
    pub(super) fn unseen_since(&self, before: Timestamp, limit: usize) -> Vec<Mac> {
        let before = seconds(before);
        let old = |entry: &Entry| {
            let created = entry.ports.rows().iter().map(|row| row.created).max();
            entry.last_seen.max(created.unwrap_or_default()) < before
                && entry.inactive() == entry.ports.rows().len()
        };
        let found = self.devices.iter().filter(|entry| old(entry.value()));
        found.take(limit).map(|entry| Mac::from_bits(*entry.key())).collect()
    }

    /// All inactive phones, or the active ones of `companies` (`None`: of all).
    pub(super) fn list(self: &Arc<Self>, active: bool, companies: Option<&[CompanyId]>) -> Listing {
        let wanted: Option<Vec<u32>> = companies
            .map(|list| list.iter().filter_map(|company| self.companies.known(company)).collect());
        let fits = |row: &Row| match (row.company, active) {
            (INACTIVE, active) => !active,
            (company, true) => wanted.as_ref().is_none_or(|wanted| wanted.contains(&company)),
            (_, false) => false,
        };
        let mut rows = Vec::new();
        for entry in &self.devices {
            rows.extend(entry.ports.rows().iter().filter(|row| fits(row)).map(|row| CompactRow {
                created: row.created,
                id: *entry.key() << 16 | u64::from(row.port),
                phone_type: entry.phone_type,
                company: row.company,
            }));
        }
        rows.sort_unstable();
        Listing { index: self.clone(), rows }
    }

    /// Whether any phone is in the company.
    pub(super) fn company_has_phones(&self, company: &CompanyId) -> bool {
        let Some(number) = self.companies.known(company) else { return false };
        self.devices.iter().any(|entry| entry.ports.rows().iter().any(|row| row.company == number))
    }
}

impl Entry {
    fn inactive(&self) -> usize {
        self.ports.rows().iter().filter(|row| row.company == INACTIVE).count()
    }
}

impl Row {
    fn port(&self) -> Port {
        Port::new(self.port).expect("only ports of devices are stored")
    }
}

impl Listing {
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows from `start` on.
    pub fn rows(&self, start: usize) -> impl Iterator<Item = PhoneRow> + '_ {
        self.rows.iter().skip(start).map(|row| PhoneRow {
            id: PhoneId {
                mac: Mac::from_bits(row.id >> 16),
                port: Port::new((row.id & 0xffff) as u16).expect("only ports are packed"),
            },
            phone_type: self.index.types.name(row.phone_type),
            created: row.created.into(),
            company: (row.company != INACTIVE).then(|| self.index.companies.name(row.company)),
        })
    }
}

/// Timestamps of the index end in 2106; what is outside is pinned.
fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.max(0)).unwrap_or(u32::MAX)
}
