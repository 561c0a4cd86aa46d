//! A store as a whole: new, committing, closed.

use super::*;

pub async fn a_new_store_has_the_default_company_only(store: &impl Store) {
    let company = Company::new(CompanyId::default_company(), String::new(), NOW);
    let expected = Tenancy { companies: vec![company], ..Tenancy::default() };
    assert_eq!(store.tenancy().await.unwrap(), expected);
    assert_eq!(all_devices(store, 10).await, []);
    assert_eq!(events(store, EventFilter::default()).await, []);
    assert_eq!(store.ready().await, Ok(()));
}

pub async fn a_commit_is_all_or_nothing(store: &impl Store) {
    let kept = device(1, 2);
    let system = SystemSettings { revision: 1, changed: NOW, ..SystemSettings::default() };
    let user = user(1, "ann");
    let start = [put(&kept, None), put_user(&user, None), put_company(&company("acme"), None)];
    commit(store, start).await.unwrap();
    let before = dump(store).await;
    let renamed = Company { name: "Acme".to_owned(), revision: 2, ..company("acme") };
    let refused = commit(
        store,
        [
            put(&device(2, 3), None),
            Mutation::RemoveDevice { mac: mac(1), expect: 1 },
            put_company(&renamed, Some(1)),
            put_company(&company("bell"), None),
            Mutation::RemoveUser { id: 1, expect: 1 },
            Mutation::PutSystemSettings { system, expect: 0 },
            Mutation::Append(event(Subject::Registry, "", "")),
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
        Mutation::RemoveDevice { mac: mac(1), expect: 1 },
        Mutation::RemoveCompany { id: acme.id.clone(), expect: 1 },
        put(&device(1, 2), None),
    ];
    commit(store, all).await.unwrap();
    assert_eq!(all_devices(store, 10).await, [device(1, 2)]);
    assert_eq!(store.tenancy().await.unwrap().companies.len(), 1);
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
    closed(store.tenancy().await);
    closed(store.events(newest(1)).await);
    closed(store.catalogue_since("one", 1).await);
    closed(store.ready().await);
}
