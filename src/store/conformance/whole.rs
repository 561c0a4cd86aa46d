//! A store as a whole: new, committing, closed.

use super::*;

pub(crate) async fn a_new_store_has_the_default_company_only(store: &impl Store, _: &impl Store) {
    let company = Company::new(CompanyId::default_company(), String::new(), NOW);
    let company = Company { revision: Revision(1), ..company };
    let expected = Tenancy { companies: vec![company], head: Revision(1), ..Tenancy::default() };
    assert_eq!(store.tenancy().await.unwrap(), expected);
    assert_eq!(all_devices(store, 10).await, []);
    assert_eq!(events(store, EventFilter::default()).await, []);
    assert_eq!(store.ready().await, Ok(()));
}

pub(crate) async fn a_commit_is_all_or_nothing(store: &impl Store, _: &impl Store) {
    let start = [
        put(&device(1, 2), None),
        put_user(&user(1, "ann"), None),
        put_company(&company("acme"), None),
    ];
    let made = done(store, start).await;
    let before = dump(store).await;
    let renamed = Company { name: "Acme".to_owned(), ..company("acme") };
    let system = SystemSettings { changed: NOW, ..SystemSettings::default() };
    let refused = commit(
        store,
        [
            put(&device(2, 3), None),
            Mutation::RemoveDevice { mac: mac(1), expect: made },
            put_company(&renamed, Some(made)),
            put_company(&company("bell"), None),
            Mutation::RemoveUser { id: UserId(1), expect: made },
            Mutation::PutSystemSettings { system, expect: Revision::NONE },
            Mutation::Append(event(Subject::Registry, "", "")),
            put(&device(3, 1), Some(made)),
        ],
    );
    assert_eq!(refused.await, conflict("device 000413000003"));
    assert_eq!(dump(store).await, before);
    // Ports that failed half way, and a first mutation that must not stay.
    let mut half = device(4, 3);
    activate(&mut half, 1, "default");
    activate(&mut half, 2, "nobody");
    assert_eq!(commit(store, [put(&half, None)]).await, conflict("company nobody"));
    let two = [put(&device(5, 1), None), put(&device(1, 1), None)];
    assert_eq!(commit(store, two).await, conflict("device 000413000001"));
    assert_eq!(dump(store).await, before);
    assert_eq!(store.changes(made, 10).await, Ok(Changes::Page(Vec::new(), made)));
}

pub(crate) async fn writes_of_a_commit_see_those_before_them(store: &impl Store, _: &impl Store) {
    let acme = company("acme");
    let mut promoted = device(1, 1);
    activate(&mut promoted, 0, "acme");
    let next = store.head().await.unwrap().next();
    let all = [
        put_company(&acme, None),
        put(&promoted, None),
        Mutation::RemoveDevice { mac: mac(1), expect: next },
        Mutation::RemoveCompany { id: acme.id.clone(), expect: next },
        put(&device(1, 2), None),
    ];
    assert_eq!(done(store, all).await, next);
    assert_eq!(all_devices(store, 10).await, [at(next, &device(1, 2))]);
    assert_eq!(store.tenancy().await.unwrap().companies.len(), 1);
}

pub(crate) async fn a_closed_store_says_so(store: &impl Store, _: &impl Store) {
    done(store, [put(&device(1, 1), None)]).await;
    store.close().await;
    store.close().await;
    fn closed<T: std::fmt::Debug>(result: Result<T, StoreError>) {
        let why = "the store is closed";
        let says_so = matches!(&result, Err(StoreError::Unavailable { why: w, .. }) if w == why);
        assert!(says_so, "{result:?}");
    }
    closed(commit(store, [put(&device(2, 1), None)]).await);
    closed(store.devices(&[mac(1)]).await);
    closed(store.devices_after(None, 1).await);
    closed(store.changes(Revision::NONE, 1).await);
    closed(store.head().await);
    closed(store.tenancy().await);
    closed(store.events(newest(1)).await);
    closed(store.catalogue_since("one", Timestamp::from_seconds(1)).await);
    closed(store.ready().await);
}
