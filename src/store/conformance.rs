//! What every store does, whatever it is made of. A store's tests import all
//! of it with [`suite!`].

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::{EventFilter, Registry, Store, StoreError, System, Write};
use crate::domain::settings::Layer;
use crate::domain::{
    Action, ApiKeyHash, Company, CompanyId, Device, Event, Mac, Phone, Port, Role, Sighting, State,
    Subject, Timestamp, TypeKey, User,
};

/// When the stores under test are made.
pub const NOW: Timestamp = 1_700_000_000;

/// One test for each case. `$fresh` gives a new store, and what must live as long.
macro_rules! suite {
    ($fresh:path) => {
        $crate::store::conformance::suite!($fresh:
            a_new_store_has_the_default_company_only
            a_device_comes_back_as_it_was_put
            a_second_insert_of_one_mac_is_a_conflict
            a_put_replaces_ports_and_type
            a_put_from_a_stale_revision_is_a_conflict
            of_two_promotes_at_once_one_wins
            a_commit_is_all_or_nothing
            writes_of_a_commit_see_those_before_them
            a_device_is_removed_by_its_revision_only
            a_touch_changes_the_sighting_only
            a_phone_needs_its_company
            a_company_changes_by_its_revision_only
            a_named_company_stays
            users_come_back_and_change_by_their_revision_only
            logins_and_keys_are_unique
            a_user_needs_its_companies
            system_settings_change_by_their_revision_only
            events_are_numbered_in_order_of_commit
            events_are_paged_newest_first
            events_are_found_by_subject_name_and_company
            devices_come_in_order_and_in_pages
            devices_stop_when_the_receiver_is_gone
            a_catalogue_keeps_its_first_time
            a_closed_store_says_so
        );
    };
    ($fresh:path: $($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            let (store, _held) = $fresh().await;
            $crate::store::conformance::$case(&store).await;
        }
    )*};
}
pub(super) use suite;

pub async fn a_new_store_has_the_default_company_only(store: &impl Store) {
    let company = Company::new(CompanyId::default_company(), String::new(), NOW);
    let expected = Registry { companies: vec![company], ..Registry::default() };
    assert_eq!(store.registry().await.unwrap(), expected);
    assert_eq!(all_devices(store, 10).await, []);
    assert_eq!(events(store, EventFilter::default()).await, []);
    assert_eq!(store.ready().await, Ok(()));
}

