//! What others do with the tables: reads that last, a backup that is put back.

use super::*;
use crate::store::conformance::{device, done, put};

#[tokio::test(flavor = "multi_thread")]
async fn the_row_of_all_groups_comes_from_its_index() {
    let server = Cluster::shared();
    let url = server.database();
    on(&url).await.close().await;
    let name = url.split(['/', '?']).nth(3).unwrap();
    // As many versions as beside a long read.
    server.sql(
        name,
        "DO $$ BEGIN FOR i IN 1..5000 LOOP UPDATE dialtone.store SET head = head; END LOOP; END $$",
    );
    let session = Connector::new(url.parse().unwrap()).unwrap().session().await.unwrap();
    let known = || session::parameters![0i64];
    let group = || session::parameters![1i64, 0i64, 1i64, 0i64, 1i64, "x", true];
    for (sql, values) in [
        (needs::LEDGER, Vec::new()),
        (needs::LOCK, Vec::new()),
        (queries::HEADER, known()),
        (write::PUT_LEDGER, group()),
    ] {
        let plan = session.query(&format!("EXPLAIN {sql}"), values).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(plan.contains("store_pkey") && !plan.contains("Scan on store"), "{sql}: {plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_while_a_backup_is_put_back_finds_it_whole() {
    let server = Cluster::shared();
    let url = server.database();
    let store = Arc::new(on(&url).await);
    let head = done(&*store, [put(&device(1, 1), None)]).await;
    // All reads have sessions by then that have read the same before.
    let read = async |store: Arc<PostgresStore>| {
        let devices = store.devices_after(None, 10).await.unwrap();
        let named = store.devices(&[device(1, 1).mac]).await.unwrap();
        let tenancy = store.tenancy().await.unwrap();
        let Changes::Page(changes, _) = store.changes(Revision(1), 10).await.unwrap() else {
            panic!("nothing was lost")
        };
        (devices.len(), named.len(), tenancy.head, tenancy.companies.len(), changes.len())
    };
    let before = read(store.clone()).await;
    assert_eq!(before, (1, 1, head, 1, 1));
    let name = url.split(['/', '?']).nth(3).unwrap();
    let waiting = format!(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
         WHERE datname = '{name}' AND NOT granted"
    );
    let tables = ["store", "device", "phone", "company", "change", "commit_group"];
    for _ in 0..4 {
        let restoring = Connector::new(url.parse().unwrap()).unwrap().session().await.unwrap();
        let lock = format!("BEGIN; LOCK TABLE {}", tables.join(", "));
        restoring.execute(&lock).await.unwrap();
        let reading: Vec<_> = (0..4).map(|_| tokio::spawn(read(store.clone()))).collect();
        while server.sql("postgres", &waiting) != "4" {}
        // To a snapshot from before a table is empty that was filled anew.
        for table in tables {
            let anew = format!(
                "CREATE TEMPORARY TABLE kept ON COMMIT DROP AS TABLE {table}; \
                 TRUNCATE {table} CASCADE; INSERT INTO {table} TABLE kept; DROP TABLE kept"
            );
            restoring.execute(&anew).await.unwrap();
        }
        restoring.execute("COMMIT").await.unwrap();
        for read in reading {
            assert_eq!(read.await.unwrap(), before);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_are_empty_are_no_store() {
    let server = Cluster::shared();
    let url = server.database();
    let store = on(&url).await;
    let name = url.split(['/', '?']).nth(3).unwrap();
    server.sql(name, "DELETE FROM dialtone.store");
    for refused in [
        store.devices_after(None, 10).await.map(drop),
        store.devices(&[device(1, 1).mac]).await.map(drop),
        store.tenancy().await.map(drop),
        store.head().await.map(drop),
        store.changes(Revision::NONE, 10).await.map(drop),
        store.commit(vec![put(&device(1, 1), None)], Vec::new()).await.map(drop),
    ] {
        assert!(refused.as_ref().is_err_and(StoreError::may_pass), "{refused:?}");
        assert!(refused.unwrap_err().to_string().contains("backup"));
    }
}
