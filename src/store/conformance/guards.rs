//! What a commit relies on besides what it changes.

use super::*;

async fn guarded(
    store: &impl Store,
    guard: Guard,
    mutation: Mutation,
) -> Result<Revision, StoreError> {
    store.commit(vec![mutation], vec![guard]).await
}

pub(crate) async fn a_commit_holds_only_while_its_guards_do(
    store: &impl Store,
    other: &impl Store,
) {
    let acme = Object::Company(id("acme"));
    let made = [put_company(&company("acme"), None), put_user(&user(1, "ann"), None)];
    let made = done(store, made).await;
    let system = SystemSettings { changed: NOW, ..SystemSettings::default() };
    let same = |object: &Object, revision| Guard::Same(object.clone(), revision);
    let holding = [
        same(&acme, made),
        same(&Object::User(UserId(1)), made),
        same(&Object::SystemSettings, Revision::NONE),
    ];
    for (number, guard) in (1..).zip(holding) {
        guarded(store, guard, put(&device(number, 1), None)).await.unwrap();
    }
    let head = store.head().await.unwrap();
    let unchanged = Guard::Unchanged(head);
    guarded(store, unchanged.clone(), put(&device(4, 1), None)).await.unwrap();
    // The other handle changes what was relied on.
    let expect = Some(made);
    let changes = [
        put_company(&company("acme"), expect),
        put_user(&user(1, "ann"), expect),
        Mutation::PutSystemSettings { system, expect: Revision::NONE },
    ];
    done(other, changes).await;
    let before = dump(store).await;
    for (guard, what) in [
        (same(&acme, made), "company acme"),
        (same(&Object::Company(id("nobody")), made), "company nobody"),
        (same(&Object::User(UserId(1)), made), "user 1"),
        (same(&Object::Device(mac(1)), made), "device 000413000001"),
        (same(&Object::SystemSettings, Revision::NONE), "the system settings"),
        (unchanged, "the registry"),
    ] {
        let refused = guarded(store, guard, put(&device(5, 1), None)).await;
        assert_eq!(refused, conflict(what));
    }
    assert_eq!(dump(store).await, before);
}

pub(crate) async fn of_two_last_admins_one_remains(store: &impl Store, other: &impl Store) {
    let key = |name: &str| vec![ApiKeyHash::of(name)];
    let ann = User { key_hashes: key("ann"), ..user(1, "ann") };
    let bob = User { password_hash: Some("$argon2id$".to_owned()), ..user(2, "bob") };
    let no_way_in = user(3, "cid");
    let no_admin = User { key_hashes: key("dan"), role: Role::CompanyAdmin, ..user(4, "dan") };
    let users = [&ann, &bob, &no_way_in, &no_admin].map(|user| put_user(user, None));
    let made = done(store, users).await;
    let demoted = User { role: Role::User, ..bob.clone() };
    let (first, second) = tokio::join!(
        guarded(store, Guard::RemainingAdmin, Mutation::RemoveUser { id: UserId(1), expect: made }),
        guarded(other, Guard::RemainingAdmin, put_user(&demoted, Some(made))),
    );
    let refused = conflict("the last System-Admin");
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert!(first == refused || second == refused, "{first:?} {second:?}");
    let users = store.tenancy().await.unwrap().users;
    assert_eq!(users.iter().filter(|user| user.can_administer_system()).count(), 1);
    assert_eq!(users.len(), if first.is_ok() { 3 } else { 4 }, "a refused one left no trace");
}
