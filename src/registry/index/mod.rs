//! Every device in memory, compactly: all that a known phone's request reads.
//!
//! Filled at start and changed only after the store has committed. A device
//! with one port and no settings of its own takes about 100 bytes with its
//! share of the table; settings add the bytes of their text.

mod listing;
mod page;
mod shared;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use dashmap::DashMap;
use foldhash::quality::RandomState;

use super::progress::Progress;
use super::reach::PhonesOfType;
use super::sighting_fingerprint::SightingFingerprint;
use super::waiting::{InactiveQuota, WaitingDevice};
pub use listing::{Listing, PhoneRow};
pub(super) use page::Wanted;
use shared::{Interner, Symbols};

use crate::domain::admission::AdmissionState;
use crate::domain::settings::{Layer, Written};
use crate::domain::{
    Claims, CompanyId, Device, Mac, Phone, PhoneId, Port, Revision, State, Strength, Timestamp,
    TypeKey, Waiting, neighbourhood,
};
use crate::store::Object;

/// What the index keeps of one device.
#[derive(Debug)]
struct Entry {
    phone_type: u32,
    changed: u32,
    last_seen: u32,
    /// A hash of the sighting last noted, to notice when another one differs.
    seen_hash: u32,
    /// Never the same twice, also when a device goes and another comes with its MAC.
    revision: Revision,
    /// The first so many ports wait, but for those that have a row; since then.
    waiting: u16,
    /// What a claim must be stronger than to change anything.
    strength: Strength,
    /// Whether it was ever sent a file of its own.
    served: bool,
    /// Where it belongs: the networks it was last served in, or the one it was first seen in. 0: none.
    homes: Homes,
    /// What its files have set: most phones of a company have the same.
    written: Arc<Written>,
    /// How the device proved itself before; `None`: nothing is known.
    admission: Option<Arc<AdmissionState>>,
    waiting_since: u32,
    rows: Rows,
}

/// Two networks, as [`Index::place`] has them, the later first.
type Homes = [u16; 2];

/// Most devices have one port: no allocation for those, nor for what waits.
#[derive(Debug)]
enum Rows {
    None,
    One(Row),
    Many(Box<[Row]>),
}

#[derive(Debug, Clone)]
struct Row {
    port: u16,
    /// The company's number; `None`: inactive. The [`Rows`] around it take no room of their own,
    /// because what tells them apart has room in here.
    company: Option<u32>,
    created: u32,
    name: Option<Box<str>>,
    settings: Layer,
}

/// What stands in the place of a company's number for a phone that is not active.
const INACTIVE: u32 = u32::MAX;

const _: () = assert!(size_of::<Entry>() <= 104, "a million phones have to fit");

impl Rows {
    fn of(mut rows: Vec<Row>) -> Rows {
        match (rows.len(), rows.pop()) {
            (1, Some(row)) => Rows::One(row),
            (_, None) => Rows::None,
            (_, Some(row)) => {
                rows.push(row);
                Rows::Many(rows.into_boxed_slice())
            }
        }
    }

    fn all(&self) -> &[Row] {
        match self {
            Rows::None => &[],
            Rows::One(row) => std::slice::from_ref(row),
            Rows::Many(rows) => rows,
        }
    }
}

/// What a request of a known device is decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Number of the type, see [`Index::phone_type`]; the same as long as the process runs.
    pub phone_type: u32,
    /// When it was last seen, to the second; 1970 when it was not yet.
    pub last_seen: Timestamp,
    pub(super) seen_hash: u32,
    /// Whether one of its ports belongs to a company.
    pub active: bool,
    /// Whether it was ever sent a file of its own.
    pub served: bool,
    /// What a claim must be stronger than to change anything.
    pub(super) strength: Strength,
    pub(super) homes: Homes,
    /// Changes whenever the device, one of its companies or the system settings do.
    pub version: u64,
}

/// What a request of an active device is held against.
#[derive(Debug, Clone)]
pub(super) struct AdmissionFacts {
    /// That of its first active port.
    pub company: CompanyId,
    /// Those of others; nearly always none.
    pub others: Vec<CompanyId>,
    pub state: Arc<AdmissionState>,
}