pub async fn a_device_comes_back_as_it_was_put(store: &impl Store) {
    let bare = Device { sighting: None, ..device(1, 1) };
    let mut full = device(2, 12);
    full.sighting = Some(Sighting {
        address: "2001:db8::7".parse().unwrap(),
        user_agent: "Mozilla/4.0 (compatible; snom320-SIP 8.7.5)\\n\u{e4}".to_owned(),
        type_guess: Some(key("snom320")),
        firmware: Some("8.7.5".to_owned()),
        certificate: Some("0004f2aa0335".to_owned()),
        ..sighting(5)
    });
    *full.ports.get_mut(&port(11)).unwrap() = Phone {
        state: State::Active(CompanyId::default_company()),
        created: -3,
        name: "Reception 'ground' floor".to_owned(),
        settings: Layer::from_stored(r#"{"lines":[{"password":"p\"w"}]}"#),
    };
    full.ports.remove(&port(4));
    full.revision = u64::MAX;
    commit(store, [put(&bare, None), put(&full, None)]).await.unwrap();
    assert_eq!(store.device(bare.mac).await, Ok(Some(bare)));
    assert_eq!(store.device(full.mac).await, Ok(Some(full)));
    assert_eq!(store.device(mac(3)).await, Ok(None));
}

pub async fn a_second_insert_of_one_mac_is_a_conflict(store: &impl Store) {
    let first = device(1, 2);
    commit(store, [put(&first, None)]).await.unwrap();
    let second = Device { phone_type: key("pap2t"), ..device(1, 1) };
    assert_eq!(commit(store, [put(&second, None)]).await, conflict("device 000413000001"));
    assert_eq!(store.device(mac(1)).await, Ok(Some(first)));
}

pub async fn a_put_replaces_ports_and_type(store: &impl Store) {
    let first = device(1, 3);
    commit(store, [put(&first, None)]).await.unwrap();
    let retyped = first.retyped(&key("pap2t"), 2, NOW + 9).unwrap();
    commit(store, [put(&retyped, Some(1))]).await.unwrap();
    assert_eq!(store.device(mac(1)).await, Ok(Some(retyped)));
}

pub async fn a_put_from_a_stale_revision_is_a_conflict(store: &impl Store) {
    let refused = conflict("device 000413000001");
    assert_eq!(commit(store, [put(&device(1, 1), Some(1))]).await, refused);
    let first = device(1, 1);
    let second = Device { revision: 2, ..device(1, 2) };
    commit(store, [put(&first, None), put(&second, Some(1))]).await.unwrap();
    assert_eq!(commit(store, [put(&first, Some(1))]).await, refused);
    assert_eq!(store.device(mac(1)).await, Ok(Some(second)));
}

pub async fn of_two_promotes_at_once_one_wins(store: &impl Store) {
    let (acme, bell) = (company("acme"), company("bell"));
    let seen = device(1, 2);
    commit(store, [put_company(&acme, None), put_company(&bell, None), put(&seen, None)])
        .await
        .unwrap();
    let to = |company: &Company| seen.promote(Port::FIRST, &company.id, NOW + 1).unwrap().0;
    let (one, other) = (to(&acme), to(&bell));
    let promoted = |name: &str| Write::Append(event(Subject::Phone, "0004130000010", name));
    let results = tokio::join!(
        commit(store, [put(&one, Some(1)), promoted("acme")]),
        commit(store, [put(&other, Some(1)), promoted("bell")]),
    );
    let winner = match results {
        (Ok(()), Err(StoreError::Conflict(_))) => one,
        (Err(StoreError::Conflict(_)), Ok(())) => other,
        both => panic!("one wins, not {both:?}"),
    };
    let record = events(store, newest(10)).await;
    assert_eq!(record.len(), 1, "the loser left an event");
    let company = winner.phone(Port::FIRST).unwrap().company().unwrap();
    assert_eq!(company.as_str(), record[0].company);
    assert_eq!(store.device(mac(1)).await, Ok(Some(winner)));
}

pub async fn a_commit_is_all_or_nothing(store: &impl Store) {
    let kept = device(1, 2);
    let system = System { revision: 1, changed: NOW, ..System::default() };
    let user = user(1, "ann");
    let start = [put(&kept, None), put_user(&user, None), put_company(&company("acme"), None)];
    commit(store, start).await.unwrap();
    let before = dump(store).await;
    let renamed = Company { name: "Acme".to_owned(), revision: 2, ..company("acme") };
    let refused = commit(
        store,
        [
            put(&device(2, 3), None),
            Write::RemoveDevice { mac: mac(1), expect: 1 },
            put_company(&renamed, Some(1)),
            put_company(&company("bell"), None),
            Write::RemoveUser { id: 1, expect: 1 },
            Write::PutSystem { system, expect: 0 },
            Write::Append(event(Subject::Registry, "", "")),
            put(&device(3, 1), Some(7)),
        ],
    );
    assert_eq!(refused.await, conflict("device 000413000003"));
    assert_eq!(dump(store).await, before);
    // Ports that failed half way, and a first write that must not stay.
    let mut half = device(4, 3);
    activate(&mut half, 2, "nobody");
    assert_eq!(commit(store, [put(&half, None)]).await, conflict("company nobody"));
    let two = [put(&device(5, 1), None), put(&device(1, 1), None)];
    assert_eq!(commit(store, two).await, conflict("device 000413000001"));
    assert_eq!(dump(store).await, before);
    commit(store, []).await.unwrap();
}

pub async fn writes_of_a_commit_see_those_before_them(store: &impl Store) {
    let acme = company("acme");
    let mut promoted = device(1, 1);
    activate(&mut promoted, 0, "acme");
    let all = [
        put_company(&acme, None),
        put(&promoted, None),
        Write::RemoveDevice { mac: mac(1), expect: 1 },
        Write::RemoveCompany { id: acme.id.clone(), expect: 1 },
        put(&device(1, 2), None),
    ];
    commit(store, all).await.unwrap();
    assert_eq!(all_devices(store, 10).await, [device(1, 2)]);
    assert_eq!(store.registry().await.unwrap().companies.len(), 1);
}

pub async fn a_device_is_removed_by_its_revision_only(store: &impl Store) {
    commit(store, [put(&device(1, 3), None), put(&device(2, 1), None)]).await.unwrap();
    let remove = |number, expect| [Write::RemoveDevice { mac: mac(number), expect }];
    assert_eq!(commit(store, remove(1, 2)).await, conflict("device 000413000001"));
    assert_eq!(commit(store, remove(3, 1)).await, conflict("device 000413000003"));
    commit(store, remove(1, 1)).await.unwrap();
    assert_eq!(all_devices(store, 10).await, [device(2, 1)]);
    // No port of the old one is in the way of a new one.
    commit(store, [put(&device(1, 3), None)]).await.unwrap();
    assert_eq!(store.device(mac(1)).await, Ok(Some(device(1, 3))));
}

pub async fn a_touch_changes_the_sighting_only(store: &impl Store) {
    let mut made = device(1, 2);
    activate(&mut made, 0, "default");
    made.sighting = None;
    commit(store, [put(&made, None)]).await.unwrap();
    let seen = Sighting { firmware: Some("2".to_owned()), ..sighting(60) };
    let touch = |number| Write::Touch { mac: mac(number), sighting: seen.clone() };
    commit(store, [touch(1), touch(2)]).await.unwrap();
    let expected = Device { sighting: Some(seen.clone()), ..made };
    assert_eq!(all_devices(store, 10).await, [expected]);
}

pub async fn a_phone_needs_its_company(store: &impl Store) {
    let mut promoted = device(1, 2);
    activate(&mut promoted, 0, "default");
    activate(&mut promoted, 1, "acme");
    assert_eq!(commit(store, [put(&promoted, None)]).await, conflict("company acme"));
    commit(store, [put(&device(1, 2), None)]).await.unwrap();
    promoted.revision = 2;
    assert_eq!(commit(store, [put(&promoted, Some(1))]).await, conflict("company acme"));
    assert_eq!(store.device(mac(1)).await, Ok(Some(device(1, 2))));
    commit(store, [put_company(&company("acme"), None), put(&promoted, Some(1))]).await.unwrap();
    assert_eq!(store.device(mac(1)).await, Ok(Some(promoted)));
}

pub async fn a_company_changes_by_its_revision_only(store: &impl Store) {
    let acme = company("acme");
    assert_eq!(commit(store, [put_company(&acme, Some(1))]).await, conflict("company acme"));
    commit(store, [put_company(&acme, None)]).await.unwrap();
    assert_eq!(commit(store, [put_company(&acme, None)]).await, conflict("company acme"));
    let changed = Company {
        name: "Acme \u{a9} 2".to_owned(),
        settings: Layer::from_stored(r#"{"time":{"zone":"UTC"}}"#),
        changed: NOW + 2,
        revision: 2,
        ..acme.clone()
    };
    commit(store, [put_company(&changed, Some(1))]).await.unwrap();
    assert_eq!(commit(store, [put_company(&acme, Some(1))]).await, conflict("company acme"));
    let default = Company::new(CompanyId::default_company(), String::new(), NOW);
    assert_eq!(store.registry().await.unwrap().companies, [changed, default]);
    let remove = |expect| [Write::RemoveCompany { id: acme.id.clone(), expect }];
    assert_eq!(commit(store, remove(1)).await, conflict("company acme"));
    commit(store, remove(2)).await.unwrap();
    assert_eq!(commit(store, remove(2)).await, conflict("company acme"));
    assert_eq!(store.registry().await.unwrap().companies.len(), 1);
}

pub async fn a_named_company_stays(store: &impl Store) {
    let mut promoted = device(1, 2);
    activate(&mut promoted, 1, "a");
    let home = User { company: Some(id("b")), ..user(1, "ann") };
    let admin = User { admin_companies: vec![id("c")], ..user(2, "bob") };
    let companies = ["a", "b", "c"].map(|name| put_company(&company(name), None));
    commit(store, companies).await.unwrap();
    commit(store, [put(&promoted, None), put_user(&home, None), put_user(&admin, None)])
        .await
        .unwrap();
    for (name, release) in [
        ("a", Write::RemoveDevice { mac: mac(1), expect: 1 }),
        ("b", Write::RemoveUser { id: 1, expect: 1 }),
        ("c", put_user(&User { revision: 2, ..user(2, "bob") }, Some(1))),
    ] {
        let remove = || Write::RemoveCompany { id: id(name), expect: 1 };
        let refused = Err(StoreError::Conflict(format!("company {name}")));
        assert_eq!(commit(store, [remove()]).await, refused);
        commit(store, [release, remove()]).await.unwrap();
    }
    assert_eq!(store.registry().await.unwrap().companies.len(), 1);
}

pub async fn users_come_back_and_change_by_their_revision_only(store: &impl Store) {
    commit(store, ["zeta", "acme"].map(|name| put_company(&company(name), None))).await.unwrap();
    let ann = User {
        role: Role::CompanyAdmin,
        company: Some(id("acme")),
        admin_companies: vec![id("zeta"), id("default"), id("acme")],
        password_hash: Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned()),
        key_hashes: vec![ApiKeyHash::of("two"), ApiKeyHash::of("one")],
        ..user(7, "ann")
    };
    let bob = user(3, "bob");
    commit(store, [put_user(&ann, None), put_user(&bob, None)]).await.unwrap();
    assert!(store.registry().await.unwrap().users == [bob.clone(), ann.clone()]);
    assert_eq!(commit(store, [put_user(&ann, None)]).await, conflict("user ann"));
    let next = User {
        login: "anna".to_owned(),
        admin_companies: vec![id("acme")],
        key_hashes: vec![ApiKeyHash::of("three"), ApiKeyHash::of("two")],
        revision: 2,
        ..ann
    };
    assert_eq!(commit(store, [put_user(&next, Some(2))]).await, conflict("user anna"));
    commit(store, [put_user(&next, Some(1))]).await.unwrap();
    assert!(store.registry().await.unwrap().users == [bob.clone(), next]);
    let remove = |expect| [Write::RemoveUser { id: 7, expect }];
    assert_eq!(commit(store, remove(1)).await, conflict("user 7"));
    commit(store, remove(2)).await.unwrap();
    assert!(store.registry().await.unwrap().users == [bob]);
}

pub async fn logins_and_keys_are_unique(store: &impl Store) {
    let (one, two) = (ApiKeyHash::of("one"), ApiKeyHash::of("two"));
    let ann = User { key_hashes: vec![one], ..user(1, "ann") };
    commit(store, [put_user(&ann, None)]).await.unwrap();
    let try_put = async |user: User| commit(store, [put_user(&user, None)]).await;
    assert_eq!(try_put(user(2, "ann")).await, conflict("user ann"));
    let borrowed = User { key_hashes: vec![two, one], ..user(2, "bob") };
    assert_eq!(try_put(borrowed).await, conflict("an API key of user bob"));
    let twice = User { key_hashes: vec![two, two], ..user(2, "bob") };
    assert_eq!(try_put(twice).await, conflict("an API key of user bob"));
    try_put(User { key_hashes: vec![two], ..user(2, "bob") }).await.unwrap();
    let renamed = User { revision: 2, ..user(2, "ann") };
    assert_eq!(commit(store, [put_user(&renamed, Some(1))]).await, conflict("user ann"));
    // What a removed user had is free again; logins differ by case.
    let heir = User { key_hashes: vec![one, two], ..user(3, "Bob") };
    let all = [1, 2].map(|id| Write::RemoveUser { id, expect: 1 });
    commit(store, all.into_iter().chain([put_user(&heir, None)])).await.unwrap();
    assert!(store.registry().await.unwrap().users == [heir]);
}

pub async fn a_user_needs_its_companies(store: &impl Store) {
    let home = User { company: Some(id("acme")), ..user(1, "ann") };
    assert_eq!(commit(store, [put_user(&home, None)]).await, conflict("company acme"));
    let admin = User { admin_companies: vec![id("default"), id("bell")], ..user(1, "ann") };
    assert_eq!(commit(store, [put_user(&admin, None)]).await, conflict("company bell"));
    assert!(store.registry().await.unwrap().users.is_empty());
}

pub async fn system_settings_change_by_their_revision_only(store: &impl Store) {
    let system =
        |text, revision| System { settings: Layer::from_stored(text), changed: NOW + 1, revision };
    let put = |system: &System, expect| [Write::PutSystem { system: system.clone(), expect }];
    let (first, second) = (system("{\"keys\":[]}", 1), system("{}", 2));
    assert_eq!(commit(store, put(&first, 1)).await, conflict("the system settings"));
    commit(store, put(&first, 0)).await.unwrap();
    assert_eq!(store.registry().await.unwrap().system, first);
    assert_eq!(commit(store, put(&second, 0)).await, conflict("the system settings"));
    commit(store, put(&second, 1)).await.unwrap();
    assert_eq!(store.registry().await.unwrap().system, second);
}

pub async fn events_are_numbered_in_order_of_commit(store: &impl Store) {
    let first = Event {
        id: 99,
        before: json!({"z": 1, "a": [null, true, "\u{e4}"]}),
        after: json!("x"),
        ..event(Subject::Phone, "0004130000010", "default")
    };
    let second = Event { action: Action::Promote, ..event(Subject::User, "ann", "") };
    commit(store, [Write::Append(first.clone())]).await.unwrap();
    let refused = [Write::Append(first.clone()), put(&device(1, 1), Some(3))];
    commit(store, refused).await.unwrap_err();
    commit(store, [Write::Append(second.clone())]).await.unwrap();
    let expected = [Event { id: 2, ..second }, Event { id: 1, ..first }];
    assert_eq!(events(store, newest(10)).await, expected);
}

pub async fn events_are_paged_newest_first(store: &impl Store) {
    let many = EventFilter::MAX + 2;
    let all = (0..many).map(|_| Write::Append(event(Subject::Registry, "", "")));
    commit(store, all).await.unwrap();
    let ids = async |before, limit| -> Vec<u64> {
        let filter = EventFilter { before, limit, ..EventFilter::default() };
        events(store, filter).await.iter().map(|event| event.id).collect()
    };
    let newest = many as u64;
    assert_eq!(ids(None, 2).await, [newest, newest - 1]);
    assert_eq!(ids(Some(newest - 1), 2).await, [newest - 2, newest - 3]);
    assert_eq!(ids(Some(3), 10).await, [2, 1]);
    assert_eq!(ids(Some(1), 10).await, [0u64; 0]);
    assert_eq!(ids(None, 0).await, [0u64; 0]);
    assert_eq!(ids(None, usize::MAX).await.len(), EventFilter::MAX);
    assert_eq!(ids(Some(u64::MAX), 1).await, [newest]);
}

pub async fn events_are_found_by_subject_name_and_company(store: &impl Store) {
    let all = [
        event(Subject::Phone, "0004130000010", "acme"),
        event(Subject::Phone, "00041300000111", "bell"),
        event(Subject::Phone, "000413000001", ""),
        event(Subject::Phone, "0004130000020", "acme"),
        event(Subject::User, "0004130000010", "acme"),
        event(Subject::User, "000413000001", "bell"),
        event(Subject::Company, "acme", "acme"),
    ];
    commit(store, all.into_iter().map(Write::Append)).await.unwrap();
    let ids = async |filter: EventFilter| -> Vec<u64> {
        events(store, filter).await.iter().map(|event| event.id).collect()
    };
    let all = || newest(10);
    let phones = || EventFilter { subject: Some(Subject::Phone), ..all() };
    let named = |name: &str, filter| EventFilter { name: Some(name.to_owned()), ..filter };
    let of = |companies: &[&str], filter| EventFilter {
        companies: Some(companies.iter().map(|&name| name.to_owned()).collect()),
        ..filter
    };
    assert_eq!(ids(phones()).await, [4, 3, 2, 1]);
    assert_eq!(ids(named("0004130000010", phones())).await, [1]);
    assert_eq!(ids(named("0004130000010", all())).await, [5, 1]);
    assert_eq!(ids(named("000413000001", phones())).await, [3, 2, 1]);
    assert_eq!(ids(named("000413000001", all())).await, [6, 3, 2, 1]);
    assert_eq!(ids(named("00041300000", phones())).await, [0u64; 0]);
    assert_eq!(ids(named("0004130000", all())).await, [0u64; 0]);
    assert_eq!(ids(named("", all())).await, [0u64; 0]);
    assert_eq!(ids(of(&["acme"], all())).await, [7, 5, 4, 1]);
    assert_eq!(ids(of(&["", "bell", "bell"], all())).await, [6, 3, 2]);
    assert_eq!(ids(of(&["acme"], phones())).await, [4, 1]);
    assert_eq!(ids(of(&["acme", "bell"], named("000413000001", phones()))).await, [2, 1]);
    assert_eq!(ids(of(&[], all())).await, [0u64; 0]);
    let page = EventFilter { before: Some(7), limit: 2, ..of(&["acme", "bell"], all()) };
    assert_eq!(ids(page).await, [6, 5]);
}

pub async fn devices_come_in_order_and_in_pages(store: &impl Store) {
    let mut made: Vec<Device> = [9, 2, 7, 1, 5].map(|number| device(number, 2)).to_vec();
    made.push(Device { mac: Mac::from_bits(0), ..device(1, 1) });
    made.push(Device { mac: Mac::from_bits((1 << 48) - 1), ..device(1, 1) });
    commit(store, made.iter().map(|device| put(device, None))).await.unwrap();
    made.sort_by_key(|device| device.mac);
    for page in [0, 1, 3, 7, 100] {
        assert_eq!(all_devices(store, page).await, made, "pages of {page}");
    }
}

pub async fn devices_stop_when_the_receiver_is_gone(store: &impl Store) {
    commit(store, (1..=5).map(|number| put(&device(number, 1), None))).await.unwrap();
    let (each, mut pages) = tokio::sync::mpsc::channel(1);
    let reader = async {
        assert_eq!(pages.recv().await.unwrap(), [device(1, 1)]);
        drop(pages);
    };
    let (done, ()) = tokio::join!(store.devices(1, each), reader);
    assert_eq!(done, Ok(()));
}

pub async fn a_catalogue_keeps_its_first_time(store: &impl Store) {
    assert_eq!(store.catalogue_since("one", 10).await, Ok(10));
    assert_eq!(store.catalogue_since("one", 20).await, Ok(10));
    assert_eq!(store.catalogue_since("two", 20).await, Ok(20));
    let both = tokio::join!(store.catalogue_since("new", 30), store.catalogue_since("new", 40));
    assert!(matches!(both, (Ok(30), Ok(30)) | (Ok(40), Ok(40))), "{both:?}");
}

pub async fn a_closed_store_says_so(store: &impl Store) {
    commit(store, [put(&device(1, 1), None)]).await.unwrap();
    store.close().await;
    store.close().await;
    fn closed<T: std::fmt::Debug>(result: Result<T, StoreError>) {
        let why = "the store is closed";
        let says_so = matches!(&result, Err(StoreError::Unavailable { why: w, .. }) if w == why);
        assert!(says_so, "{result:?}");
    }
    closed(commit(store, [put(&device(2, 1), None)]).await);
    closed(store.device(mac(1)).await);
    closed(store.devices(1, tokio::sync::mpsc::channel(1).0).await);
    closed(store.registry().await);
    closed(store.events(newest(1)).await);
    closed(store.catalogue_since("one", 1).await);
    closed(store.ready().await);
}

// What the cases, and the tests of one store, are made of.

pub async fn commit(
    store: &impl Store,
    writes: impl IntoIterator<Item = Write>,
) -> Result<(), StoreError> {
    store.commit(writes.into_iter().collect()).await
}

pub fn conflict(what: &str) -> Result<(), StoreError> {
    Err(StoreError::Conflict(what.to_owned()))
}

/// Everything a store holds.
pub async fn dump(store: &impl Store) -> (Registry, Vec<Device>, Vec<Event>) {
    let devices = all_devices(store, 3).await;
    (store.registry().await.unwrap(), devices, events(store, newest(EventFilter::MAX)).await)
}

/// Checks on the way that no page is empty or too long.
pub async fn all_devices(store: &impl Store, page: usize) -> Vec<Device> {
    let (each, mut pages) = tokio::sync::mpsc::channel::<Vec<Device>>(1);
    let gather = async {
        let mut all = Vec::new();
        while let Some(devices) = pages.recv().await {
            assert!((1..=page.max(1)).contains(&devices.len()));
            all.extend(devices);
        }
        all
    };
    let (done, all) = tokio::join!(store.devices(page, each), gather);
    done.unwrap();
    all
}

pub async fn events(store: &impl Store, filter: EventFilter) -> Vec<Event> {
    let found = store.events(filter.clone()).await.unwrap();
    assert!(found.iter().all(|event| filter.matches(event)), "{filter:?} gave {found:?}");
    found
}

pub fn newest(limit: usize) -> EventFilter {
    EventFilter { limit, ..EventFilter::default() }
}

pub fn mac(number: u64) -> Mac {
    Mac::from_bits(0x0004_1300_0000 + number)
}

pub fn port(number: u16) -> Port {
    Port::new(number).unwrap()
}

pub fn key(text: &str) -> TypeKey {
    text.parse().unwrap()
}

pub fn id(text: &str) -> CompanyId {
    text.parse().unwrap()
}

pub fn sighting(last: Timestamp) -> Sighting {
    Sighting {
        first: NOW,
        last: NOW + last,
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        user_agent: String::new(),
        type_guess: None,
        firmware: None,
        certificate: None,
    }
}

/// As its first request makes it.
pub fn device(number: u64, ports: u16) -> Device {
    Device::sighted(mac(number), key("snom320"), ports, sighting(0))
}

pub fn activate(device: &mut Device, number: u16, company: &str) {
    let phones: &mut BTreeMap<Port, Phone> = &mut device.ports;
    phones.get_mut(&port(number)).unwrap().state = State::Active(id(company));
}

pub fn company(name: &str) -> Company {
    Company::new(id(name), format!("{name} Ltd"), NOW)
}

pub fn user(id: u64, login: &str) -> User {
    User {
        id,
        login: login.to_owned(),
        name: format!("{login} of {id}"),
        role: Role::SystemAdmin,
        company: None,
        admin_companies: Vec::new(),
        password_hash: None,
        key_hashes: Vec::new(),
        created: NOW,
        revision: 1,
    }
}

pub fn event(subject: Subject, name: &str, company: &str) -> Event {
    Event {
        id: 0,
        at: NOW,
        who: "handset".to_owned(),
        from: "192.0.2.1".to_owned(),
        action: Action::Sighted,
        subject,
        name: name.to_owned(),
        company: company.to_owned(),
        before: Value::Null,
        after: json!({"type": "snom320"}),
    }
}

pub fn put(device: &Device, expect: Option<u64>) -> Write {
    Write::PutDevice { device: device.clone(), expect }
}

pub fn put_company(company: &Company, expect: Option<u64>) -> Write {
    Write::PutCompany { company: company.clone(), expect }
}

pub fn put_user(user: &User, expect: Option<u64>) -> Write {
    Write::PutUser { user: user.clone(), expect }
}
