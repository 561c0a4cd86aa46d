//! From the document to domain values, every problem noted with its place.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::num::NonZeroU64;

use ipnet::IpNet;
use serde_json::value::{RawValue, Value};

use super::document::{
    BanEntry, CompanyEntry, DeviceEntry, EventEntry, PortEntry, RemovedEntry, SightingEntry,
    UserEntry,
};
use super::error::DocumentProblem;
use super::read::{Item, Placed};
use super::unfinished::is_mark;
use crate::domain::admission::{AdmissionState, OldProofs};
use crate::domain::settings::schema::ADMISSION;
use crate::domain::settings::{Layer, SettingError, Written};
use crate::domain::{
    ApiKeyHash, Ban, BanEvidence, Claim, Claims, Company, CompanyId, Device, Event, EventId, Mac,
    Phone, Port, Revision, Role, SecondFactor, Sighting, State, Timestamp, User, UserId, from_hex,
};
use crate::registry::limits::require_no_file_key;
use crate::registry::passwords::{MAX_PASSWORD, is_affordable};
use crate::registry::text::{check_login, check_name, is_assignable_mac};
use crate::registry::{NewBan, RegistryError};
use crate::store::Mutation;

/// Problems reported; a document with more has one mistake many times.
const MAX_PROBLEMS: usize = 1000;

/// Characters of what an event names: more than a login, a company or a phone has. An index of a
/// database takes no more than 2,700 bytes.
const MAX_EVENT_TEXT: usize = 128;

/// The number of a phone's own token is a time in seconds since 1970. Above this one are more than a
/// phone is ever given.
const HIGHEST_TOKEN: u32 = 4_000_000_000;

/// Bytes of a user or password that a phone had before: settings take fewer.
const MOST_CREDENTIAL: usize = 512;

/// A user, and the password that is still to be hashed.
pub(super) struct CheckedUser {
    pub user: User,
    pub password: Option<String>,
}

/// What has been read so far, as far as the rest is checked against it, and what was wrong with it.
pub(super) struct Check {
    now: Timestamp,
    pub problems: Vec<DocumentProblem>,
    /// Where what is being checked begins.
    line: Option<usize>,
    companies: BTreeSet<CompanyId>,
    /// Of the devices before, unless they are known to differ.
    macs: Option<HashSet<Mac>>,
    /// Of the removed devices before.
    removed: BTreeSet<Mac>,
    /// Of the bans before.
    banned: HashSet<IpNet>,
    logins: BTreeSet<String>,
    ids: BTreeSet<UserId>,
    keys: BTreeSet<ApiKeyHash>,
}

impl Check {
    pub(super) fn new(now: Timestamp) -> Check {
        Check {
            now,
            problems: Vec::new(),
            line: None,
            companies: [CompanyId::default_company()].into(),
            macs: Some(HashSet::new()),
            removed: BTreeSet::new(),
            banned: HashSet::new(),
            logins: BTreeSet::new(),
            ids: BTreeSet::new(),
            keys: BTreeSet::new(),
        }
    }

    pub(super) fn problem(&mut self, path: impl Into<String>, message: impl ToString) {
        if self.problems.len() < MAX_PROBLEMS {
            let (path, message, line) = (path.into(), message.to_string(), self.line);
            self.problems.push(DocumentProblem { path, message, line });
        }
    }