/// Whether a device only waits, and no operator decided anything about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untouched {
    At(Revision),
    No,
    /// There is no such device.
    Absent,
}

/// The table of all devices.
#[derive(Debug)]
pub(super) struct Index {
    devices: DashMap<u64, Entry>,
    types: Symbols<TypeKey>,
    companies: Symbols<CompanyId>,
    writings: Interner<Written>,
    /// That of a device of which nothing is known.
    unknown_admission: Arc<AdmissionState>,
    waiting: Arc<InactiveQuota>,
    /// Of networks. Random, so that nobody finds one that is taken for another's.
    places: RandomState,
    /// Revision of the system settings, and how often all was read anew.
    system_version: AtomicU64,
    /// Revisions by the company's number; shorter than the companies while some never changed.
    // A std lock: held for a look-up, never across an await.
    company_versions: RwLock<Vec<Revision>>,
}

impl Index {
    /// An empty index with room for so many devices that wait for an operator.
    pub(super) fn new(waiting: usize) -> Index {
        Index {
            devices: DashMap::new(),
            types: Symbols::new(),
            companies: Symbols::new(),
            writings: Interner::new(),
            unknown_admission: Arc::default(),
            waiting: Arc::new(InactiveQuota::new(waiting)),
            places: RandomState::default(),
            system_version: AtomicU64::new(0),
            company_versions: RwLock::default(),
        }
    }

    #[must_use]
    pub(super) fn known(&self, mac: Mac) -> Option<Known> {
        let entry = self.devices.get(&mac.bits())?;
        Some(Known {
            phone_type: entry.phone_type,
            last_seen: entry.last_seen.into(),
            seen_hash: entry.seen_hash,
            active: entry.is_active(),
            served: entry.served,
            strength: entry.strength,
            homes: entry.homes,
            version: self.version_of(&entry),
        })
    }

    /// Whose an active device is, and how it proved itself before.
    pub(super) fn admission(&self, mac: Mac) -> Option<AdmissionFacts> {
        let entry = self.devices.get(&mac.bits())?;
        let mut numbers = entry.rows.all().iter().filter_map(|row| row.company);
        let first = numbers.next()?;
        let name = |number| self.companies.name(number);
        let others = numbers.filter(|number| *number != first).map(name).collect();
        let state = entry.admission.clone().unwrap_or_else(|| self.unknown_admission.clone());
        Some(AdmissionFacts { company: name(first), others, state })
    }

    /// The revision of a device, when it is known.
    pub(super) fn revision(&self, mac: Mac) -> Option<Revision> {
        self.devices.get(&mac.bits()).map(|entry| entry.revision)
    }

    /// Whether the device may go for another one.
    pub(super) fn untouched(&self, mac: Mac) -> Untouched {
        let Some(entry) = self.devices.get(&mac.bits()) else { return Untouched::Absent };
        if entry.is_touched() { Untouched::No } else { Untouched::At(entry.revision) }
    }

    /// Every MAC, in order.
    pub(super) fn macs(&self) -> Vec<Mac> {
        let mut macs: Vec<u64> = self.devices.iter().map(|entry| *entry.key()).collect();
        macs.sort_unstable();
        macs.into_iter().map(Mac::from_bits).collect()
    }

