//! Many commits in one transaction, a full queue, an orderly end.

use super::*;
use crate::domain::Subject;
use crate::store::conformance::{
    all_devices, at, commit, conflict, device, event, mac, newest, put, read,
};

/// A writer that waits: what is sent meanwhile is one group when it goes on.
async fn pause(store: &SqliteStore) -> std::sync::mpsc::Sender<()> {
    let (started, wait) = oneshot::channel();
    let (release, held) = std::sync::mpsc::channel();
    let (reply, _) = oneshot::channel();
    let run = Box::new(move |_: &Connection| {
        started.send(()).unwrap();
        held.recv().unwrap();
    });
    let sender = store.requests.lock().unwrap().clone().unwrap();
    sender.try_send(Request { work: Work::Run(run), reply }).unwrap_or_else(|_| panic!("queue"));
    wait.await.unwrap();
    release
}

#[tokio::test]
async fn a_conflict_in_a_group_leaves_its_neighbours() {
    let (store, _held) = fresh().await;
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
        async { release.send(()).unwrap() },
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
async fn a_group_has_a_bound() {
    let (store, _held) = fresh_with(SqliteOptions { group: 2, ..SqliteOptions::default() });
    let written = store.groups_written();
    let release = pause(&store).await;
    let put = |number| commit(&store, [put(&device(number, 1), None)]);
    let go = async { release.send(()).unwrap() };
    let results = tokio::join!(biased; put(1), put(2), put(3), put(4), put(5), go);
    let [one, two, three, four, five] = [2, 3, 4, 5, 6].map(|number| Ok(Revision(number)));
    assert_eq!(results, (one, two, three, four, five, ()));
    assert_eq!(store.groups_written(), written + 3);
    assert_eq!(all_devices(&store, 10).await.len(), 5);
}

#[tokio::test]
async fn first_contacts_gather_after_a_few() {
    let gathering = Duration::from_millis(500);
    let (store, _held) = fresh_with(SqliteOptions { gathering, ..SqliteOptions::default() });
    let put = |number| commit(&store, [put(&device(number, 1), None)]);
    put(1).await.unwrap();
    let written = store.groups_written();
    let results = tokio::join!(put(2), put(3), put(4));
    assert!(results.0.is_ok() && results.1.is_ok() && results.2.is_ok(), "{results:?}");
    assert_eq!(store.groups_written(), written + 1);
}

#[tokio::test]
async fn an_operators_commits_do_not_wait_for_others() {
    let gathering = Duration::from_secs(60);
    let (store, _held) = fresh_with(SqliteOptions { gathering, ..SqliteOptions::default() });
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
    let (store, _held) = fresh_with(SqliteOptions { queue: 2, ..SqliteOptions::default() });
    let release = pause(&store).await;
    let put = |number| commit(&store, [put(&device(number, 1), None)]);
    let (one, two, three, ready, ()) = tokio::join!(
        biased;
        put(1),
        put(2),
        put(3),
        store.ready(),
        async { release.send(()).unwrap() },
    );
    let overloaded = Err(StoreError::Overloaded { waiting: 2 });
    assert_eq!((one, two), (Ok(Revision(2)), Ok(Revision(3))));
    assert_eq!((three.map(|_| ()), ready), (overloaded.clone(), overloaded));
    assert_eq!(store.ready().await, Ok(()));
    put(3).await.unwrap();
    assert_eq!(all_devices(&store, 10).await.len(), 3);
}

#[tokio::test]
async fn a_caller_that_left_does_not_take_its_commit_back() {
    let (store, _held) = fresh().await;
    let release = pause(&store).await;
    tokio::select! {
        biased;
        result = commit(&store, [put(&device(1, 1), None)]) => panic!("answered: {result:?}"),
        () = std::future::ready(()) => {}
    }
    release.send(()).unwrap();
    commit(&store, []).await.unwrap();
    assert_eq!(read(&store, mac(1)).await, Some(at(Revision(2), &device(1, 1))));
}

#[tokio::test]
async fn close_finishes_what_was_accepted_and_folds_the_log_in() {
    let (store, directory) = fresh().await;
    let release = pause(&store).await;
    let put = |number| commit(&store, [put(&device(number, 1), None)]);
    let results = tokio::join!(
        biased;
        put(1),
        put(2),
        put(3),
        store.close(),
        async { release.send(()).unwrap() },
    );
    let [one, two, three] = [2, 3, 4].map(|number| Ok(Revision(number)));
    assert_eq!(results, (one, two, three, (), ()));
    let path = directory.path().join(FILE);
    let log = directory.path().join("dialtone.db-wal");
    assert!(!log.exists(), "the log is gone");
    let store = SqliteStore::open(&path, NOW).unwrap();
    assert_eq!(all_devices(&store, 10).await.len(), 3);
}

#[tokio::test]
async fn a_writer_that_died_is_told_of() {
    let (store, _held) = fresh().await;
    let died = store.ask(Work::Run(Box::new(|_| panic!("on purpose")))).await.unwrap_err();
    assert!(died.to_string().contains("restart dialtone"), "{died}");
    // The answer comes while it unwinds; the queue closes after.
    let sender = store.requests.lock().unwrap().clone().unwrap();
    sender.closed().await;
    for result in [commit(&store, []).await.map(|_| ()), store.ready().await] {
        assert_eq!(result, Err(died.clone()));
    }
    assert_eq!(store.events(newest(1)).await, Ok(Vec::new()));
    store.close().await;
}
