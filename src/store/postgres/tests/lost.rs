//! A database that lacks what it had: an older copy was put back, and others went on from there.

use super::*;
use crate::store::conformance::{commit, device, done, put};

fn lost(changes: Result<Changes, StoreError>) {
    assert_eq!(changes, Ok(Changes::Lost));
}

/// A handle that knows three commits of which the database has the first only, and the server.
async fn behind() -> (PostgresStore, String, Revision, Cluster) {
    let mut server = Cluster::start("");
    let url = server.database();
    let store = on(&url).await;
    let first = done(&store, [put(&device(1, 1), None)]).await;
    server.stop();
    let backup = server.copy();
    server.resume();
    let mut second = commit(&store, [put(&device(2, 1), None)]).await;
    while second.is_err() {
        second = commit(&store, [put(&device(2, 1), None)]).await;
    }
    done(&store, [put(&device(3, 1), None)]).await;
    server.stop();
    server.restore(&backup);
    server.resume();
    (store, url, first, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_is_told_until_all_was_read_anew() {
    let (store, _, first, _server) = behind().await;
    // The pool's sessions ended with the server.
    while store.head().await.is_err() {}
    let known = Revision(first.0 + 2);
    lost(store.changes(known, 10).await);
    let refused = commit(&store, [put(&device(4, 1), None)]).await.unwrap_err();
    assert!(refused.to_string().contains("read anew"), "{refused}");
    assert!(store.ready().await.is_err());
    let head = store.head().await.unwrap();
    assert_eq!(head, first);
    lost(store.changes(known, 10).await);
    store.resume(head).await;
    assert_eq!(store.changes(head, 10).await, Ok(Changes::Page(Vec::new(), head)));
    assert_eq!(done(&store, [put(&device(4, 1), None)]).await, first.next());
    assert_eq!(store.ready().await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_given_again_hide_nothing() {
    let (store, url, first, _server) = behind().await;
    let other = on(&url).await;
    let mut newest = first;
    for number in 10..15 {
        newest = done(&other, [put(&device(number, 1), None)]).await;
    }
    // It is further than what the first knew, and has that number, too.
    assert!(newest.0 > first.0 + 2);
    // A decision on what was there before fits by its number.
    let stale = loop {
        let change = put(&device(3, 2), Some(Revision(first.0 + 2)));
        match commit(&store, [change]).await {
            Err(StoreError::Unavailable { why, .. }) if !why.contains("read anew") => {}
            answered => break answered,
        }
    };
    assert!(stale.is_err_and(|error| error.to_string().contains("read anew")));
    lost(store.changes(Revision(first.0 + 2), 10).await);
    lost(store.changes(first, 10).await);
    let head = store.head().await.unwrap();
    store.resume(head).await;
    assert_eq!(store.changes(head, 10).await, Ok(Changes::Page(Vec::new(), head)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_order_loses_nothing() {
    let mut server = Cluster::start("");
    let store = on(&server.database()).await;
    let first = done(&store, [put(&device(1, 1), None)]).await;
    server.stop();
    server.resume();
    while store.head().await.is_err() {}
    assert_eq!(store.changes(first, 10).await, Ok(Changes::Page(Vec::new(), first)));
    while commit(&store, [put(&device(2, 1), None)]).await.is_err() {}
}