    fn version_of(&self, entry: &Entry) -> u64 {
        let mut hasher = DefaultHasher::new();
        entry.revision.hash(&mut hasher);
        self.system_version.load(Ordering::Acquire).hash(&mut hasher);
        let versions = self.company_versions.read().unwrap_or_else(PoisonError::into_inner);
        for company in entry.rows.all().iter().filter_map(|row| row.company) {
            versions.get(company as usize).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Is to be called after the company's new form can be read: a body made of the old
    /// one must not get the new version.
    pub(super) fn company_changed(&self, company: &CompanyId, revision: Revision) {
        let number = self.companies.number(company) as usize;
        let mut versions = self.company_versions.write().unwrap_or_else(PoisonError::into_inner);
        if versions.len() <= number {
            versions.resize(number + 1, Revision::NONE);
        }
        versions[number] = revision;
    }

    /// Does as [`Index::company_changed`], for the system settings. Revisions of another era may
    /// be those of other objects.
    pub(super) fn system_changed(&self, revision: Revision, era: u64) {
        self.system_version.store(revision.0 ^ era.rotate_right(16), Ordering::Release);
    }

    #[must_use]
    pub(super) fn phone_type(&self, known: &Known) -> TypeKey {
        self.types.name(known.phone_type)
    }

    /// A device without what requests told of it.
    #[must_use]
    pub(super) fn device(&self, mac: Mac) -> Option<Device> {
        let entry = self.devices.get(&mac.bits())?;
        let phones: BTreeMap<Port, Phone> =
            entry.rows.all().iter().map(|row| (row.port(), self.phone(row))).collect();
        let created = entry.waiting_since.into();
        Some(Device {
            mac,
            phone_type: self.types.name(entry.phone_type),
            waiting: (entry.waiting > 0).then_some(Waiting { ports: entry.waiting, created }),
            phones,
            sighting: None,
            claims: Claims::default(),
            served: None,
            written: Written::clone(&entry.written),
            admission: entry.admission.as_deref().cloned().unwrap_or_default(),
            changed: entry.changed.into(),
            revision: entry.revision,
        })
    }

    fn phone(&self, row: &Row) -> Phone {
        Phone {
            state: match row.company {
                None => State::Inactive,
                Some(company) => State::Active(self.companies.name(company)),
            },
            created: row.created.into(),
            name: row.name.as_deref().unwrap_or_default().to_owned(),
            settings: row.settings.clone(),
        }
    }

    /// Takes over a device as the store has it, if it is newer than what is here; of one that is
    /// as old, what its files have set.
    pub(super) fn put(&self, device: &Device, progress: &Progress) {
        self.take(device, |before, now| now > before, progress);
    }

    /// Takes over a device as the store has it, also if what is here is newer: that may be lost.
    /// What its requests told stays.
    pub(super) fn replace(&self, device: &Device, progress: &Progress) {
        self.take(device, |_, _| true, progress);
    }

    fn take(&self, device: &Device, replaces: fn(Revision, Revision) -> bool, progress: &Progress) {
        let rows = device.phones.iter().map(|(port, phone)| Row {
            port: port.number(),
            company: phone.company().map(|company| self.companies.number(company)),
            created: seconds(phone.created),
            name: (!phone.name.is_empty()).then(|| phone.name.as_str().into()),
            settings: phone.settings.clone(),
        });
        let seen = device.sighting.as_ref();
        let mut entry = Entry {
            phone_type: self.types.number(&device.phone_type),
            changed: seconds(device.changed),
            last_seen: seen.map_or(0, |seen| seconds(seen.last)),
            seen_hash: seen.map_or(0, |seen| SightingFingerprint::from(seen).hash()),
            revision: device.revision,
            waiting: device.waiting.map_or(0, |waiting| waiting.ports),
            strength: device.strength(),
            served: device.served.is_some(),
            homes: self.homes_of(device),
            written: self.writings.of(device.written.clone()),
            admission: (!device.admission.is_empty()).then(|| Arc::new(device.admission.clone())),
            waiting_since: device.waiting.map_or(0, |waiting| seconds(waiting.created)),
            rows: Rows::of(rows.collect()),
        };
        // Whoever else has news of this device waits meanwhile.
        let slot = self.devices.entry(device.mac.bits());
        match &slot {
            dashmap::Entry::Occupied(there) => {
                let before = there.get();
                let is_taken = replaces(before.revision, entry.revision);
                if before.revision > entry.revision && !is_taken {
                    return;
                }
                entry.written = self.both_written(&before.written, &entry.written);
                if !is_taken {
                    slot.and_modify(|before| before.written = entry.written);
                    return;
                }
                if before.last_seen >= entry.last_seen {
                    (entry.last_seen, entry.seen_hash) = (before.last_seen, before.seen_hash);
                }
                entry.served |= before.served;
                entry.homes = self.both_homes(before.homes, device, entry.homes);
            }
            dashmap::Entry::Vacant(_) => {
                if progress.is_stale(&Object::Device(device.mac), entry.revision) {
                    return;
                }
            }
        }
        let waiting = entry.waiting_device(device);
        let _there = slot.insert(entry);
        match waiting {
            Some(waiting) => self.waiting.put(waiting),
            None => self.waiting.remove(device.mac),
        }
    }

    /// Takes over that a device was removed, unless it was made anew since.
    pub(super) fn remove(&self, mac: Mac, revision: Revision, progress: &Progress) {
        let slot = self.devices.entry(mac.bits());
        progress.removed(Object::Device(mac), revision);
        if let dashmap::Entry::Occupied(there) = slot
            && there.get().revision <= revision
        {
            self.waiting.remove(mac);
            there.remove();
        }
    }

    /// Takes a device out that the store does not have, whatever its revision.
    pub(super) fn drop_lost(&self, mac: Mac) {
        if let dashmap::Entry::Occupied(there) = self.devices.entry(mac.bits()) {
            self.waiting.remove(mac);
            there.remove();
        }
    }

    /// Remembers when a device was last seen and, when that is told, what it showed.
    pub(super) fn noted(&self, mac: Mac, last_seen: Timestamp, seen_hash: Option<u32>) {
        if let Some(mut entry) = self.devices.get_mut(&mac.bits()) {
            entry.last_seen = entry.last_seen.max(seconds(last_seen));
            entry.seen_hash = seen_hash.unwrap_or(entry.seen_hash);
        }
    }

    /// Remembers what a claim must be stronger than, until the device changes.
    pub(super) fn claimed(&self, mac: Mac, strength: Strength) {
        if let Some(mut entry) = self.devices.get_mut(&mac.bits()) {
            entry.strength = strength;
        }
    }

    /// Remembers that a device was sent a file of its own, for the first time, and where.
    pub(super) fn served(&self, mac: Mac, address: IpAddr) {
        let place = self.place(address);
        if let Some(mut entry) = self.devices.get_mut(&mac.bits()) {
            entry.served = true;
            entry.homes = [place, 0];
        }
    }

    /// Remembers that a device is served in another network than before.
    pub(super) fn moved(&self, mac: Mac, address: IpAddr) {
        let place = self.place(address);
        if let Some(mut entry) = self.devices.get_mut(&mac.bits()) {
            entry.homes = [place, entry.homes[0]];
        }
    }

    /// Whether the device was served from the network of that address (an IPv4 /24, an IPv6 /64), or,
    /// when it was not served yet, was first seen there. One network in 32,000 is taken for another.
    pub(super) fn is_at_home(&self, known: &Known, address: IpAddr) -> bool {
        known.homes.contains(&self.place(address))
    }

    /// A network in two bytes, which are never 0.
    fn place(&self, address: IpAddr) -> u16 {
        let hash = self.places.hash_one(neighbourhood(address));
        u16::try_from(hash >> 48).expect("16 bits fit").max(1)
    }

    /// Where a device belongs as far as the store knows: where it was first served, else last seen
    /// when it was served, else first seen.
    fn homes_of(&self, device: &Device) -> Homes {
        let pinned = device.admission.pins.as_ref().map(|pins| pins.network.addr());
        let seen = device.sighting.as_ref().map(|seen| seen.address);
        let first = || device.claims.first_address().or(seen);
        let home = pinned.or(seen.filter(|_| device.served.is_some()));
        let home = home.or_else(|| first().filter(|_| device.served.is_none()));
        [home.map_or(0, |home| self.place(home)), 0]
    }

    /// What is in memory is where it was served here; the store tells where it was at another gateway.
    fn both_homes(&self, here: Homes, device: &Device, stored: Homes) -> Homes {
        let is_pinned = device.admission.pins.is_some();
        match here {
            [0, _] => stored,
            _ if is_pinned && !here.contains(&stored[0]) => [here[0], stored[0]],
            _ => here,
        }
    }

    /// Remembers what the files of a device have set, besides what they had set before.
    pub(super) fn written(&self, mac: Mac, written: &Written) {
        if let Some(mut entry) = self.devices.get_mut(&mac.bits()) {
            entry.written = self.both_written(&entry.written, written);
        }
    }

    fn both_written(&self, one: &Arc<Written>, other: &Written) -> Arc<Written> {
        if one.covers(other) {
            one.clone()
        } else {
            self.writings.of(Written::clone(one).and(other))
        }
    }

    /// The room of devices that wait for an operator.
    pub(super) fn waiting(&self) -> &Arc<InactiveQuota> {
        &self.waiting
    }

    /// Devices without an active port that nobody asked for since `before`, at most `limit`.
    pub(super) fn unseen_since(&self, before: Timestamp, limit: usize) -> Vec<Mac> {
        let before = seconds(before);
        let old = |entry: &Entry| !entry.is_active() && entry.last_sign() < before;
        let found = self.devices.iter().filter(|entry| old(entry.value()));
        found.take(limit).map(|entry| Mac::from_bits(*entry.key())).collect()
    }

    /// The types of the active phones of a company, or of all, in order of key; one walk over all
    /// devices.
    pub(super) fn types_of(&self, company: Option<&CompanyId>) -> Vec<PhonesOfType> {
        let number = match company.map(|company| self.companies.known(company)) {
            Some(None) => return Vec::new(),
            Some(number) => number,
            None => None,
        };
        let mut found: BTreeMap<u32, (usize, PhoneId)> = BTreeMap::new();
        for entry in &self.devices {
            let is_one =
                |row: &&Row| row.company.is_some() && (number.is_none() || row.company == number);
            for row in entry.rows.all().iter().filter(is_one) {
                let phone = PhoneId { mac: Mac::from_bits(*entry.key()), port: row.port() };
                found.entry(entry.phone_type).or_insert((0, phone)).0 += 1;
            }
        }
        let of = |(number, (count, example)): (u32, (usize, PhoneId))| PhonesOfType {
            phone_type: self.types.name(number),
            count,
            example,
        };
        let mut types: Vec<PhonesOfType> = found.into_iter().map(of).collect();
        types.sort_unstable_by(|one, other| one.phone_type.cmp(&other.phone_type));
        types
    }

    /// The devices with phones in the company that were never sent a file of their own; one walk
    /// over all devices.
    pub(super) fn unserved(&self, company: &CompanyId) -> usize {
        let Some(number) = self.companies.known(company) else { return 0 };
        let is_in = |entry: &Entry| entry.rows.all().iter().any(|row| row.company == Some(number));
        self.devices.iter().filter(|entry| !entry.served && is_in(entry)).count()
    }

    /// Whether any phone is in the company.
    pub(super) fn company_has_phones(&self, company: &CompanyId) -> bool {
        let Some(number) = self.companies.known(company) else { return false };
        self.devices
            .iter()
            .any(|entry| entry.rows.all().iter().any(|row| row.company == Some(number)))
    }
}

impl Entry {
    fn is_active(&self) -> bool {
        self.rows.all().iter().any(|row| row.company.is_some())
    }

    /// Whether an operator decided anything about it.
    fn is_touched(&self) -> bool {
        !self.rows.all().is_empty() || self.strength == Strength::Operator
    }

    /// How the device that this is the entry of counts for the quota; `None` when one of its
    /// phones is active.
    fn waiting_device(&self, device: &Device) -> Option<WaitingDevice> {
        if self.is_active() {
            return None;
        }
        let waiting = device.waiting.map(|waiting| waiting.created);
        let created = device.phones.values().map(|phone| phone.created).chain(waiting).min()?;
        let seen = device.sighting.as_ref().map(|seen| seen.address);
        Some(WaitingDevice {
            mac: device.mac,
            address: device.claims.first_address().or(seen),
            created,
            is_touched: self.is_touched(),
        })
    }

    /// When it was last heard of.
    fn last_sign(&self) -> u32 {
        let created = self.rows.all().iter().map(|row| row.created).max();
        self.last_seen.max(self.waiting_since).max(created.unwrap_or_default())
    }
}

impl Row {
    fn port(&self) -> Port {
        Port::new(self.port).expect("only ports of devices are stored")
    }
}

/// Timestamps of the index end in 2106; what is outside is pinned.
fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.seconds().max(0)).unwrap_or(u32::MAX)
}
