//! What must be known of the database to decide a group of commits.

use std::collections::{BTreeSet, HashSet};

use super::error::{Failure, bad_row};
use super::history::Anchor;
use super::queries::{self, known_number};
use super::rows::{self, get, revision};
use super::schema::Version;
use super::session::{BEGIN, Batch, ROWS, Session, parameters};
use crate::domain::{Company, CompanyId, Mac, Revision, Timestamp, UserId};
use crate::store::encoding::mac_bits;
use crate::store::objects::Objects;
use crate::store::{Guard, Mutation, Object};

/// The names of what commits change or rely on.
#[derive(Debug, Default)]
pub(super) struct Needs {
    devices: BTreeSet<Mac>,
    companies: BTreeSet<CompanyId>,
    /// Those that are only relied on.
    users: BTreeSet<UserId>,
    /// Logins and keys are unique, and somebody must remain who administers the system.
    all_users: bool,
    system: bool,
    /// Those that are relied on.
    bans: Vec<String>,
    /// Devices that are removed, or were.
    left: BTreeSet<Mac>,
    removed_companies: BTreeSet<CompanyId>,
    /// There is more than what gateways note of devices for themselves.
    more_than_notes: bool,
}

/// The row that all groups lock, as this one found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ledger {
    pub head: Revision,
    pub forgotten: Revision,
    /// The number of the last group.
    pub group: i64,
    /// The number of the last event.
    pub event: i64,
}

/// What was found, with the row locked until the transaction ends.
pub(super) struct Loaded {
    pub ledger: Ledger,
    pub version: Version,
    /// Whether the group that was known is there as it was.
    pub has_known: bool,
    /// Devices without their phones, companies by their revisions only.
    pub objects: Objects,
}

// With the condition it comes from the index: beside a long read the table grows by a version each
// group, and a scan goes through all of them.
pub(super) const LEDGER: &str = "SELECT head, forgotten, commit_group, event FROM store WHERE one";
pub(super) const LOCK: &str =
    "SELECT head, forgotten, commit_group, event FROM store WHERE one FOR UPDATE";
// A statement of its own: what it reads is of the moment when the row was locked, or later.
const VERSION: &str = "SELECT version, compatible_from, \
     (SELECT stamp FROM commit_group WHERE number = $1) \
     FROM schema_version ORDER BY version DESC LIMIT 1";
const COMPANIES: &str = "SELECT id, revision FROM company WHERE id = ANY($1)";
const LEFT: &str = "SELECT mac, written FROM left_in_device WHERE mac = ANY($1)";
/// Companies that phones of other devices are in.
const NAMED: &str = "SELECT id FROM company WHERE id = ANY($1) AND EXISTS (SELECT 1 FROM phone \
     WHERE phone.company = company.id AND phone.mac <> ALL($2))";

impl Needs {
    pub(super) fn add(&mut self, mutations: &[Mutation], guards: &[Guard]) {
        let is_note = |mutation: &Mutation| {
            matches!(mutation, Mutation::NoteSighting { .. } | Mutation::NoteServed { .. })
        };
        self.more_than_notes |= !guards.is_empty() || !mutations.iter().all(is_note);
        for guard in guards {
            match guard {
                Guard::Same(Object::Device(mac), _) => drop(self.devices.insert(*mac)),
                Guard::Same(Object::Company(id), _) => drop(self.companies.insert(id.clone())),
                Guard::Same(Object::User(id), _) => drop(self.users.insert(*id)),
                Guard::Same(Object::SystemSettings, _) => self.system = true,
                Guard::Same(Object::Ban(network), _) => self.bans.push(network.to_string()),
                Guard::RemainingAdmin => self.all_users = true,
                Guard::Unchanged(_) => {}
            }
        }
        for mutation in mutations {
            match mutation {
                Mutation::PutDevice { device, .. } => {
                    self.devices.insert(device.mac);
                    self.companies.extend(device.companies().cloned());
                }
                Mutation::RemoveDevice { mac, .. } => {
                    self.devices.insert(*mac);
                    self.left.insert(*mac);
                }
                Mutation::NoteSighting { mac, .. }
                | Mutation::NoteServed { mac, .. }
                | Mutation::NoteWritten { mac, .. } => drop(self.devices.insert(*mac)),
                Mutation::NoteLeft { mac, .. } => drop(self.left.insert(*mac)),
                Mutation::PutCompany { company, .. } => {
                    self.companies.insert(company.id.clone());
                }
                Mutation::RemoveCompany { id, .. } => {
                    self.companies.insert(id.clone());
                    self.removed_companies.insert(id.clone());
                    self.all_users = true;
                }
                Mutation::PutUser { user, .. } => {
                    self.all_users = true;
                    self.companies
                        .extend(user.company.iter().chain(&user.admin_companies).cloned());
                }
                Mutation::RemoveUser { .. } => self.all_users = true,
                Mutation::PutSystemSettings { .. } => self.system = true,
                // Whatever there is, they replace it.
                Mutation::PutBan { .. } | Mutation::RemoveBan { .. } | Mutation::Append(_) => {}
            }
        }
    }

