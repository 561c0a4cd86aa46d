//! Many commits in one transaction, a full queue, an orderly end.

use super::*;
use crate::domain::Subject;
use crate::store::conformance::{
    all_devices, at, commit, conflict, device, event, mac, newest, put, read,
};

/// A writer that waits: what is sent meanwhile is one group when the sender is dropped.
async fn pause(store: &PostgresStore) -> oneshot::Sender<()> {
    let (started, wait) = oneshot::channel();
    let (release, held) = oneshot::channel();
    let (reply, _) = oneshot::channel();
    let sender = store.requests.lock().unwrap().clone().unwrap();
    let request = Request { work: Work::Pause(started, held), reply };
    sender.try_send(request).unwrap_or_else(|_| panic!("queue"));
    wait.await.unwrap();
    release
}

async fn with(options: Options) -> PostgresStore {
    let url = Cluster::shared().database().parse().unwrap();
    PostgresStore::open_with(url, NOW, options, IfOlder::Upgrade).await.unwrap()
}

#[tokio::test]
async fn a_conflict_in_a_group_leaves_its_neighbours() {
    let store = fresh().await;
    commit(&store, [put(&device(1, 1), None)]).await.unwrap();
    let written = store.groups_written();
    let release = pause(&store).await;
    let mut nobodys = device(4, 2);
    conformance::activate(&mut nobodys, 1, "nobody");
    let results = tokio::join!(
        biased;
        commit(&store, [put(&device(2, 2), None)]),
        commit(&store, [put(&device(3, 1), None), put(&device(1, 1), None)]),
        commit(&store, [put(&nobodys, None)]),
        commit(&store, [put(&device(2, 1), None)]),
        commit(&store, [put(&device(5, 1), None)]),
        async { drop(release) },
    );
    let refused = ["device 000413000001", "company nobody", "device 000413000002"];
    let [one, nobody, two] = refused.map(conflict);
    let (second, fifth) = (Revision(3), Revision(4));
    assert_eq!(results, (Ok(second), one, nobody, two, Ok(fifth), ()));
    let expected =
        [at(Revision(2), &device(1, 1)), at(second, &device(2, 2)), at(fifth, &device(5, 1))];
    assert_eq!(all_devices(&store, 10).await, expected);
    assert_eq!(store.groups_written(), written + 1, "it was one transaction");
}

#[tokio::test]
async fn what_is_on_record_is_noted_by_reading_alone() {
    let server = Cluster::shared();
    let url = server.database();
    let (store, other) = (on(&url).await, on(&url).await);
    let seen = |last| conformance::sighting(last);
    let note = |sighting| Mutation::NoteSighting { mac: mac(1), sighting };
    let served = Mutation::NoteServed { mac: mac(1), at: NOW };
    let revision = commit(&store, [put(&device(1, 1), None)]).await.unwrap();
    commit(&store, [note(seen(0)), served.clone()]).await.unwrap();
    let name = url.split(['/', '?']).nth(3).unwrap();
    // Of each row its version, and who locked it.
    let rows = || {
        server.sql(
            name,
            "SELECT xmin, xmax, ctid FROM dialtone.store UNION ALL \
                                    SELECT xmin, xmax, ctid FROM dialtone.device",
        )
    };
    let (before, written) = (rows(), store.groups_written() + other.groups_written());
    for store in [&store, &other] {
        let noted = commit(store, [note(seen(1)), served.clone()]).await;
        assert_eq!(noted, Ok(revision));
    }
    assert_eq!(rows(), before);
    assert_eq!(store.groups_written() + other.groups_written(), written);
    // Beside something else it is left out.
    let beside = [note(seen(2)), Mutation::Append(event(Subject::Phone, "x", "default"))];
    commit(&other, beside).await.unwrap();
    let device = |rows: &str| rows.lines().nth(1).unwrap().to_owned();
    assert_eq!(device(&rows()), device(&before));
    commit(&other, [note(seen(2 * 3_600))]).await.unwrap();
    assert_ne!(device(&rows()), device(&before));
}

