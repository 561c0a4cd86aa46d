//! Which of all gateways does what one of them does for all: the one whose session has a lock of
//! the server. It is free as soon as that session ends, with its process or its machine, or when
//! that one does not go on.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;

use super::connect::Connector;
use super::error::Failure;
use super::session::{Session, parameters};
use crate::domain::Timestamp;

/// A gateway that has the lead and did not ask for so long has stopped, and the server ends its
/// session: longer than any of what is done in turn waits for the next time.
pub(super) const MOST_BETWEEN: Duration = Duration::from_secs(1800);

/// A gateway whose clock is so far from the database's does nothing for all: what it finds too old
/// may be of today. Clocks that are set by NTP differ by milliseconds.
const MOST_APART_S: u64 = 60;

/// A gateway's place among those that could do it.
pub(super) struct Lead {
    connector: Arc<Connector>,
    most_between: Duration,
    /// The time of this machine.
    clock: fn() -> Timestamp,
    /// The session with the lock.
    // A tokio mutex: held while the server is asked.
    held: Mutex<Option<Session>>,
}

impl Lead {
    pub(super) fn new(
        connector: Arc<Connector>,
        most_between: Duration,
        clock: fn() -> Timestamp,
    ) -> Lead {
        Lead { connector, most_between, clock, held: Mutex::default() }
    }

    /// Whether it is this one, from now on if nobody was.
    pub(super) async fn is_held(&self) -> Result<bool, Failure> {
        let mut held = self.held.lock().await;
        if let Some(session) = held.take().filter(Session::is_usable)
            && let Ok(is_right) = self.is_clock_right(&session).await
        {
            *held = is_right.then_some(session);
            return Ok(is_right);
        }
        let session = self.connector.session().await?;
        if !self.is_clock_right(&session).await? {
            return Ok(false);
        }
        let patience = self.most_between.as_millis();
        session.execute(&format!("SET idle_session_timeout TO {patience}")).await?;
        // Two numbers: what it is for, and where. Not that of who makes the tables.
        let sql = "SELECT pg_try_advisory_lock(1684629869, hashtext($1))";
        let schema = &self.connector.url.schema;
        let is_locked: bool = session.query(sql, parameters![schema]).await?[0].try_get(0)?;
        *held = is_locked.then_some(session);
        Ok(is_locked)
    }

    /// Whether it is the database's time here, to the minute.
    async fn is_clock_right(&self, session: &Session) -> Result<bool, Failure> {
        let sql = "SELECT extract(epoch FROM clock_timestamp())::bigint";
        let theirs: i64 = session.query(sql, parameters![]).await?[0].try_get(0)?;
        let apart = theirs.abs_diff((self.clock)().seconds());
        if apart > MOST_APART_S {
            tracing::warn!(
                store = self.connector.url.name(),
                "the clock of this machine and the database's are {apart} s apart: set both by NTP. \
                 This gateway removes no inactive phones until then"
            );
        }
        Ok(apart <= MOST_APART_S)
    }

    /// Leaves it to another one.
    pub(super) async fn leave(&self) {
        self.held.lock().await.take();
    }
}

/// The time of this machine.
pub(super) fn system_clock() -> Timestamp {
    SystemTime::now().into()
}