    /// Whether it may well be that there is nothing to write.
    pub(super) fn are_of_notes(&self) -> bool {
        !self.more_than_notes
    }

    /// Begins a transaction, locks the row that makes groups come one after another, and reads.
    pub(super) async fn load(
        &self,
        session: &Session,
        known: Option<Anchor>,
    ) -> Result<Loaded, Failure> {
        self.read(session, known, &[BEGIN, LOCK]).await
    }

    /// Reads, and holds nobody up.
    pub(super) async fn look(
        &self,
        session: &Session,
        known: Option<Anchor>,
    ) -> Result<Loaded, Failure> {
        self.read(session, known, &[LEDGER]).await
    }

    /// Of the statements to begin with the last gives the ledger.
    async fn read(
        &self,
        session: &Session,
        known: Option<Anchor>,
        first: &[&str],
    ) -> Result<Loaded, Failure> {
        let macs: Vec<i64> = self.devices.iter().copied().map(mac_bits).collect();
        let companies: Vec<&str> = self.companies.iter().map(CompanyId::as_str).collect();
        let users: Vec<i64> = self.users.iter().map(|id| id.0.cast_signed()).collect();
        let left: Vec<i64> = self.left.iter().copied().map(mac_bits).collect();
        let leaving: Vec<&str> = self.removed_companies.iter().map(CompanyId::as_str).collect();
        let known_number = known_number(known);
        let pages: Vec<&[i64]> = macs.chunks(ROWS).collect();
        let mut batch = Batch::new(session);
        first.iter().for_each(|sql| batch.add(sql, parameters![]));
        batch.add(VERSION, parameters![&known_number]);
        pages.iter().for_each(|page| batch.add(queries::DEVICES, parameters![page]));
        if !companies.is_empty() {
            batch.add(COMPANIES, parameters![&companies]);
        }
        if self.all_users {
            batch.add(queries::USERS, parameters![]);
        } else if !users.is_empty() {
            batch.add(queries::USERS_OF, parameters![&users]);
        }
        if self.system {
            batch.add(queries::SYSTEM, parameters![]);
        }
        if !self.bans.is_empty() {
            batch.add(queries::BANS, parameters![&self.bans]);
        }
        if !left.is_empty() {
            batch.add(LEFT, parameters![&left]);
        }
        if !leaving.is_empty() {
            batch.add(NAMED, parameters![&leaving, &macs]);
            batch.add(queries::PHONES, parameters![&macs]);
        }
        let mut found = batch.run().await?.into_iter().skip(first.len() - 1);
        let mut next = || found.next().unwrap_or_default();
        let (locked, version) = (next(), next());
        let row = locked.first().ok_or(Failure::Empty)?;
        let ledger = Ledger {
            head: revision(row, 0)?,
            forgotten: revision(row, 1)?,
            group: get(row, 2)?,
            event: get(row, 3)?,
        };
        let row = version.first().ok_or_else(|| bad_row("schema_version", "version", "no row"))?;
        let version = Version { version: get(row, 0)?, compatible_from: get(row, 1)? };
        let stamp = get(row, 2)?;
        let has_known = known.is_none_or(|known| known.stamp_is(stamp));
        let mut objects = Objects { head: ledger.head, ..Objects::default() };
        let devices: Vec<_> = pages.iter().flat_map(|_| next()).collect();
        if !companies.is_empty() {
            for row in next() {
                let company = bare_company(get(&row, 0)?, revision(&row, 1)?)?;
                objects.companies.insert(company.id.clone(), company);
            }
        }
        if self.all_users || !users.is_empty() {
            for row in next() {
                let user = rows::user(session.cipher(), &row)?;
                objects.users.insert(user.id, user);
            }
        }
        if self.system {
            objects.system = next()
                .first()
                .map(|row| rows::system(session.cipher(), row))
                .transpose()?
                .unwrap_or_default();
        }
        if !self.bans.is_empty() {
            for row in next() {
                let ban = rows::ban(&row)?;
                objects.bans.insert(ban.network, ban);
            }
        }
        if !left.is_empty() {
            for row in next() {
                let mac = rows::mac(&row, 0)?;
                objects.left.insert(mac, rows::written(&row, 1, mac)?);
            }
        }
        let mut phones = Vec::new();
        if !leaving.is_empty() {
            let named = next();
            let named = named.iter().map(|row| parsed(get(row, 0)?));
            objects.named_elsewhere = named.collect::<Result<HashSet<_>, Failure>>()?;
            phones = next();
        }
        let devices = queries::whole(session.cipher(), &devices, &phones)?;
        objects.devices = devices.into_iter().map(|device| (device.mac, device)).collect();
        Ok(Loaded { ledger, version, has_known, objects })
    }
}

/// A company of which it is asked only whether it is there, and since when.
fn bare_company(id: &str, revision: Revision) -> Result<Company, Failure> {
    let company = Company::new(parsed(id)?, String::new(), Timestamp::from_seconds(0));
    Ok(Company { revision, ..company })
}

fn parsed(id: &str) -> Result<CompanyId, Failure> {
    id.parse().map_err(|e| bad_row(&format!("company {id:?}"), "id", e))
}
