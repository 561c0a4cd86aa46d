//! Companies, users, and the settings all phones share.

use super::*;

pub(crate) async fn a_company_changes_by_its_revision_only(store: &impl Store, _: &impl Store) {
    let acme = company("acme");
    let refused = conflict("company acme");
    assert_eq!(commit(store, [put_company(&acme, Some(Revision(1)))]).await, refused);
    let made = done(store, [put_company(&acme, None)]).await;
    assert_eq!(commit(store, [put_company(&acme, None)]).await, refused);
    let changed = Company {
        name: "Acme \u{a9} 2".to_owned(),
        settings: Layer::from_stored(r#"{"time":{"zone":"UTC"}}"#),
        changed: NOW + 2,
        ..acme.clone()
    };
    let next = done(store, [put_company(&changed, Some(made))]).await;
    assert_eq!(commit(store, [put_company(&acme, Some(made))]).await, refused);
    let companies = store.tenancy().await.unwrap().companies;
    assert_eq!(companies[0], Company { revision: next, ..changed });
    assert!(companies[1].id.is_default());
    let remove = |expect| [Mutation::RemoveCompany { id: acme.id.clone(), expect }];
    assert_eq!(commit(store, remove(made)).await, refused);
    done(store, remove(next)).await;
    assert_eq!(commit(store, remove(next)).await, refused);
    assert_eq!(store.tenancy().await.unwrap().companies.len(), 1);
}

pub(crate) async fn a_named_company_stays(store: &impl Store, _: &impl Store) {
    let mut promoted = device(1, 2);
    activate(&mut promoted, 1, "a");
    let home = User { company: Some(id("b")), ..user(1, "ann") };
    let admin = User { admin_companies: vec![id("c")], ..user(2, "bob") };
    let companies = ["a", "b", "c"].map(|name| put_company(&company(name), None));
    let expect = done(store, companies).await;
    let naming = [put(&promoted, None), put_user(&home, None), put_user(&admin, None)];
    let named = done(store, naming).await;
    for (name, release) in [
        ("a", Mutation::RemoveDevice { mac: mac(1), expect: named }),
        ("b", Mutation::RemoveUser { id: UserId(1), expect: named }),
        ("c", put_user(&user(2, "bob"), Some(named))),
    ] {
        let remove = || Mutation::RemoveCompany { id: id(name), expect };
        assert_eq!(commit(store, [remove()]).await, conflict(&format!("company {name}")));
        done(store, [release, remove()]).await;
    }
    assert_eq!(store.tenancy().await.unwrap().companies.len(), 1);
}

pub(crate) async fn users_come_back_and_change_by_their_revision_only(
    store: &impl Store,
    _: &impl Store,
) {
    done(store, ["zeta", "acme"].map(|name| put_company(&company(name), None))).await;
    let ann = User {
        role: Role::CompanyAdmin,
        company: Some(id("acme")),
        admin_companies: vec![id("zeta"), id("default"), id("acme")],
        password_hash: Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned()),
        key_hashes: vec![ApiKeyHash::of("two"), ApiKeyHash::of("one")],
        second_factor: Some(SecondFactor::new([1; 20])),
        ..user(7, "ann")
    };
    let bob = user(3, "bob");
    let made = done(store, [put_user(&ann, None), put_user(&bob, None)]).await;
    let at = |revision, user: &User| User { revision, ..user.clone() };
    assert!(store.tenancy().await.unwrap().users == [at(made, &bob), at(made, &ann)]);
    assert_eq!(commit(store, [put_user(&ann, None)]).await, conflict("user ann"));
    let next = User {
        login: "anna".to_owned(),
        admin_companies: vec![id("acme")],
        key_hashes: vec![ApiKeyHash::of("three"), ApiKeyHash::of("two")],
        second_factor: Some(SecondFactor::new([2; 20])),
        ..ann
    };
    let stale = Some(Revision(made.0 - 1));
    assert_eq!(commit(store, [put_user(&next, stale)]).await, conflict("user anna"));
    let renamed = done(store, [put_user(&next, Some(made))]).await;
    assert!(store.tenancy().await.unwrap().users == [at(made, &bob), at(renamed, &next)]);
    let remove = |expect| [Mutation::RemoveUser { id: UserId(7), expect }];
    assert_eq!(commit(store, remove(made)).await, conflict("user 7"));
    done(store, remove(renamed)).await;
    assert!(store.tenancy().await.unwrap().users == [at(made, &bob)]);
}

pub(crate) async fn logins_and_keys_are_unique(store: &impl Store, _: &impl Store) {
    let (one, two) = (ApiKeyHash::of("one"), ApiKeyHash::of("two"));
    let ann = User { key_hashes: vec![one], ..user(1, "ann") };
    let made = done(store, [put_user(&ann, None)]).await;
    let try_put = async |user: User| commit(store, [put_user(&user, None)]).await;
    assert_eq!(try_put(user(2, "ann")).await, conflict("user ann"));
    let borrowed = User { key_hashes: vec![two, one], ..user(2, "bob") };
    assert_eq!(try_put(borrowed).await, conflict("an API key of user bob"));
    let twice = User { key_hashes: vec![two, two], ..user(2, "bob") };
    assert_eq!(try_put(twice).await, conflict("an API key of user bob"));
    let second = try_put(User { key_hashes: vec![two], ..user(2, "bob") }).await.unwrap();
    let renamed = commit(store, [put_user(&user(2, "ann"), Some(second))]).await;
    assert_eq!(renamed, conflict("user ann"));
    // What a removed user had is free again; logins differ by case.
    let heir = User { key_hashes: vec![one, two], ..user(3, "Bob") };
    let all = [(UserId(1), made), (UserId(2), second)]
        .map(|(id, expect)| Mutation::RemoveUser { id, expect });
    let revision = done(store, all.into_iter().chain([put_user(&heir, None)])).await;
    assert!(store.tenancy().await.unwrap().users == [User { revision, ..heir }]);
}

pub(crate) async fn a_user_needs_its_companies(store: &impl Store, _: &impl Store) {
    let home = User { company: Some(id("acme")), ..user(1, "ann") };
    assert_eq!(commit(store, [put_user(&home, None)]).await, conflict("company acme"));
    let admin = User { admin_companies: vec![id("default"), id("bell")], ..user(1, "ann") };
    assert_eq!(commit(store, [put_user(&admin, None)]).await, conflict("company bell"));
    assert!(store.tenancy().await.unwrap().users.is_empty());
}

pub(crate) async fn system_settings_change_by_their_revision_only(
    store: &impl Store,
    _: &impl Store,
) {
    let system = |text| SystemSettings {
        settings: Layer::from_stored(text),
        password_seed: Some(PasswordSeed::new([7; 32])),
        changed: NOW + 1,
        revision: Revision::NONE,
    };
    let put = |text, expect| [Mutation::PutSystemSettings { system: system(text), expect }];
    let refused = conflict("the system settings");
    let stored = async || store.tenancy().await.unwrap().system;
    assert_eq!(commit(store, put("{}", Revision(1))).await, refused);
    let first = done(store, put("{\"keys\":[]}", Revision::NONE)).await;
    assert_eq!(stored().await, SystemSettings { revision: first, ..system("{\"keys\":[]}") });
    assert_eq!(commit(store, put("{}", Revision::NONE)).await, refused);
    let second = done(store, put("{}", first)).await;
    assert_eq!(stored().await, SystemSettings { revision: second, ..system("{}") });
}