#[tokio::test]
async fn commits_of_a_group_see_those_before_them() {
    let store = fresh().await;
    let release = pause(&store).await;
    let acme = conformance::company("acme");
    let mut promoted = device(1, 1);
    conformance::activate(&mut promoted, 0, "acme");
    let remove_company = Mutation::RemoveCompany { id: acme.id.clone(), expect: Revision(2) };
    let remove_device = Mutation::RemoveDevice { mac: mac(1), expect: Revision(3) };
    let results = tokio::join!(
        biased;
        commit(&store, [conformance::put_company(&acme, None)]),
        commit(&store, [put(&promoted, None)]),
        commit(&store, [remove_company.clone()]),
        commit(&store, [remove_device]),
        commit(&store, [remove_company]),
        commit(&store, [put(&device(1, 2), None)]),
        async { drop(release) },
    );
    let [made, promoted, gone, removed, again] = [2, 3, 4, 5, 6].map(|number| Ok(Revision(number)));
    let named = conflict("company acme");
    assert_eq!(results, (made, promoted, named, gone, removed, again, ()));
    assert_eq!(all_devices(&store, 10).await, [at(Revision(6), &device(1, 2))]);
    assert_eq!(store.tenancy().await.unwrap().companies.len(), 1);
}

#[tokio::test]
async fn a_group_has_a_bound() {
    let store = with(Options { group: 2, ..Options::default() }).await;
    let written = store.groups_written();
    let release = pause(&store).await;
    let put = |number| commit(&store, [put(&device(number, 1), None)]);
    let results = tokio::join!(biased; put(1), put(2), put(3), put(4), async { drop(release) });
    let [one, two, three, four] = [2, 3, 4, 5].map(|number| Ok(Revision(number)));
    assert_eq!(results, (one, two, three, four, ()));
    assert_eq!(store.groups_written(), written + 2);
}

#[tokio::test]
async fn an_operators_commits_do_not_wait_for_others() {
    let gathering = Duration::from_secs(60);
    let store = with(Options { gathering, ..Options::default() }).await;
    let commits = async {
        for number in 1..4 {
            let created = event(Subject::Phone, "000413000001", "default");
            let writes = [put(&device(number, 1), None), Mutation::Append(created)];
            commit(&store, writes).await.unwrap();
        }
    };
    tokio::time::timeout(gathering / 2, commits).await.unwrap();
}

#[tokio::test]
async fn more_commits_than_the_queue_holds_are_refused() {
    let store = with(Options { queue: 2, ..Options::default() }).await;
    let release = pause(&store).await;
    let put = |number| commit(&store, [put(&device(number, 1), None)]);
    let (one, two, three, ready, ()) =
        tokio::join!(biased; put(1), put(2), put(3), store.ready(), async { drop(release) });
    let overloaded = Err(StoreError::Overloaded { waiting: 2 });
    assert_eq!((one, two), (Ok(Revision(2)), Ok(Revision(3))));
    assert_eq!((three.map(|_| ()), ready), (overloaded.clone(), overloaded));
    assert_eq!(store.ready().await, Ok(()));
    put(3).await.unwrap();
    assert_eq!(all_devices(&store, 10).await.len(), 3);
}

#[tokio::test]
async fn a_caller_that_left_does_not_take_its_commit_back() {
    let store = fresh().await;
    let release = pause(&store).await;
    tokio::select! {
        biased;
        result = commit(&store, [put(&device(1, 1), None)]) => panic!("answered: {result:?}"),
        () = std::future::ready(()) => {}
    }
    drop(release);
    commit(&store, []).await.unwrap();
    assert_eq!(read(&store, mac(1)).await, Some(at(Revision(2), &device(1, 1))));
}

#[tokio::test]
async fn close_finishes_what_was_accepted() {
    let url = Cluster::shared().database();
    let store = on(&url).await;
    let release = pause(&store).await;
    let put = |number| commit(&store, [put(&device(number, 1), None)]);
    let results =
        tokio::join!(biased; put(1), put(2), put(3), store.close(), async { drop(release) });
    let [one, two, three] = [2, 3, 4].map(|number| Ok(Revision(number)));
    assert_eq!(results, (one, two, three, (), ()));
    assert_eq!(all_devices(&on(&url).await, 10).await.len(), 3);
}

#[tokio::test]
async fn a_large_commit_is_written_whole() {
    let store = fresh().await;
    let count = session::ROWS as u64 + 5;
    let mut last = device(count, 1);
    conformance::activate(&mut last, 0, "default");
    let devices = (1..count).map(|number| device(number, 1)).chain([last]);
    let put: Vec<Mutation> = devices.map(|device| put(&device, None)).collect();
    let events = (0..count).map(|_| Mutation::Append(event(Subject::Registry, "", "")));
    let revision = commit(&store, put.into_iter().chain(events)).await.unwrap();
    let stored = all_devices(&store, 1000).await;
    assert_eq!(stored.len() as u64, count);
    assert_eq!(stored.last().unwrap().phones.len(), 1);
    assert!(stored.iter().all(|device| device.revision == revision));
    assert_eq!(store.events(newest(1)).await.unwrap()[0].id.0, count);
}
