//! Through a pooler: one that keeps sessions is as good as none; any other is found out.

use super::server::{Pgbouncer, PoolMode};
use super::*;
use crate::store::conformance::{commit, device, done, put};

/// Two handles on one database, through a pooler.
async fn two_pooled() -> (PostgresStore, PostgresStore, ()) {
    let url = Pgbouncer::shared().url(&Cluster::shared().database());
    (on(&url).await, on(&url).await, ())
}

// Of each way to read and write one.
conformance::suite!(two_pooled:
    a_new_store_has_the_default_company_only
    a_device_comes_back_as_it_was_put
    of_two_promotes_at_once_one_wins
    a_commit_is_all_or_nothing
    what_files_set_in_a_removed_device_is_known
    users_come_back_and_change_by_their_revision_only
    system_settings_change_by_their_revision_only
    events_are_paged_newest_first
    devices_come_in_order_and_in_pages
    changes_come_in_pages_of_whole_commits
    a_commit_too_large_to_remember_is_read_anew
    a_catalogue_keeps_its_first_time
);

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_changes_is_woken_through_a_pooler() {
    let (store, other, ()) = two_pooled().await;
    let head = store.head().await.unwrap();
    other.head.subscribe().wait_for(|heard| *heard >= head).await.unwrap();
    let (committed, ()) =
        tokio::join!(commit(&store, [put(&device(1, 1), None)]), other.changed(head));
    assert!(committed.is_ok_and(|revision| revision > head));
}

fn is_told(error: &StoreError) -> bool {
    matches!(error, StoreError::Refused { why, .. } if why.contains("pool_mode = session"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_without_sessions_is_refused() {
    let server = Cluster::start("");
    let pooler = Pgbouncer::start(&server, PoolMode::Transaction);
    let direct = server.database();
    let url = pooler.url(&direct);
    for _ in 0..3 {
        let opened = PostgresStore::open(url.parse().unwrap(), NOW).await;
        assert!(opened.as_ref().is_err_and(is_told), "{:?}", opened.err());
        let looked = PostgresStore::look(url.parse().unwrap()).await;
        assert!(looked.as_ref().is_err_and(is_told), "{looked:?}");
    }
    // One that began when nobody else was there to be noticed.
    let connector = Connector::new(url.parse().unwrap()).unwrap();
    let session = connector.session().await.unwrap();
    let found = queries::header(&session, None).await.unwrap();
    done(&on(&direct).await, [put(&device(1, 1), None)]).await;
    connector.session().await.unwrap();
    let failed = queries::header(&session, None).await.err().unwrap();
    assert!(is_told(&failed.told("")), "it was {}", found.head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_through_a_pooler_that_keeps_sessions_finds_all_in_order() {
    let url = Pgbouncer::shared().url(&Cluster::shared().database());
    let found = PostgresStore::look(url.parse().unwrap()).await.unwrap();
    assert_eq!(found.problems, Vec::<String>::new());
}
