//! What a file keeps: over a reopen, over a crash, and for other readers.

use rusqlite::types::Value;

use super::*;
use crate::domain::settings::Layer;
use crate::domain::{ApiKeyHash, CompanyId, EventId, Subject, Timestamp, User};
use crate::store::conformance::{
    activate, commit, company, device, dump, event, id, put, put_company, put_user,
};
use crate::store::{Mutation, SystemSettings};

async fn furnish(store: &SqliteStore) {
    let mut active = device(2, 3);
    activate(&mut active, 1, "acme");
    let ann = User {
        company: Some(id("acme")),
        admin_companies: vec![id("acme"), CompanyId::default_company()],
        key_hashes: vec![ApiKeyHash::of("one")],
        ..user()
    };
    let system = SystemSettings {
        settings: Layer::from_stored(r#"{"a":1}"#),
        password_seed: Some(crate::domain::PasswordSeed::new([3; 32])),
        changed: NOW + 3,
        revision: Revision::NONE,
    };
    let mutations = [
        put_company(&company("acme"), None),
        put(&device(1, 1), None),
        put(&active, None),
        put_user(&ann, None),
        Mutation::PutSystemSettings { system, expect: Revision::NONE },
        Mutation::Append(event(Subject::Phone, "0004130000010", "acme")),
    ];
    commit(store, mutations).await.unwrap();
}

fn user() -> User {
    conformance::user(1, "ann")
}

#[tokio::test]
async fn a_reopened_store_is_the_same() {
    let (store, directory) = fresh().await;
    furnish(&store).await;
    assert_eq!(
        store.catalogue_since("digest", Timestamp::from_seconds(5)).await,
        Ok(Timestamp::from_seconds(5))
    );
    let before = dump(&store).await;
    store.close().await;
    let again = SqliteStore::open(&directory.path().join(FILE), NOW + 1000).unwrap();
    assert_eq!(dump(&again).await, before);
    assert_eq!(
        again.catalogue_since("digest", Timestamp::from_seconds(9)).await,
        Ok(Timestamp::from_seconds(5))
    );
    commit(&again, [Mutation::Append(event(Subject::Phone, "0004130000010", "acme"))])
        .await
        .unwrap();
    assert_eq!(dump(&again).await.2[0].id, EventId(2));
}

#[tokio::test]
async fn what_was_answered_survives_a_crash() {
    let (store, directory) = fresh().await;
    furnish(&store).await;
    let before = dump(&store).await;
    // What the disk holds at this moment is what a killed process leaves.
    let crashed = tempfile::tempdir().unwrap();
    for name in [FILE, "dialtone.db-wal"] {
        std::fs::copy(directory.path().join(name), crashed.path().join(name)).unwrap();
    }
    let again = SqliteStore::open(&crashed.path().join(FILE), NOW + 1000).unwrap();
    assert_eq!(dump(&again).await, before);
}

#[tokio::test]
async fn a_second_open_is_refused_by_name_and_pid() {
    let (store, directory) = fresh().await;
    let path = directory.path().canonicalize().unwrap().join(FILE);
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for spelling in [&path, &directory.path().join(".").join(FILE), &link] {
        let refused = SqliteStore::open(spelling, NOW).err().unwrap();
        let expected = format!(
            "{} is in use by another dialtone process (pid {})",
            path.display(),
            std::process::id()
        );
        assert_eq!(refused.to_string(), expected);
    }
    commit(&store, [put(&device(1, 1), None)]).await.unwrap();
    store.close().await;
    SqliteStore::open(&path, NOW).unwrap().close().await;
}

#[tokio::test]
async fn missing_directories_are_made_for_the_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("var/lib").join(FILE);
    let store = SqliteStore::open(&path, NOW).unwrap();
    assert_eq!(store.ready().await, Ok(()));
    commit(&store, [put(&device(1, 1), None)]).await.unwrap();
    for name in ["", "dialtone.db", "dialtone.db-wal", "dialtone.db-shm"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = path.with_file_name(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name:?}: {mode:o}");
    }
}

/// The sqlite3 tool reads with the same library.
#[tokio::test]
async fn an_operator_reads_phones_beside_the_running_store() {
    let (store, directory) = fresh().await;
    furnish(&store).await;
    let tool = Connection::open(directory.path().join(FILE)).unwrap();
    let row = |phoneid: &str| -> Vec<Value> {
        let sql = "SELECT mac, port, type, state, company, created, address, first_seen \
                   FROM phones WHERE phoneid = ?1";
        let all = |row: &rusqlite::Row<'_>| (0..8).map(|column| row.get(column)).collect();
        tool.query_one(sql, [phoneid], all).unwrap()
    };
    let text = |text: &str| Value::Text(text.to_owned());
    let expected = |mac, port, state, company| {
        let seen = text("2023-11-14T22:13:20Z");
        let address = text("192.0.2.1");
        let phone_type = text("snom320");
        vec![text(mac), port, phone_type, text(state), company, seen.clone(), address, seen]
    };
    let inactive = expected("000413000001", Value::Integer(0), "inactive", Value::Null);
    assert_eq!(row("0004130000010"), inactive);
    let active = expected("000413000002", Value::Integer(1), "active", text("acme"));
    assert_eq!(row("0004130000021"), active);
    let sound: String = tool.query_one("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}
