//! Companies, users, and the settings all phones share.

use super::*;

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
    assert_eq!(store.tenancy().await.unwrap().companies, [changed, default]);
    let remove = |expect| [Mutation::RemoveCompany { id: acme.id.clone(), expect }];
    assert_eq!(commit(store, remove(1)).await, conflict("company acme"));
    commit(store, remove(2)).await.unwrap();
    assert_eq!(commit(store, remove(2)).await, conflict("company acme"));
    assert_eq!(store.tenancy().await.unwrap().companies.len(), 1);
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
        ("a", Mutation::RemoveDevice { mac: mac(1), expect: 1 }),
        ("b", Mutation::RemoveUser { id: 1, expect: 1 }),
        ("c", put_user(&User { revision: 2, ..user(2, "bob") }, Some(1))),
    ] {
        let remove = || Mutation::RemoveCompany { id: id(name), expect: 1 };
        let refused = Err(StoreError::Conflict(format!("company {name}")));
        assert_eq!(commit(store, [remove()]).await, refused);
        commit(store, [release, remove()]).await.unwrap();
    }
    assert_eq!(store.tenancy().await.unwrap().companies.len(), 1);
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
    assert!(store.tenancy().await.unwrap().users == [bob.clone(), ann.clone()]);
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
    assert!(store.tenancy().await.unwrap().users == [bob.clone(), next]);
    let remove = |expect| [Mutation::RemoveUser { id: 7, expect }];
    assert_eq!(commit(store, remove(1)).await, conflict("user 7"));
    commit(store, remove(2)).await.unwrap();
    assert!(store.tenancy().await.unwrap().users == [bob]);
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
    let all = [1, 2].map(|id| Mutation::RemoveUser { id, expect: 1 });
    commit(store, all.into_iter().chain([put_user(&heir, None)])).await.unwrap();
    assert!(store.tenancy().await.unwrap().users == [heir]);
}

pub async fn a_user_needs_its_companies(store: &impl Store) {
    let home = User { company: Some(id("acme")), ..user(1, "ann") };
    assert_eq!(commit(store, [put_user(&home, None)]).await, conflict("company acme"));
    let admin = User { admin_companies: vec![id("default"), id("bell")], ..user(1, "ann") };
    assert_eq!(commit(store, [put_user(&admin, None)]).await, conflict("company bell"));
    assert!(store.tenancy().await.unwrap().users.is_empty());
}

pub async fn system_settings_change_by_their_revision_only(store: &impl Store) {
    let system = |text, revision| SystemSettings {
        settings: Layer::from_stored(text),
        changed: NOW + 1,
        revision,
    };
    let put = |system: &SystemSettings, expect| {
        [Mutation::PutSystemSettings { system: system.clone(), expect }]
    };
    let (first, second) = (system("{\"keys\":[]}", 1), system("{}", 2));
    assert_eq!(commit(store, put(&first, 1)).await, conflict("the system settings"));
    commit(store, put(&first, 0)).await.unwrap();
    assert_eq!(store.tenancy().await.unwrap().system, first);
    assert_eq!(commit(store, put(&second, 0)).await, conflict("the system settings"));
    commit(store, put(&second, 1)).await.unwrap();
    assert_eq!(store.tenancy().await.unwrap().system, second);
}
