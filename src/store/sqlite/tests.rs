//! What only a store in a file can get right or wrong. What all stores do is
//! in the conformance suite.

use tempfile::TempDir;

use super::*;
use crate::store::conformance;

async fn fresh() -> (SqliteStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("dialtone.db"), conformance::NOW).unwrap();
    (store, directory)
}

conformance::suite!(fresh);
