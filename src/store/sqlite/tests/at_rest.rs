//! A store with a key does all that one without does, and its files tell none of the secrets.

use super::*;
use crate::store::StoreKey;
use crate::store::conformance::{SECRETS, dump, with_secrets};

fn key(of: u8) -> StoreKey {
    StoreKey::new([of; 32])
}

fn sealing(of: u8) -> Cipher {
    Cipher::new(Some(key(of)), None)
}

async fn two_with_a_key() -> (SqliteStore, SqliteStore, TempDir) {
    let options = || SqliteOptions { cipher: sealing(1), ..SqliteOptions::default() };
    let (store, directory) = fresh_with(options());
    let held = store.held.upgrade().expect("the store is open");
    let other = SqliteStore::open_held(held, NOW, options(), IfOlder::Upgrade).unwrap();
    (store, other, directory)
}

conformance::suite!(two_with_a_key);

/// Whether any file of the folder has one of the secrets in it.
fn shows_secrets(directory: &TempDir) -> Vec<String> {
    let mut shown = Vec::new();
    for entry in directory.path().read_dir().unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let has = |secret: &&&str| bytes.windows(secret.len()).any(|at| at == secret.as_bytes());
        shown.extend(
            SECRETS.iter().filter(has).map(|secret| format!("{}: {secret}", path.display())),
        );
    }
    shown
}

fn reopened(directory: &TempDir, cipher: Cipher) -> Result<SqliteStore, StoreError> {
    SqliteStore::open_with_keys(&directory.path().join(FILE), cipher, NOW)
}

fn rekeyed(directory: &TempDir, cipher: &Cipher) -> Result<Rekeyed, StoreError> {
    SqliteStore::rekey(&directory.path().join(FILE), cipher)
}

#[tokio::test]
async fn no_file_of_a_store_with_a_key_shows_a_secret() {
    let options = SqliteOptions { cipher: sealing(1), ..SqliteOptions::default() };
    let (store, directory) = fresh_with(options);
    with_secrets(&store).await;
    // While it is open: also in the log.
    assert_eq!(shows_secrets(&directory), [""; 0]);
    store.close().await;
    assert_eq!(shows_secrets(&directory), [""; 0]);
    let (store, directory) = fresh().await;
    with_secrets(&store).await;
    store.close().await;
    assert_eq!(shows_secrets(&directory).len(), SECRETS.len(), "without a key all are there");
}

#[tokio::test]
async fn without_the_right_key_it_is_said_which_one_is_wanted_and_nothing_is_read() {
    let options = SqliteOptions { cipher: sealing(1), ..SqliteOptions::default() };
    let (store, directory) = fresh_with(options);
    with_secrets(&store).await;
    store.close().await;
    for cipher in [Cipher::default(), sealing(2)] {
        let store = reopened(&directory, cipher).unwrap();
        for refused in
            [store.tenancy().await.unwrap_err(), store.devices_after(None, 10).await.unwrap_err()]
        {
            assert!(matches!(refused, StoreError::Refused { .. }), "{refused:?}");
            assert!(refused.to_string().contains(key(1).id()), "{refused}");
            assert!(refused.to_string().contains("key_file"), "{refused}");
        }
        store.close().await;
    }
}

#[tokio::test]
async fn a_store_is_brought_under_a_key_then_another_and_out_again() {
    let (store, directory) = fresh().await;
    with_secrets(&store).await;
    let before = dump(&store).await;
    store.close().await;
    let all = Rekeyed { rewritten: SECRETS.len() as u64, kept: 0 };

    let first = sealing(1);
    assert_eq!(rekeyed(&directory, &first), Ok(all));
    assert_eq!(shows_secrets(&directory), [""; 0]);
    assert_eq!(rekeyed(&directory, &first), Ok(Rekeyed { rewritten: 0, kept: all.rewritten }));

    let without = rekeyed(&directory, &sealing(2)).unwrap_err();
    assert!(matches!(without, StoreError::Refused { .. }), "{without}");
    let second = Cipher::new(Some(key(2)), Some(key(1)));
    assert_eq!(rekeyed(&directory, &second), Ok(all));
    let store = reopened(&directory, sealing(2)).unwrap();
    assert_eq!(dump(&store).await, before);
    store.close().await;

    assert_eq!(rekeyed(&directory, &sealing(2).writing_plain()), Ok(all));
    let store = reopened(&directory, Cipher::default()).unwrap();
    assert_eq!(dump(&store).await, before);
    store.close().await;
}

#[tokio::test]
async fn a_rekey_that_fails_half_way_leaves_all_as_it_was() {
    let (store, directory) = fresh().await;
    with_secrets(&store).await;
    let before = dump(&store).await;
    store.close().await;
    // The last that is read has a key that nobody has.
    let tool = Connection::open(directory.path().join(FILE)).unwrap();
    let hash: String =
        tool.query_one("SELECT password_hash FROM user", [], |row| row.get(0)).unwrap();
    tool.execute("UPDATE user SET password_hash = 'enc1:00000000:AAAA'", []).unwrap();
    let refused = rekeyed(&directory, &sealing(1)).unwrap_err().to_string();
    assert!(refused.contains("encrypted with the key 00000000"), "{refused}");
    tool.execute("UPDATE user SET password_hash = ?1", [hash]).unwrap();
    drop(tool);
    let store = reopened(&directory, Cipher::default()).unwrap();
    assert_eq!(dump(&store).await, before);
    store.close().await;
}

#[tokio::test]
async fn rows_of_before_are_read_and_told_and_new_ones_sealed() {
    let (store, directory) = fresh().await;
    with_secrets(&store).await;
    let before = dump(&store).await;
    store.close().await;
    let cipher = sealing(1);
    let store = reopened(&directory, cipher.clone()).unwrap();
    assert_eq!(dump(&store).await, before);
    assert!(cipher.stale() > 0);
    store.close().await;
}

#[tokio::test]
async fn a_value_moved_to_another_row_is_refused() {
    let options = SqliteOptions { cipher: sealing(1), ..SqliteOptions::default() };
    let (store, directory) = fresh_with(options);
    with_secrets(&store).await;
    store.close().await;
    let tool = Connection::open(directory.path().join(FILE)).unwrap();
    let moved = "UPDATE phone SET settings = (SELECT settings FROM company WHERE id = 'default')";
    tool.execute(moved, []).unwrap();
    drop(tool);
    let store = reopened(&directory, sealing(1)).unwrap();
    let refused = store.devices_after(None, 10).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Unusable { why, .. } if why.contains("another row")));
    store.close().await;
}
