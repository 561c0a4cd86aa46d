//! What the cases, and the tests of one store, are made of.

use std::num::NonZeroU64;

use super::*;
use crate::domain::admission::{OldCredentials, OldProofs};
use crate::domain::settings::Secret;

pub(crate) async fn commit(
    store: &impl Store,
    mutations: impl IntoIterator<Item = Mutation>,
) -> Result<Revision, StoreError> {
    store.commit(mutations.into_iter().collect(), Vec::new()).await
}

/// Commits what must succeed; gives the revision of what it changed.
pub(crate) async fn done(
    store: &impl Store,
    mutations: impl IntoIterator<Item = Mutation>,
) -> Revision {
    commit(store, mutations).await.unwrap()
}

pub(crate) async fn read(store: &impl Store, mac: Mac) -> Option<Device> {
    store.devices(&[mac]).await.unwrap().pop()
}

pub(crate) fn conflict(what: &str) -> Result<Revision, StoreError> {
    Err(StoreError::Conflict(what.to_owned()))
}

/// Everything a store holds.
pub(crate) async fn dump(store: &impl Store) -> (Tenancy, Vec<Device>, Vec<Event>) {
    let devices = all_devices(store, 3).await;
    (store.tenancy().await.unwrap(), devices, events(store, newest(EventFilter::MAX)).await)
}

/// Checks on the way that no page is too long.
pub(crate) async fn all_devices(store: &impl Store, page: usize) -> Vec<Device> {
    let mut all: Vec<Device> = Vec::new();
    loop {
        let after = all.last().map(|device| device.mac);
        let devices = store.devices_after(after, page).await.unwrap();
        assert!(devices.len() <= page.max(1));
        if devices.is_empty() {
            return all;
        }
        all.extend(devices);
    }
}

pub(crate) async fn events(store: &impl Store, filter: EventFilter) -> Vec<Event> {
    let found = store.events(filter.clone()).await.unwrap();
    assert!(found.iter().all(|event| filter.matches(event)), "{filter:?} gave {found:?}");
    found
}

pub(crate) fn newest(limit: usize) -> EventFilter {
    EventFilter { limit, ..EventFilter::default() }
}

pub(crate) fn mac(number: u64) -> Mac {
    Mac::from_bits(0x0004_1300_0000 + number)
}

pub(crate) fn port(number: u16) -> Port {
    Port::new(number).unwrap()
}

pub(crate) fn key(text: &str) -> TypeKey {
    text.parse().unwrap()
}

pub(crate) fn id(text: &str) -> CompanyId {
    text.parse().unwrap()
}

pub(crate) fn sighting(later_s: i64) -> Sighting {
    Sighting {
        first: NOW,
        last: NOW + later_s,
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        user_agent: String::new(),
        type_guess: None,
        firmware: None,
        certificate: None,
    }
}

/// A device as its first request makes it.
pub(crate) fn device(number: u64, ports: u16) -> Device {
    let claim = Claim {
        phone_type: key("snom320"),
        strength: Strength::UserAgent,
        first: NOW,
        last: NOW,
        address: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        first_address: None,
        user_agent: "Mozilla/4.0 (compatible; snom320-SIP 8.4.35)".to_owned(),
    };
    let claims = [claim].into_iter().collect();
    Device { claims, ..Device::sighted(mac(number), key("snom320"), ports, sighting(0)) }
}

pub(crate) fn activate(device: &mut Device, number: u16, company: &str) {
    let phone = Phone { state: State::Active(id(company)), ..Phone::inactive(NOW) };
    device.phones.insert(port(number), phone);
}

/// The device as the store has it after a commit.
pub(crate) fn at(revision: Revision, device: &Device) -> Device {
    Device { revision, ..device.clone() }
}

pub(crate) fn company(name: &str) -> Company {
    // The highest bit set too: SQLite has it as a negative number.
    let instance = NonZeroU64::new(u64::MAX - name.len() as u64);
    Company { instance, ..Company::new(id(name), format!("{name} Ltd"), NOW) }
}

pub(crate) fn user(id: u64, login: &str) -> User {
    User {
        id: UserId(id),
        login: login.to_owned(),
        name: format!("{login} of {id}"),
        role: Role::SystemAdmin,
        company: None,
        admin_companies: Vec::new(),
        password_hash: None,
        key_hashes: Vec::new(),
        second_factor: None,
        created: NOW,
        revision: Revision::NONE,
    }
}

pub(crate) fn event(subject: Subject, name: &str, company: &str) -> Event {
    Event {
        id: EventId::NONE,
        at: NOW,
        who: "handset".to_owned(),
        from: "192.0.2.1".to_owned(),
        action: Action::Retyped,
        subject,
        name: name.to_owned(),
        company: company.to_owned(),
        before: Value::Null,
        after: json!({"type": "snom320"}),
    }
}

pub(crate) fn put(device: &Device, expect: Option<Revision>) -> Mutation {
    Mutation::PutDevice { device: device.clone(), expect }
}

pub(crate) fn put_company(company: &Company, expect: Option<Revision>) -> Mutation {
    Mutation::PutCompany { company: company.clone(), expect }
}

pub(crate) fn put_user(user: &User, expect: Option<Revision>) -> Mutation {
    Mutation::PutUser { user: user.clone(), expect }
}

/// What [`with_secrets`] puts into as many values of a store.
pub(crate) const SECRETS: [&str; 6] = [
    "canary of a phone",
    "canary of a company",
    "canary of all phones",
    "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
    "$argon2id$canary of a user",
    "canary of before",
];

/// Puts a secret wherever a store may have one.
pub(crate) async fn with_secrets(store: &impl Store) {
    let line = |password: &str| {
        Layer::from_stored(&json!({ "lines": { "1": { "password": password } } }).to_string())
    };
    let default = store.tenancy().await.unwrap().companies.remove(0);
    let company = Company { settings: line(SECRETS[1]), ..default.clone() };
    done(store, [put_company(&company, Some(default.revision))]).await;
    let mut with_phone = device(1, 1);
    activate(&mut with_phone, 0, "default");
    with_phone.waiting = None;
    with_phone.phones.get_mut(&port(0)).unwrap().settings = line(SECRETS[0]);
    let before = OldCredentials {
        user: "dev".to_owned(),
        password: Secret::new(SECRETS[5].to_owned()),
        replaced: NOW,
    };
    let old = OldProofs { credentials: vec![before], ..OldProofs::NONE };
    with_phone.admission = with_phone.admission.with_old(old);
    done(store, [put(&with_phone, None)]).await;
    let system = SystemSettings {
        settings: line(SECRETS[2]),
        password_seed: PasswordSeed::from_exposed(SECRETS[3]),
        changed: NOW,
        revision: Revision::NONE,
    };
    done(store, [Mutation::PutSystemSettings { system, expect: Revision::NONE }]).await;
    let admin = User { password_hash: Some(SECRETS[4].to_owned()), ..user(1, "ann") };
    done(store, [put_user(&admin, None)]).await;
}
