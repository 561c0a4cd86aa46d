//! Which of all gateways does what one of them does for all: the one whose session has a lock of
//! the server. It is free as soon as that session ends, with its process or its machine, or when
//! that one does not go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::connect::Connector;
use super::error::Failure;
use super::session::{Session, parameters};

/// A gateway that has the lead and did not ask for so long has stopped, and the server ends its
/// session: longer than any of what is done in turn waits for the next time.
pub(super) const MOST_BETWEEN: Duration = Duration::from_secs(1800);

/// A gateway's place among those that could do it.
pub(super) struct Lead {
    connector: Arc<Connector>,
    most_between: Duration,
    /// The session with the lock.
    // A tokio mutex: held while the server is asked.
    held: Mutex<Option<Session>>,
}

impl Lead {
    pub(super) fn new(connector: Arc<Connector>, most_between: Duration) -> Lead {
        Lead { connector, most_between, held: Mutex::default() }
    }

    /// Whether it is this one, from now on if nobody was.
    pub(super) async fn is_held(&self) -> Result<bool, Failure> {
        let mut held = self.held.lock().await;
        if let Some(session) = held.take().filter(Session::is_usable)
            && session.execute("SELECT").await.is_ok()
        {
            *held = Some(session);
            return Ok(true);
        }
        let session = self.connector.session().await?;
        let patience = self.most_between.as_millis();
        session.execute(&format!("SET idle_session_timeout TO {patience}")).await?;
        // Two numbers: what it is for, and where. Not that of who makes the tables.
        let sql = "SELECT pg_try_advisory_lock(1684629869, hashtext($1))";
        let schema = &self.connector.url.schema;
        let is_locked: bool = session.query(sql, parameters![schema]).await?[0].try_get(0)?;
        *held = is_locked.then_some(session);
        Ok(is_locked)
    }

    /// Leaves it to another one.
    pub(super) async fn leave(&self) {
        self.held.lock().await.take();
    }
}
