//! The sessions that read.

use std::sync::Arc;

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult};

use super::connect::Connector;
use super::error::Failure;
use super::session::{ANSWER, Session};
use crate::store::StoreError;

/// Makes the sessions of a pool.
pub(super) struct Manager(Arc<Connector>);

impl managed::Manager for Manager {
    type Type = Session;
    type Error = Failure;

    async fn create(&self) -> Result<Session, Failure> {
        self.0.session().await
    }

    /// A session that was left in the middle of what it was asked is closed.
    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<Failure> {
        let usable = session.is_usable();
        usable.then_some(()).ok_or_else(|| RecycleError::message("it cannot be used any more"))
    }
}

pub(super) type Pool = managed::Pool<Manager>;

/// So many sessions at most, made when they are needed. Whoever finds none free waits.
pub(super) fn new(connector: Arc<Connector>, most: usize) -> Pool {
    Pool::builder(Manager(connector))
        .max_size(most)
        .wait_timeout(Some(ANSWER))
        .runtime(Runtime::Tokio1)
        .build()
        .expect("there is a runtime for its timeouts")
}

/// A session of the pool.
///
/// # Errors
/// Why there is none.
pub(super) async fn get(pool: &Pool, what: &str) -> Result<Object<Manager>, Failure> {
    let unavailable = |why: &str| {
        Failure::Store(StoreError::Unavailable { what: what.to_owned(), why: why.to_owned() })
    };
    pool.get().await.map_err(|error| match error {
        PoolError::Backend(failure) => failure,
        PoolError::Closed => unavailable("the store is closed"),
        _ => unavailable("all connections are busy"),
    })
}
