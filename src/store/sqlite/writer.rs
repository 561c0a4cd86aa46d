//! The one thread that writes.
//!
//! It takes all that waits, makes one transaction of it, waits for the disk
//! once, and only then answers: while one group goes to the disk the next one
//! gathers, so that the more callers wait the less each of them costs. After a few
//! first contacts it gathers some more.

use std::sync::Arc;
use std::time::Duration;

#[cfg(test)]
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::{mpsc, oneshot};

use super::apply;
use super::database::Database;
use super::error::map;
use super::file::Held;
use super::ledger::Ledger;
use crate::domain::{Revision, Timestamp};
use crate::store::health::Health;
use crate::store::{Guard, Mutation, StoreError};

/// What the writer is asked to do.
pub(super) enum Work {
    Commit(Vec<Mutation>, Vec<Guard>),
    /// Answers with the time a catalogue was first noted: `now` if it was not.
    CatalogueSince {
        digest: String,
        now: Timestamp,
    },
    /// Writes something and leaves nothing, to learn whether writing works.
    Probe,
    /// Gives a test the writer's own connection, between two transactions.
    #[cfg(test)]
    Run(Box<dyn FnOnce(&Connection) + Send>),
}

/// A group that is larger gathered by itself, while the one before it was written.
const FEW: usize = 16;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Committed(Revision),
    Since(Timestamp),
    Nothing,
}

pub(super) type Answer = Result<Done, StoreError>;

pub(super) struct Request {
    pub work: Work,
    /// Nobody may wait any more; the work is done all the same.
    pub reply: oneshot::Sender<Answer>,
}

/// All the thread owns.
pub(super) struct Writer {
    pub connection: Database,
    pub requests: mpsc::Receiver<Request>,
    /// How many requests are in one transaction at most.
    pub group: usize,
    /// See [`super::SqliteOptions::gathering`].
    pub gathering: Duration,
    pub health: Arc<Health>,
    pub what: String,
    /// Let go last, when the connection is closed.
    pub held: Arc<Held>,
}

impl Writer {
    /// Works until every sender is gone and the queue is empty, then folds the
    /// log into the file and closes it.
    pub(super) fn run(mut self) {
        while let Some(first) = self.requests.blocking_recv() {
            let mut group = Vec::with_capacity(self.group);
            self.gather(first, &mut group);
            while group.len() < self.group
                && let Ok(next) = self.requests.try_recv()
            {
                self.gather(next, &mut group);
            }
            let are_strangers =
                (1..FEW).contains(&group.len()) && group.iter().all(is_first_contact);
            self.answer(group);
            if are_strangers {
                std::thread::sleep(self.gathering);
            }
        }
        if self.held.check_pages().is_err() {
            // Nothing of a log belongs into what is there now; and the log may be all that is left.
            let keep_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            let _ = self.connection.set_db_config(keep_log, true);
            return;
        }
        // What cannot be folded in now is by the next open.
        if let Err(error) =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        {
            tracing::warn!(file = %self.what, %error, "the store's log could not be folded into its file");
        }
        drop(self.connection);
        drop(self.held);
    }

    fn gather(&self, request: Request, group: &mut Vec<Request>) {
        match request.work {
            #[cfg(test)]
            Work::Run(run) => {
                run(&self.connection);
                let _ = request.reply.send(Ok(Done::Nothing));
            }
            _ => group.push(request),
        }
    }

    fn answer(&self, group: Vec<Request>) {
        if let Err(lost) = self.held.check_pages() {
            return self.fail(group, &lost);
        }
        let before = self.connection.total_changes();
        match self.transaction(&group) {
            Ok(answers) => {
                // A group of refusals alone says nothing about the medium.
                if self.connection.total_changes() != before {
                    let is_probe = |request: &Request| matches!(request.work, Work::Probe);
                    self.health.wrote(group.iter().any(is_probe));
                }
                if group.iter().any(makes_user)
                    && let Err(error) = super::fold(&self.connection)
                {
                    // It is durable in the log all the same.
                    tracing::warn!(file = %self.what, %error, "a new user is in the store's log only");
                }
                for (request, answer) in group.into_iter().zip(answers) {
                    let _ = request.reply.send(answer);
                }
            }
            Err(error) => {
                // SQLite ends the transaction by itself after some errors.
                if !self.connection.is_autocommit() {
                    let _ = self.connection.execute_batch("ROLLBACK");
                }
                self.fail(group, &map(&self.what, &error));
            }
        }
    }

    fn fail(&self, group: Vec<Request>, error: &StoreError) {
        self.health.failed(error.clone());
        for request in group {
            let _ = request.reply.send(Err(error.clone()));
        }
    }

    /// Durable when it returns `Ok`; without a trace otherwise.
    fn transaction(&self, group: &[Request]) -> rusqlite::Result<Vec<Answer>> {
        let conn = &self.connection;
        conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let before = Ledger::read(conn)?;
        let mut ledger = before;
        let answers: rusqlite::Result<Vec<Answer>> =
            group.iter().map(|request| perform(conn, &mut ledger, &request.work)).collect();
        let answers = answers?;
        if ledger != before {
            ledger.write(conn)?;
        }
        conn.prepare_cached("COMMIT")?.execute([])?;
        Ok(answers)
    }
}

/// A phone that nobody knew: what an operator does has an audit record.
fn is_first_contact(request: &Request) -> bool {
    matches!(&request.work, Work::Commit(mutations, _)
        if matches!(mutations[..], [Mutation::PutDevice { expect: None, .. }]))
}

/// Users are few. One that were lost with the log would leave a store without any, for which the
/// next start makes a first key.
fn makes_user(request: &Request) -> bool {
    let is_new = |mutation: &Mutation| matches!(mutation, Mutation::PutUser { expect: None, .. });
    matches!(&request.work, Work::Commit(mutations, _) if mutations.iter().any(is_new))
}

fn perform(conn: &Database, ledger: &mut Ledger, work: &Work) -> rusqlite::Result<Answer> {
    match work {
        Work::Commit(mutations, guards) => {
            Ok(apply::commit(conn, ledger, mutations, guards)?.map(Done::Committed))
        }
        Work::CatalogueSince { digest, now } => {
            let sql = "INSERT INTO catalogue (digest, since) VALUES (?1, ?2) \
                       ON CONFLICT (digest) DO UPDATE SET since = since RETURNING since";
            let since = conn.prepare_cached(sql)?.query_one((digest, now), |row| row.get(0))?;
            Ok(Ok(Done::Since(since)))
        }
        Work::Probe => {
            // Larger than a page, so that it needs room as a real row does.
            conn.prepare_cached("INSERT INTO probe (filler) VALUES (zeroblob(8192))")?
                .execute([])?;
            conn.prepare_cached("DELETE FROM probe")?.execute([])?;
            Ok(Ok(Done::Nothing))
        }
        #[cfg(test)]
        Work::Run(_) => unreachable!("run when it was gathered"),
    }
}
