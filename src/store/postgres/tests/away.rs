//! A server that goes away, does not answer, or ends a session in the middle.

use super::*;
use crate::store::conformance::{commit, device, mac, put, read};

fn unavailable(result: Result<Revision, StoreError>) -> String {
    match result {
        Err(StoreError::Unavailable { why, .. }) => why,
        other => panic!("it is away: {other:?}"),
    }
}

/// Commits until it succeeds.
async fn commit_once_it_is_back(store: &PostgresStore, number: u64) {
    let started = Instant::now();
    loop {
        match commit(store, [put(&device(number, 1), None)]).await {
            // Told as unknown or as failed, it may be there.
            Ok(_) | Err(StoreError::Conflict(_)) => return,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(30), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_killed_server() {
    let mut server = Cluster::start("");
    let url = server.database();
    let (store, other) = (Arc::new(on(&url).await), Arc::new(on(&url).await));
    let mut acknowledged = 0;
    for round in 0..3u64 {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let writers = (0..16u64).map(|writer| {
            let store = if writer % 2 == 0 { store.clone() } else { other.clone() };
            let stop = stop.clone();
            tokio::spawn(async move {
                let mut done = Vec::new();
                for number in 0.. {
                    // One that was settled as made goes on.
                    if stop.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    let number = (round << 32) | (writer << 16) | number;
                    match commit(&*store, [put(&device(number, 1), None)]).await {
                        Ok(_) => done.push(number),
                        Err(_) => break,
                    }
                }
                done
            })
        });
        let writers: Vec<_> = writers.collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.kill();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        // Some settle what they do not know as soon as it is back.
        server.resume();
        let mut expected = Vec::new();
        for writer in writers {
            expected.extend(writer.await.unwrap());
        }
        acknowledged += expected.len();
        let fresh = on(&url).await;
        for number in expected {
            assert!(read(&fresh, mac(number)).await.is_some(), "{number} was acknowledged");
        }
        commit_once_it_is_back(&store, (round << 32) | 0xff_ffff).await;
        assert_eq!(store.ready().await, Ok(()));
    }
    assert!(acknowledged > 100, "only {acknowledged}");
    let changes = store.changes(store.head().await.unwrap(), 1).await;
    assert!(matches!(changes, Ok(Changes::Page(..))), "nothing was lost: {changes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_told_of_in_time() {
    let server = Cluster::start("");
    let url = server.database();
    let store = on(&url).await;
    commit(&store, [put(&device(1, 1), None)]).await.unwrap();
    server.signal("STOP");
    // Nobody asked anything yet.
    let started = Instant::now();
    let ready = store.ready().await.unwrap_err().to_string();
    assert!(ready.contains("answer"), "{ready}");
    assert!(started.elapsed() < 2 * PROBE_TIMEOUT, "{:?}", started.elapsed());
    let started = Instant::now();
    let (committed, read) = tokio::join!(commit(&store, [put(&device(2, 1), None)]), store.head());
    assert!(started.elapsed() < 2 * session::ANSWER, "{:?}", started.elapsed());
    for told in [unavailable(committed), unavailable(read)] {
        assert!(told.contains("not answer") || told.contains("no answer"), "{told}");
    }
    let started = Instant::now();
    let ready = store.ready().await.unwrap_err().to_string();
    assert!(ready.contains("answer"), "{ready}");
    assert!(started.elapsed() < 2 * PROBE_TIMEOUT, "{:?}", started.elapsed());
    // A connection is accepted by the kernel, and nothing more is heard on it.
    let opened = PostgresStore::open(url.parse().unwrap(), NOW).await;
    assert!(opened.is_err_and(|error| error.to_string().contains("no answer")));
    server.signal("CONT");
    commit_once_it_is_back(&store, 3).await;
    assert_eq!(store.ready().await, Ok(()));
}

/// A commit that waits for a standby that there is not, and the number of its device.
async fn waiting_commit(
    server: &Cluster,
    database: &str,
    store: &Arc<PostgresStore>,
) -> (JoinHandle<Result<Revision, StoreError>>, u64) {
    server.sql(database, "ALTER SYSTEM SET synchronous_standby_names TO 'nobody'");
    server.sql(database, "SELECT pg_reload_conf()");
    // The server takes it over in its own time.
    for number in 2.. {
        let store = store.clone();
        let committing =
            tokio::spawn(async move { commit(&*store, [put(&device(number, 1), None)]).await });
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        while !committing.is_finished() {
            if server.sql(database, waits) == "1" {
                return (committing, number);
            }
        }
    }
    unreachable!("it is taken over at some time");
}

fn name_of(url: &str) -> String {
    url.split(['/', '?']).nth(3).unwrap().to_owned()
}

const END_WRITER: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_connection_ended_is_told_as_made_when_a_standby_has_it() {
    let server = Cluster::start("");
    let url = server.database();
    let database = name_of(&url);
    let store = Arc::new(on(&url).await);
    let (committing, number) = waiting_commit(&server, &database, &store).await;
    let waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let writer = server.sql(&database, &format!("SELECT pid {waits}"));
    server.sql(&database, END_WRITER);
    // The server has it now, and no standby.
    let settles = format!("SELECT count(*) {waits} AND pid <> {writer}");
    while server.sql(&database, &settles) != "1" {
        assert!(!committing.is_finished(), "no standby has it");
    }
    server.sql(&database, "ALTER SYSTEM RESET synchronous_standby_names");
    server.sql(&database, "SELECT pg_reload_conf()");
    assert_eq!(committing.await.unwrap(), Ok(Revision(number)));
    assert!(read(&*store, mac(number)).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_connection_ended_is_told_as_it_was_not_made() {
    let server = Cluster::start("");
    let url = server.database();
    let database = name_of(&url);
    let store = Arc::new(on(&url).await);
    // A trigger that waits for long after all was written.
    server.sql(
        &database,
        "CREATE FUNCTION dialtone.wait() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'",
    );
    server.sql(
        &database,
        "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON dialtone.commit_group \
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dialtone.wait()",
    );
    let committing = tokio::spawn({
        let store = store.clone();
        async move { commit(&*store, [put(&device(2, 1), None)]).await }
    });
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    while server.sql(&database, sleeps) != "1" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.sql(
        &database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
    );
    unavailable(committing.await.unwrap());
    assert_eq!(read(&*store, mac(2)).await, None);
    server.sql(&database, "DROP TRIGGER slow ON dialtone.commit_group");
    commit(&*store, [put(&device(2, 1), None)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_which_nothing_can_be_learnt_is_told_as_unknown() {
    let server = Cluster::start("");
    let url = server.database();
    let database = name_of(&url);
    let store = Arc::new(on(&url).await);
    let (committing, number) = waiting_commit(&server, &database, &store).await;
    server.signal("STOP");
    let committed = committing.await.unwrap();
    assert!(matches!(committed, Err(StoreError::Unknown { .. })), "{committed:?}");
    server.signal("CONT");
    server.sql(&database, "ALTER SYSTEM RESET synchronous_standby_names");
    server.sql(&database, "SELECT pg_reload_conf()");
    commit_once_it_is_back(&store, 0).await;
    assert!(read(&*store, mac(number)).await.is_some(), "it had been made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_stops_in_the_middle_does_not_hold_others_for_long() {
    let url = Cluster::shared().database();
    let store = on(&url).await;
    // One that locked the row of all groups and went on no more.
    let connector = Connector::new(url.parse().unwrap()).unwrap();
    let stuck = connector.session().await.unwrap();
    stuck.execute("BEGIN; SELECT FROM store FOR UPDATE").await.unwrap();
    let started = Instant::now();
    commit_once_it_is_back(&store, 1).await;
    assert!(started.elapsed() < 4 * session::ANSWER, "{:?}", started.elapsed());
}