    /// The value, or a problem.
    fn or_problem<T, E: ToString>(&mut self, path: String, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.problem(path, error)).ok()
    }

    pub(super) fn layer(&mut self, path: &str, settings: Option<&RawValue>) -> Layer {
        let Some(settings) = settings else { return Layer::default() };
        let document = match serde_json::from_str(settings.get()) {
            Ok(document) => document,
            Err(error) => {
                self.problem(path, error);
                return Layer::default();
            }
        };
        Layer::parse(&document).unwrap_or_else(|errors| {
            self.problems_at(path, errors);
            Layer::default()
        })
    }

    /// A layer of many phones, which have no key of one.
    pub(super) fn shared_layer(&mut self, path: &str, settings: Option<&RawValue>) -> Layer {
        let layer = self.layer(path, settings);
        if let Err(RegistryError::Settings(errors)) = require_no_file_key(&Layer::default(), &layer)
        {
            self.problems_at(path, errors);
        }
        layer
    }

    pub(super) fn companies(&mut self, entries: &[Placed<CompanyEntry>]) -> Vec<Company> {
        let mut companies = BTreeMap::new();
        for (at, Placed { line, entry }) in entries.iter().enumerate() {
            self.line = Some(*line);
            let path = format!("companies[{at}]");
            let id = self.or_problem(format!("{path}.company"), entry.company.parse::<CompanyId>());
            self.name(&path, &entry.name);
            let settings =
                self.shared_layer(&format!("{path}.settings"), entry.settings.as_deref());
            let instance = entry.instance.as_deref().and_then(|text| {
                let instance = u64::from_str_radix(text, 16).ok().and_then(NonZeroU64::new);
                let message = "must be a hexadecimal number of 64 bits that is not 0";
                self.or_problem(format!("{path}.instance"), instance.ok_or(message))
            });
            let Some(id) = id else { continue };
            let created = entry.created.unwrap_or(self.now);
            let company = Company::new(id.clone(), entry.name.clone(), created);
            let company = Company { instance, settings, changed: self.now, ..company };
            if companies.insert(id.clone(), company).is_some() {
                self.problem(format!("{path}.company"), format!("{id} is there twice"));
            }
            self.companies.insert(id);
        }
        self.line = None;
        companies.into_values().collect()
    }

    pub(super) fn users(&mut self, entries: Vec<Placed<UserEntry>>) -> Vec<CheckedUser> {
        let mut free = 0;
        self.ids = entries.iter().filter_map(|placed| placed.entry.id).collect();
        let mut seen = BTreeSet::new();
        let mut users = Vec::with_capacity(entries.len());
        for (at, Placed { line, entry }) in entries.into_iter().enumerate() {
            self.line = Some(line);
            let path = format!("users[{at}]");
            let id = entry.id.unwrap_or_else(|| {
                free += 1;
                while self.ids.contains(&UserId(free)) {
                    free += 1;
                }
                UserId(free)
            });
            if id == UserId::NONE || id > UserId::MAX_IMPORTED {
                let message = format!("must be 1 to {}", UserId::MAX_IMPORTED);
                self.problem(format!("{path}.id"), message);
            } else if !seen.insert(id) {
                self.problem(format!("{path}.id"), format!("{id} is there twice"));
            }
            users.extend(self.user(&path, id, entry));
        }
        self.line = None;
        users
    }

    fn user(&mut self, path: &str, id: UserId, entry: UserEntry) -> Option<CheckedUser> {
        if let Err(error) = check_login(&entry.login) {
            self.problem(path, error);
        } else if !self.logins.insert(entry.login.clone()) {
            self.problem(format!("{path}.login"), format!("{} is there twice", entry.login));
        }
        self.name(path, &entry.name);
        let role = serde_json::from_value::<Role>(entry.role.clone().into());
        let unknown = |_| "must be System-Admin, Company-Admin or User";
        let role = self.or_problem(format!("{path}.role"), role.map_err(unknown));
        let named = entry.company.as_deref();
        let company = named.and_then(|named| self.company(format!("{path}.company"), named));
        let mut admin_companies = Vec::new();
        for (at, named) in entry.companies.iter().enumerate() {
            admin_companies.extend(self.company(format!("{path}.companies[{at}]"), named));
        }
        self.password(path, &entry);
        let key_hashes = self.keys(path, &entry);
        let second_factor = entry.second_factor.as_ref().and_then(|written| {
            let read = SecondFactor::from_exposed(written.get());
            // Whatever is wrong, it may hold the secret.
            let wrong = "must be as `export --with-secrets` writes it";
            self.or_problem(format!("{path}.second_factor"), read.ok_or(wrong))
        });
        let user = User {
            id,
            login: entry.login,
            name: entry.name,
            role: role?,
            company,
            admin_companies,
            password_hash: entry.password_hash,
            key_hashes,
            second_factor,
            created: entry.created.unwrap_or(self.now),
            revision: Revision::NONE,
        };
        Some(CheckedUser { user, password: entry.password })
    }

    fn password(&mut self, path: &str, entry: &UserEntry) {
        if let Some(password) = &entry.password {
            if password.is_empty() || password.len() > MAX_PASSWORD {
                let message = format!("must have 1 to {MAX_PASSWORD} bytes");
                self.problem(format!("{path}.password"), message);
            }
            if entry.password_hash.is_some() {
                self.problem(format!("{path}.password"), "is there beside password_hash");
            }
        }
        if entry.password_hash.as_deref().is_some_and(|hash| !is_affordable(hash)) {
            let message = "must be of argon2id, with at most 256 MB, 10 passes and 4 lanes";
            self.problem(format!("{path}.password_hash"), message);
        }
    }

    fn keys(&mut self, path: &str, entry: &UserEntry) -> Vec<ApiKeyHash> {
        let mut hashes = Vec::new();
        for (at, hex) in entry.key_hashes.iter().enumerate() {
            let place = format!("{path}.key_hashes[{at}]");
            hashes.extend(
                self.or_problem(
                    place,
                    from_hex(hex).map(ApiKeyHash).ok_or("must be 64 hex digits"),
                ),
            );
        }
        match entry.key.as_deref() {
            None => {}
            Some(key) if key.is_empty() || key.len() > MAX_PASSWORD => {
                let message = format!("must have 1 to {MAX_PASSWORD} bytes");
                self.problem(format!("{path}.key"), message);
            }
            Some(key) => hashes.push(ApiKeyHash::of(key)),
        }
        if hashes.len() > User::MAX_KEYS {
            self.problem(path, format!("a user has at most {} keys", User::MAX_KEYS));
        }
        for hash in &hashes {
            if !self.keys.insert(*hash) {
                self.problem(path, "a key is there twice");
            }
        }
        hashes
    }

    /// For a second reading of devices and bans of which none was there twice.
    pub(super) fn forget_macs(&mut self) {
        self.macs = None;
        self.removed = BTreeSet::new();
        self.banned = HashSet::new();
    }

    /// How what stands at this place of its list is stored.
    pub(super) fn item(
        &mut self,
        at: usize,
        Placed { line, entry }: Placed<Item>,
    ) -> Option<Mutation> {
        self.line = Some(line);
        let mutation = match entry {
            Item::Device(entry) => {
                let device = self.device(at, entry);
                device.map(|device| Mutation::PutDevice { device, expect: None })
            }
            Item::Removed(entry) => self.removed(at, &entry),
            Item::Ban(entry) => self.ban(at, entry).map(|ban| Mutation::PutBan { ban }),
            Item::Event(entry) => self.event(at, entry).map(Mutation::Append),
        };
        self.line = None;
        mutation
    }

    fn removed(&mut self, at: usize, entry: &RemovedEntry) -> Option<Mutation> {
        let path = format!("removed[{at}]");
        let mac = self.or_problem(format!("{path}.mac"), entry.mac.parse::<Mac>());
        // Those of a second reading are known to differ.
        if let Some(mac) = mac.filter(|_| self.macs.is_some())
            && !self.removed.insert(mac)
        {
            self.problem(format!("{path}.mac"), format!("{mac} is there twice"));
        }
        let written = self.written(&format!("{path}.written"), Some(&entry.written));
        Some(Mutation::NoteLeft { mac: mac?, written })
    }

    fn ban(&mut self, at: usize, entry: BanEntry) -> Option<Ban> {
        let path = format!("bans[{at}]");
        let network = self.or_problem(format!("{path}.network"), network(&entry.network));
        // Those of a second reading are known to differ.
        if let Some(network) = network.filter(|_| self.macs.is_some())
            && !self.banned.insert(network)
        {
            self.problem(format!("{path}.network"), format!("{network} is there twice"));
        }
        let since = entry.since.unwrap_or(self.now);
        let lasts_s = entry.until.seconds().saturating_sub(since.seconds());
        if !(0..=NewBan::MAX_S).contains(&lasts_s) {
            let most = NewBan::MAX_S / 86_400;
            let message = format!("must be at most {most} days after `since`, and not before it");
            self.problem(format!("{path}.until"), message);
        }
        let times = entry.times.unwrap_or(1);
        if times == 0 {
            self.problem(format!("{path}.times"), "must be at least 1");
        }
        self.text(&path, "reason", &entry.reason, NewBan::MAX_REASON);
        self.text(&path, "made_by", &entry.made_by, MAX_EVENT_TEXT);
        if entry.evidence.len() > Ban::MAX_EVIDENCE {
            let message = format!("a ban has at most {}", Ban::MAX_EVIDENCE);
            self.problem(format!("{path}.evidence"), message);
        }
        let mut evidence = Vec::with_capacity(entry.evidence.len());
        for (at, one) in entry.evidence.into_iter().enumerate() {
            let path = format!("{path}.evidence[{at}]");
            let one = serde_json::from_value::<BanEvidence>(one);
            let Some(one) = self.or_problem(path.clone(), one) else { continue };
            self.text(&path, "target", &one.target, Ban::MAX_EVIDENCE_TEXT);
            self.text(&path, "user_agent", &one.user_agent, Ban::MAX_EVIDENCE_TEXT);
            evidence.push(one);
        }
        Some(Ban {
            network: network?,
            since,
            until: entry.until,
            times,
            reason: entry.reason,
            made_by: entry.made_by,
            evidence,
            revision: Revision::NONE,
        })
    }

    fn event(&mut self, at: usize, entry: EventEntry) -> Option<Event> {
        let path = format!("events[{at}]");
        let action = serde_json::from_value(entry.action);
        let action = self.or_problem(format!("{path}.action"), action);
        let subject = serde_json::from_value(entry.subject);
        let subject = self.or_problem(format!("{path}.subject"), subject);
        for (member, text) in [
            ("who", &entry.who),
            ("from", &entry.from),
            ("name", &entry.name),
            ("company", &entry.company),
        ] {
            self.text(&path, member, text, MAX_EVENT_TEXT);
        }
        let event = Event {
            id: EventId::NONE,
            at: entry.at,
            who: entry.who,
            from: entry.from,
            action: action?,
            subject: subject?,
            name: entry.name,
            company: entry.company,
            before: entry.before,
            after: entry.after,
        };
        if is_mark(&event) {
            let message = "tells of an import into another store: leave it out";
            self.problem(format!("{path}.name"), message);
        }
        Some(event)
    }

    /// The device at this place of the list.
    fn device(&mut self, at: usize, entry: DeviceEntry) -> Option<Device> {
        let path = &format!("devices[{at}]");
        let place = format!("{path}.mac");
        let mac = self.or_problem(place.clone(), entry.mac.parse::<Mac>());
        if let Some(mac) = mac {
            if !is_assignable_mac(mac) {
                self.problem(place, format!("{mac} is the address of no phone"));
            } else if self.macs.as_mut().is_some_and(|macs| !macs.insert(mac)) {
                self.problem(place, format!("{mac} is there twice"));
            }
        }
        let phone_type = self.or_problem(format!("{path}.phone_type"), entry.phone_type.parse());
        let mut ports = BTreeMap::new();
        if entry.ports.is_empty() {
            self.problem(format!("{path}.ports"), "a device has at least one");
        }
        for (at, port) in entry.ports.into_iter().enumerate() {
            let path = format!("{path}.ports[{at}]");
            let Some((number, phone)) = self.phone(&path, &port) else { continue };
            if ports.insert(number, phone).is_some() {
                self.problem(format!("{path}.port"), format!("{number} is there twice"));
            }
        }
        let sighting = entry.sighting.map(|seen| self.sighting(&format!("{path}.sighting"), seen));
        let claims = self.claims(&format!("{path}.claims"), entry.claims);
        let written = self.written(&format!("{path}.written"), entry.written.as_ref());
        let admission = self.admission(&format!("{path}.admission"), entry.admission);
        let device = Device {
            mac: mac?,
            phone_type: phone_type?,
            waiting: None,
            phones: ports,
            sighting: match sighting {
                None => None,
                Some(seen) => Some(seen?),
            },
            claims,
            served: entry.served,
            written,
            admission,
            changed: self.now,
            revision: Revision::NONE,
        };
        Some(device.folded())
    }

    fn admission(&mut self, path: &str, state: Option<Value>) -> AdmissionState {
        let Some(state) = state else { return AdmissionState::default() };
        let state = serde_json::from_value::<AdmissionState>(state);
        let Some(state) = self.or_problem(path.to_owned(), state) else {
            return AdmissionState::default();
        };
        if state.variations.len() > AdmissionState::MAX_VARIATIONS {
            let message = format!("a device has at most {}", AdmissionState::MAX_VARIATIONS);
            self.problem(format!("{path}.variations"), message);
        }
        if state.token > HIGHEST_TOKEN {
            self.problem(format!("{path}.token"), format!("at most {HIGHEST_TOKEN}"));
        }
        let old = state.old();
        for (what, count, most) in [
            ("tokens", old.tokens.len(), OldProofs::MAX),
            ("credentials", old.credentials.len(), OldProofs::MAX),
            ("company_tokens", old.company_tokens.len(), usize::from(Port::MAX)),
        ] {
            if count > most {
                self.problem(format!("{path}.old.{what}"), format!("at most {most}"));
            }
        }
        for (at, old) in old.credentials.iter().enumerate() {
            let path = format!("{path}.old.credentials[{at}]");
            let password = old.password.expose();
            for (name, text) in [("user", &*old.user), ("password", password)] {
                self.printable(&path, name, Some(text));
                if text.len() > MOST_CREDENTIAL {
                    self.problem(
                        format!("{path}.{name}"),
                        format!("at most {MOST_CREDENTIAL} bytes"),
                    );
                }
            }
        }
        let maker = state.pins.as_ref().and_then(|pins| pins.maker.as_deref());
        self.printable(&format!("{path}.pins"), "maker", maker);
        state
    }

    fn claims(&mut self, path: &str, claims: Option<Value>) -> Claims {
        let Some(claims) = claims else { return Claims::default() };
        let claims = serde_json::from_value::<Vec<Claim>>(claims);
        let Some(claims) = self.or_problem(path.to_owned(), claims) else {
            return Claims::default();
        };
        if claims.len() > Claims::MAX {
            self.problem(path, format!("a device has at most {}", Claims::MAX));
        }
        for (at, claim) in claims.iter().enumerate() {
            self.user_agent(&format!("{path}[{at}]"), &claim.user_agent);
        }
        claims.into_iter().collect()
    }

    fn user_agent(&mut self, path: &str, text: &str) {
        if text.len() > Sighting::MAX_USER_AGENT {
            let message = format!("must have at most {} bytes", Sighting::MAX_USER_AGENT);
            self.problem(format!("{path}.user_agent"), message);
        }
        self.printable(path, "user_agent", Some(text));
    }

    fn text(&mut self, path: &str, name: &str, text: &str, most: usize) {
        if text.chars().count() > most || text.contains(char::is_control) {
            let message = format!("must be at most {most} characters without control characters");
            self.problem(format!("{path}.{name}"), message);
        }
    }

    fn printable(&mut self, path: &str, name: &str, text: Option<&str>) {
        if text.is_some_and(|text| text.contains(char::is_control)) {
            self.problem(format!("{path}.{name}"), "must have no control characters");
        }
    }

    fn written(&mut self, path: &str, written: Option<&Value>) -> Written {
        let written = written.map_or_else(|| Ok(Written::default()), Written::parse);
        written.unwrap_or_else(|errors| {
            self.problems_at(path, errors);
            Written::default()
        })
    }

    /// What is wrong below a path.
    fn problems_at(&mut self, path: &str, errors: Vec<SettingError>) {
        for error in errors {
            let field = if error.field.is_empty() { "" } else { "." };
            self.problem(format!("{path}{field}{}", error.field), error.message);
        }
    }

    fn phone(&mut self, path: &str, entry: &PortEntry) -> Option<(Port, Phone)> {
        let too_large = format!("must be 0 to {}", Port::MAX);
        let port = Port::new(entry.port).ok_or(too_large);
        let port = self.or_problem(format!("{path}.port"), port);
        self.name(path, &entry.name);
        let settings = self.layer(&format!("{path}.settings"), entry.settings.as_deref());
        if settings.to_json().get(ADMISSION).is_some() {
            let place = format!("{path}.settings.{ADMISSION}");
            self.problem(place, "is set for a company or for all phones, not for one");
        }
        let state = match entry.company.as_deref() {
            None => Some(State::Inactive),
            Some(named) => self.company(format!("{path}.company"), named).map(State::Active),
        };
        let created = entry.created.unwrap_or(self.now);
        Some((port?, Phone { state: state?, created, name: entry.name.clone(), settings }))
    }

    fn sighting(&mut self, path: &str, seen: SightingEntry) -> Option<Sighting> {
        let address = self.or_problem(format!("{path}.address"), seen.address.parse());
        let guess = seen.type_guess.map(|guess| guess.parse());
        let type_guess = self.or_problem(format!("{path}.type_guess"), guess.transpose());
        self.user_agent(path, &seen.user_agent);
        self.printable(path, "firmware", seen.firmware.as_deref());
        self.printable(path, "certificate", seen.certificate.as_deref());
        Some(Sighting {
            first: seen.first,
            last: seen.last,
            address: address?,
            user_agent: seen.user_agent,
            type_guess: type_guess?,
            firmware: seen.firmware,
            certificate: seen.certificate,
        })
    }

    fn company(&mut self, path: String, named: &str) -> Option<CompanyId> {
        let known = named.parse().ok().filter(|id| self.companies.contains(id));
        self.or_problem(path, known.ok_or_else(|| format!("there is no company {named:?}")))
    }

    fn name(&mut self, path: &str, name: &str) {
        if let Err(error) = check_name(name) {
            self.problem(path, error);
        }
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let network: IpNet =
        text.parse().map_err(|_| "must be a network as 192.0.2.0/24".to_owned())?;
    match Ban::unfit_network(network) {
        Some(why) => Err(why),
        None if network != network.trunc() => {
            Err(format!("has bits behind its prefix: the network is {}", network.trunc()))
        }
        None => Ok(network),
    }
}
