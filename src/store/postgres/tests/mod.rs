//! What only a store in a database can get right or wrong. What all stores do is in the
//! conformance suite.

#[allow(dead_code, reason = "measurements and other tests use it, too")]
#[path = "../../../../tests/support/postgres/mod.rs"]
mod server;

mod at_rest;
mod away;
mod connecting;
mod groups;
mod lead;
mod look;
mod lost;
mod pooled;
mod same_as_memory;
mod tables;
mod versions;
mod visible;

use self::server::Cluster;
use super::*;
use crate::store::conformance::{self, NOW};

async fn on(url: &str) -> PostgresStore {
    PostgresStore::open(url.parse().unwrap(), NOW).await.unwrap()
}

async fn fresh() -> PostgresStore {
    on(&Cluster::shared().database()).await
}

/// Two handles on one database, as two gateways have them.
async fn two() -> (PostgresStore, PostgresStore, ()) {
    let url = Cluster::shared().database();
    (on(&url).await, on(&url).await, ())
}

conformance::suite!(two);
