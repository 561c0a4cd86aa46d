//! What only a store in a file can get right or wrong. What all stores do is
//! in the conformance suite.

mod at_rest;
mod damage;
mod durable;
mod faults;
mod groups;
mod lost;
mod same_as_memory;
mod upgrade;

use tempfile::TempDir;

use super::*;
use crate::store::conformance::{self, NOW};

const FILE: &str = "dialtone.db";

async fn fresh() -> (SqliteStore, TempDir) {
    fresh_with(SqliteOptions::default())
}

fn fresh_with(options: SqliteOptions) -> (SqliteStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with(&directory.path().join(FILE), NOW, options).unwrap();
    (store, directory)
}

impl SqliteStore {
    /// Runs `act` on the writer's own connection, between two transactions.
    async fn on_writer(&self, act: impl FnOnce(&Connection) + Send + 'static) {
        self.ask(Work::Run(Box::new(act))).await.unwrap();
    }
}

/// Two handles on one file, as two processes would have them if they could.
async fn two() -> (SqliteStore, SqliteStore, TempDir) {
    let (store, directory) = fresh().await;
    let held = store.held.upgrade().expect("the store is open");
    let other =
        SqliteStore::open_held(held, NOW, SqliteOptions::default(), IfOlder::Upgrade).unwrap();
    (store, other, directory)
}

conformance::suite!(two);
