//! One revision for all that changes, and those who follow it.

use super::*;

pub(crate) async fn one_revision_numbers_all_changes(store: &impl Store, other: &impl Store) {
    let start = store.head().await.unwrap();
    let first = done(store, [put(&device(1, 1), None), put(&device(2, 1), None)]).await;
    assert_eq!(first, start.next());
    let second = done(other, [put_company(&company("acme"), None)]).await;
    assert_eq!(second, first.next());
    let noted = [Mutation::Append(event(Subject::Phone, "000413000001", ""))];
    assert_eq!(done(store, noted).await, second, "no object changed");
    assert_eq!(done(store, []).await, second);
    commit(store, [put(&device(3, 1), None), put(&device(1, 1), None)]).await.unwrap_err();
    let third = done(store, [put(&device(1, 2), Some(first))]).await;
    assert_eq!(third, second.next(), "a refused commit takes no number");
    for handle in [store.head().await, other.head().await] {
        assert_eq!(handle, Ok(third));
    }
    assert_eq!(store.tenancy().await.unwrap().head, third);
}

pub(crate) async fn a_stale_expectation_fits_nothing_made_anew(
    store: &impl Store,
    other: &impl Store,
) {
    let all = || {
        [
            put(&device(1, 1), None),
            put_company(&company("acme"), None),
            put_user(&user(1, "ann"), None),
        ]
    };
    let first = done(store, all()).await;
    let removed = [
        Mutation::RemoveDevice { mac: mac(1), expect: first },
        Mutation::RemoveCompany { id: id("acme"), expect: first },
        Mutation::RemoveUser { id: UserId(1), expect: first },
    ];
    done(other, removed.clone()).await;
    let again = done(other, all()).await;
    let stale = [
        put(&device(1, 2), Some(first)),
        put_company(&company("acme"), Some(first)),
        put_user(&user(1, "ann"), Some(first)),
    ];
    for mutation in stale.into_iter().chain(removed) {
        let refused = commit(store, [mutation.clone()]).await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{mutation:?} gave {refused:?}");
    }
    assert_eq!(read(store, mac(1)).await, Some(at(again, &device(1, 1))));
}

pub(crate) async fn what_one_handle_commits_the_other_reads(
    store: &impl Store,
    other: &impl Store,
) {
    let revision = done(store, [put(&device(1, 3), None)]).await;
    assert_eq!(read(other, mac(1)).await, Some(at(revision, &device(1, 3))));
    let refused = commit(other, [put(&device(1, 1), None)]).await;
    assert_eq!(refused, conflict("device 000413000001"));
    done(other, [Mutation::RemoveDevice { mac: mac(1), expect: revision }]).await;
    assert_eq!(read(store, mac(1)).await, None);
    assert_eq!(dump(store).await, dump(other).await);
    other.close().await;
    done(store, [put(&device(1, 1), None)]).await;
}

fn page(changes: Changes) -> (Vec<Change>, Revision) {
    match changes {
        Changes::Page(changes, reached) => (changes, reached),
        Changes::TooFarBehind | Changes::Lost => panic!("the changes are remembered"),
    }
}

fn change(revision: Revision, object: Changed) -> Change {
    Change { revision, object }
}

fn device_change(revision: Revision, device: &Device) -> Change {
    change(revision, Changed::Device(device.mac, Some(at(revision, device))))
}

