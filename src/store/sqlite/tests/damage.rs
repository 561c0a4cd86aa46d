//! Files that are not ours, not yet ours, or not sound.

use std::path::Path;

use super::*;
use crate::store::conformance::{at, commit, device, mac, put, read};

/// Refused, for a reason with `words`, and not a byte of it changed.
fn is_refused_untouched(path: &Path, words: &str) {
    let before = std::fs::read(path).unwrap();
    match SqliteStore::open(path, NOW).err() {
        Some(StoreError::Unusable { what, why }) => {
            assert!(what.ends_with(path.file_name().unwrap().to_str().unwrap()), "{what}");
            assert!(why.contains(words), "{why}");
        }
        other => panic!("{} gave {other:?}", path.display()),
    }
    assert_eq!(std::fs::read(path).unwrap(), before, "{words}");
    assert!(!path.with_extension("db-wal").exists());
}

#[test]
fn what_is_not_a_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    for content in ["x".to_owned(), "[store]\n".repeat(1000), "SQLite format 3\0".to_owned()] {
        std::fs::write(&path, content).unwrap();
        is_refused_untouched(&path, "not a dialtone store");
    }
    let refused = SqliteStore::open(directory.path(), NOW).err().unwrap();
    assert!(refused.to_string().ends_with("a directory, not a file"), "{refused}");
}

#[test]
fn a_database_of_another_program_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE contacts (name TEXT)").unwrap();
    is_refused_untouched(&path, "another program");
    other.execute_batch("PRAGMA application_id = 7; PRAGMA user_version = 1").unwrap();
    is_refused_untouched(&path, "another program");
}

#[tokio::test]
async fn a_newer_schema_is_refused_until_its_program_is_back() {
    let (store, directory) = fresh().await;
    commit(&store, [put(&device(1, 1), None)]).await.unwrap();
    store.close().await;
    let path = directory.path().join(FILE);
    let set_version = |version: u32| {
        let conn = Connection::open(&path).unwrap();
        conn.pragma_update(None, "user_version", version).unwrap();
    };
    set_version(99);
    is_refused_untouched(&path, "newer dialtone (schema 99, this one knows 6)");
    set_version(6);
    let store = SqliteStore::open(&path, NOW).unwrap();
    assert_eq!(read(&store, mac(1)).await, Some(at(Revision(2), &device(1, 1))));
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    std::fs::write(&path, "").unwrap();
    let store = SqliteStore::open(&path, NOW).unwrap();
    assert_eq!(store.tenancy().await.unwrap().companies.len(), 1);
}

/// Making its target would leave two locks for one file.
#[test]
fn a_link_to_nothing_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (target, link) = (directory.path().join(FILE), directory.path().join("link.db"));
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let refused = SqliteStore::open(&link, NOW).err().unwrap();
    assert!(matches!(&refused, StoreError::Unavailable { .. }), "{refused:?}");
    assert!(refused.to_string().contains("link.db: cannot be reached"), "{refused}");
    assert!(!target.exists());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    let (store, directory) = fresh().await;
    commit(&store, [put(&device(1, 1), None), put(&device(2, 1), None)]).await.unwrap();
    let tool = Connection::open(directory.path().join(FILE)).unwrap();
    tool.execute("UPDATE device SET type = 'no good' WHERE mac = 0x000413000002", []).unwrap();
    let refused = store.devices(&[mac(2)]).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Unusable { .. }), "{refused:?}");
    let message = refused.to_string();
    assert!(message.contains("device 000413000002, type: not a phone type key"), "{message}");
    assert_eq!(read(&store, mac(1)).await, Some(at(Revision(2), &device(1, 1))));
}

#[tokio::test]
async fn damaged_pages_are_named_as_damage() {
    let (store, directory) = fresh().await;
    commit(&store, (1..500).map(|number| put(&device(number, 1), None))).await.unwrap();
    store.close().await;
    let path = directory.path().join(FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096..].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let damaged = match SqliteStore::open(&path, NOW) {
        Ok(store) => store.devices(&[mac(1)]).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(damaged.to_string().contains("restore a backup"), "{damaged}");
}

#[test]
fn what_is_no_regular_file_is_refused_and_not_opened() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").args(["-m", "644"]).arg(&pipe).status();
    assert!(made.unwrap().success());
    let link = directory.path().join("null.db");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    let null_mode = Path::new("/dev/null").metadata().unwrap().permissions().mode();
    for path in [&pipe, &link] {
        let refused = SqliteStore::open(path, NOW).err().unwrap();
        assert!(refused.to_string().ends_with("a device or a pipe, not a file"), "{refused}");
    }
    assert_eq!(pipe.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(Path::new("/dev/null").metadata().unwrap().permissions().mode(), null_mode);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2, "nothing beside them");
    // The same where the lock would be.
    std::fs::rename(&pipe, directory.path().join("dialtone.db.lock")).unwrap();
    let path = directory.path().join(FILE);
    let refused = SqliteStore::open(&path, NOW).err().unwrap();
    assert!(refused.to_string().ends_with("a device or a pipe, not a file"), "{refused}");
    assert!(!path.exists());
}

#[test]
fn nothing_is_left_beside_a_foreign_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let (path, lock) = (directory.path().join(FILE), directory.path().join("dialtone.db.lock"));
    std::fs::write(&path, "root:x:0:0\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    is_refused_untouched(&path, "not a dialtone store");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    assert!(!lock.exists());
    for of_another in ["", "held by another program\n", "17\n"] {
        std::fs::write(&lock, of_another).unwrap();
        std::fs::set_permissions(&lock, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(SqliteStore::open(&path, NOW).is_err());
        assert_eq!(std::fs::read_to_string(&lock).unwrap(), of_another);
        assert_eq!(lock.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    }
}
