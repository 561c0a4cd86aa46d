//! A file that is taken away, cut off, or has other names or readers than it should.

use std::path::{Path, PathBuf};

use super::*;
use crate::store::conformance::{commit, device, mac, put, read};

async fn is_refused(store: &SqliteStore) {
    let refused = store.ready().await.unwrap_err();
    assert!(matches!(&refused, StoreError::Unusable { .. }), "{refused:?}");
    assert!(refused.to_string().contains("put a backup in the file's place"), "{refused}");
    assert_eq!(commit(store, [put(&device(2, 1), None)]).await, Err(refused.clone()));
    assert_eq!(store.ready().await, Err(refused));
}

fn is_not_made_anew(path: &Path) {
    for _ in 0..2 {
        let refused = SqliteStore::open(path, NOW).err().unwrap().to_string();
        assert!(refused.contains("a store was here"), "{refused}");
        assert!(refused.contains("dialtone.db.lock"), "{refused}");
    }
}

async fn one_device() -> (SqliteStore, TempDir, PathBuf) {
    let (store, directory) = fresh().await;
    commit(&store, [put(&device(1, 1), None)]).await.unwrap();
    let path = directory.path().join(FILE);
    (store, directory, path)
}

#[tokio::test]
async fn a_file_removed_under_it_is_told_and_not_made_anew() {
    let (store, directory, path) = one_device().await;
    let backup = directory.path().join("backup.db");
    std::fs::remove_file(&path).unwrap();
    is_refused(&store).await;
    store.close().await;
    assert!(!path.exists());
    is_not_made_anew(&path);
    // A backup in its place is a store, and so is a new one that is asked for.
    let other = SqliteStore::open(&backup, NOW).unwrap();
    commit(&other, [put(&device(7, 1), None)]).await.unwrap();
    other.close().await;
    for left in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(directory.path().join(format!("{FILE}{left}")));
    }
    std::fs::copy(&backup, &path).unwrap();
    let restored = SqliteStore::open(&path, NOW).unwrap();
    assert!(read(&restored, mac(7)).await.is_some());
    restored.close().await;
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(directory.path().join("dialtone.db.lock")).unwrap();
    let new = SqliteStore::open(&path, NOW).unwrap();
    assert!(read(&new, mac(7)).await.is_none());
}

#[tokio::test]
async fn a_file_replaced_under_it_is_told() {
    let (store, directory, path) = one_device().await;
    let other = directory.path().join("other.db");
    std::fs::write(&other, "x").unwrap();
    std::fs::rename(&other, &path).unwrap();
    is_refused(&store).await;
    store.close().await;
    assert_eq!(std::fs::read(&path).unwrap(), b"x", "what is there now is not ours");
}

#[tokio::test]
async fn a_file_cut_off_under_it_is_told_and_not_made_anew() {
    let (store, _directory, path) = one_device().await;
    std::fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    is_refused(&store).await;
    store.close().await;
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    is_not_made_anew(&path);
}

#[tokio::test]
async fn a_file_that_lost_its_end_is_told() {
    let (store, _directory, path) = one_device().await;
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    is_refused(&store).await;
}

#[tokio::test]
async fn a_log_removed_or_replaced_under_it_is_told() {
    let (store, directory, _) = one_device().await;
    let log = directory.path().join("dialtone.db-wal");
    assert_eq!(store.ready().await, Ok(()));
    std::fs::remove_file(&log).unwrap();
    is_refused(&store).await;
    std::fs::write(&log, "").unwrap();
    is_refused(&store).await;
}

#[tokio::test]
async fn a_user_outlives_the_log() {
    let (store, directory, _) = one_device().await;
    let ann = conformance::user(1, "ann");
    commit(&store, [conformance::put_user(&ann, None)]).await.unwrap();
    // What a killed process leaves, but for the log.
    let killed = tempfile::tempdir().unwrap();
    for name in [FILE, "dialtone.db.lock"] {
        std::fs::copy(directory.path().join(name), killed.path().join(name)).unwrap();
    }
    let again = SqliteStore::open(&killed.path().join(FILE), NOW).unwrap();
    let users = again.tenancy().await.unwrap().users;
    assert_eq!(users.iter().map(|user| &user.login).collect::<Vec<_>>(), ["ann"]);
}

#[tokio::test]
async fn another_name_of_the_file_is_the_same_store() {
    let (store, directory, path) = one_device().await;
    let other = directory.path().join("other.db");
    std::fs::hard_link(&path, &other).unwrap();
    let refused = SqliteStore::open(&other, NOW).err().unwrap();
    assert!(matches!(&refused, StoreError::InUse { .. }), "{refused:?}");
    store.close().await;
    let store = SqliteStore::open(&other, NOW).unwrap();
    assert!(read(&store, mac(1)).await.is_some());
}

#[tokio::test]
async fn what_others_could_read_is_its_owners_again() {
    use std::os::unix::fs::PermissionsExt;
    let (store, directory, path) = one_device().await;
    // A copy of all its files, as a killed process leaves them.
    let killed = tempfile::tempdir().unwrap();
    let names = ["", "-wal", "-shm", ".lock"].map(|suffix| format!("{FILE}{suffix}"));
    for name in &names {
        let copy = killed.path().join(name);
        std::fs::copy(directory.path().join(name), &copy).unwrap();
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o664)).unwrap();
    }
    let again = SqliteStore::open(&killed.path().join(FILE), NOW).unwrap();
    assert!(read(&again, mac(1)).await.is_some());
    for name in &names {
        let mode = killed.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    drop((store, path));
}