pub(crate) async fn changes_are_told_from_any_revision_on(store: &impl Store, other: &impl Store) {
    let start = store.head().await.unwrap();
    assert_eq!(store.changes(start, 10).await, Ok(Changes::Page(Vec::new(), start)));
    let (acme, ann) = (company("acme"), user(1, "ann"));
    let first = done(store, [put_company(&acme, None), put(&device(1, 1), None)]).await;
    let second = done(other, [put_user(&ann, None)]).await;
    let system = SystemSettings { changed: NOW, ..SystemSettings::default() };
    let put_system = Mutation::PutSystemSettings { system: system.clone(), expect: Revision::NONE };
    let third = done(store, [put_system]).await;
    let fourth = done(other, [put(&device(1, 2), Some(first))]).await;
    let all = [
        change(first, Changed::Company(id("acme"), Some(Company { revision: first, ..acme }))),
        change(second, Changed::User(UserId(1), Some(User { revision: second, ..ann }))),
        change(third, Changed::SystemSettings(SystemSettings { revision: third, ..system })),
        // It changed twice and is told as it is.
        device_change(fourth, &device(1, 2)),
    ];
    for handle in [store.changes(start, 100).await, other.changes(start, 100).await] {
        let (changes, reached) = page(handle.unwrap());
        assert_eq!(reached, fourth);
        assert!(changes == all, "{changes:?}");
    }
    let (changes, _) = page(store.changes(second, 100).await.unwrap());
    assert!(changes == all[2..], "{changes:?}");
    assert_eq!(store.changes(fourth, 100).await, Ok(Changes::Page(Vec::new(), fourth)));
}

pub(crate) async fn changes_come_in_pages_of_whole_commits(store: &impl Store, _: &impl Store) {
    let start = store.head().await.unwrap();
    let first = done(store, (0..5).map(|number| put(&device(number, 1), None))).await;
    let second = done(store, [put(&device(5, 1), None)]).await;
    let third = done(store, [put(&device(6, 1), None)]).await;
    let told = async |after, limit| {
        let (changes, reached) = page(store.changes(after, limit).await.unwrap());
        (changes.len(), reached)
    };
    assert_eq!(told(start, 0).await, (5, first));
    assert_eq!(told(start, 2).await, (5, first), "a commit is told whole");
    assert_eq!(told(start, 6).await, (6, second));
    assert_eq!(told(first, 1).await, (1, second));
    assert_eq!(told(first, usize::MAX).await, (2, third));
}

pub(crate) async fn a_removal_is_told(store: &impl Store, other: &impl Store) {
    let all = [
        put(&device(1, 1), None),
        put(&device(2, 1), None),
        put_company(&company("acme"), None),
        put_user(&user(1, "ann"), None),
    ];
    let made = done(store, all).await;
    let removed = [
        Mutation::RemoveDevice { mac: mac(1), expect: made },
        Mutation::RemoveDevice { mac: mac(2), expect: made },
        Mutation::RemoveCompany { id: id("acme"), expect: made },
        Mutation::RemoveUser { id: UserId(1), expect: made },
    ];
    let gone = done(other, removed).await;
    let again = done(other, [put(&device(2, 3), None)]).await;
    let (changes, reached) = page(store.changes(made, 100).await.unwrap());
    assert_eq!(reached, again);
    let expected = [
        change(gone, Changed::Device(mac(1), None)),
        change(gone, Changed::Company(id("acme"), None)),
        change(gone, Changed::User(UserId(1), None)),
        device_change(again, &device(2, 3)),
    ];
    assert!(changes == expected, "{changes:?}");
}

pub(crate) async fn a_commit_too_large_to_remember_is_read_anew(
    store: &impl Store,
    other: &impl Store,
) {
    let start = store.head().await.unwrap();
    let many =
        |from: u64, count: usize| (from..).take(count).map(|number| put(&device(number, 1), None));
    let first = done(store, many(0, MAX_REMEMBERED_COMMIT)).await;
    let (changes, reached) = page(other.changes(start, 1).await.unwrap());
    assert_eq!((changes.len(), reached), (MAX_REMEMBERED_COMMIT, first));
    let second = done(store, many(10_000, MAX_REMEMBERED_COMMIT + 1)).await;
    let third = done(store, [put(&device(9_000, 1), None)]).await;
    for after in [start, first] {
        assert_eq!(other.changes(after, 100).await, Ok(Changes::TooFarBehind));
    }
    let (changes, reached) = page(other.changes(second, 100).await.unwrap());
    assert_eq!((changes.len(), reached), (1, third));
}
