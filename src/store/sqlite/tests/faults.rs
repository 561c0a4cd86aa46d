//! A full disk and a read-only one: errors with a name, reads that go on, and
//! the way back.

use super::*;
use crate::store::conformance::{commit, device, dump, mac, put, read};

/// Readiness may probe each time it is asked.
fn probing() -> SqliteOptions {
    SqliteOptions { probe_every: Duration::ZERO, ..SqliteOptions::default() }
}

fn pages(connection: &Connection, pragma: &str) -> i64 {
    connection.pragma_query_value(None, pragma, |row| row.get(0)).unwrap()
}

fn limit_pages(connection: &Connection, limit: i64) {
    connection.pragma_update_and_check(None, "max_page_count", limit, |_| Ok(())).unwrap();
}

#[tokio::test]
async fn a_full_disk_is_an_error_until_there_is_room() {
    let (store, directory) = fresh_with(probing());
    commit(&store, [put(&device(1, 2), None)]).await.unwrap();
    store.on_writer(|conn| limit_pages(conn, pages(conn, "page_count"))).await;
    let before = dump(&store).await;
    let many = (100..1100).map(|number| put(&device(number, 1), None));
    let full = commit(&store, many.clone()).await.unwrap_err();
    let what = directory.path().canonicalize().unwrap().join(FILE).display().to_string();
    assert_eq!(full, StoreError::Full { what: what.clone() });
    assert_eq!(full.to_string(), format!("{what}: the disk is full"));
    assert_eq!(store.ready().await, Err(full), "the probe found the same");
    assert_eq!(dump(&store).await, before, "reads go on, and nothing is half there");
    store.on_writer(|conn| limit_pages(conn, 1 << 20)).await;
    assert_eq!(store.ready().await, Ok(()));
    commit(&store, many).await.unwrap();
    assert!(read(&store, mac(1099)).await.is_some());
}

#[tokio::test]
async fn a_read_only_disk_is_an_error_until_it_can_be_written() {
    let (store, _held) = fresh_with(probing());
    commit(&store, [put(&device(1, 2), None)]).await.unwrap();
    store.on_writer(|conn| conn.pragma_update(None, "query_only", true).unwrap()).await;
    let before = dump(&store).await;
    let (one, other, since) = tokio::join!(
        commit(&store, [put(&device(2, 1), None)]),
        commit(&store, [put(&device(3, 1), None)]),
        store.catalogue_since("digest", Timestamp::from_seconds(1)),
    );
    let refused = one.unwrap_err();
    assert!(matches!(&refused, StoreError::ReadOnly { what } if what.ends_with(FILE)), "{refused}");
    assert_eq!((other.unwrap_err(), since.unwrap_err()), (refused.clone(), refused.clone()));
    assert_eq!(store.ready().await, Err(refused));
    assert_eq!(dump(&store).await, before);
    store.on_writer(|conn| conn.pragma_update(None, "query_only", false).unwrap()).await;
    assert_eq!(store.ready().await, Ok(()));
    commit(&store, [put(&device(2, 1), None)]).await.unwrap();
    assert_eq!(
        store.catalogue_since("digest", Timestamp::from_seconds(2)).await,
        Ok(Timestamp::from_seconds(2))
    );
}

#[tokio::test]
async fn a_successful_commit_heals_without_a_probe() {
    let never = SqliteOptions { probe_every: Duration::MAX, ..SqliteOptions::default() };
    let (store, _held) = fresh_with(never);
    store.on_writer(|conn| conn.pragma_update(None, "query_only", true).unwrap()).await;
    commit(&store, [put(&device(1, 1), None)]).await.unwrap_err();
    store.ready().await.unwrap_err();
    store.on_writer(|conn| conn.pragma_update(None, "query_only", false).unwrap()).await;
    store.ready().await.unwrap_err();
    commit(&store, [put(&device(1, 1), None)]).await.unwrap();
    assert_eq!(store.ready().await, Ok(()));
}

#[tokio::test]
async fn refusals_alone_do_not_heal() {
    let never = SqliteOptions { probe_every: Duration::MAX, ..SqliteOptions::default() };
    let (store, _held) = fresh_with(never);
    commit(&store, [put(&device(1, 1), None)]).await.unwrap();
    store.on_writer(|conn| limit_pages(conn, pages(conn, "page_count"))).await;
    let many = (100..1100).map(|number| put(&device(number, 1), None));
    commit(&store, many).await.unwrap_err();
    // This probe fails; the next one is far away.
    store.ready().await.unwrap_err();
    let conflict = commit(&store, [put(&device(1, 1), None)]).await;
    assert!(matches!(conflict, Err(StoreError::Conflict(_))), "{conflict:?}");
    assert!(matches!(store.ready().await, Err(StoreError::Full { .. })));
}
