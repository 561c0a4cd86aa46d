//! One connection to the database, how long anything on it may take, and that it is one session of
//! the server.
//!
//! A pooler in between may give each transaction another one of its sessions (pgbouncer's
//! `pool_mode = transaction`). What was set is not set there, nobody listens, and the name of a
//! prepared statement may be another gateway's for another statement: a read could delete. So each
//! session is marked when it begins, and each transaction begins by looking for the mark. Whatever
//! is not there fails then, and all that follows in the transaction with it; nothing is prepared or
//! run by its name but in a transaction, which is begun and ended by texts.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{MaybeDone, maybe_done};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};
use tokio_util::sync::CancellationToken;

use super::error::Failure;
use crate::store::at_rest::Cipher;

/// How long the server may take for one statement, and its answer to come. What a group of commits
/// or a page of devices takes is milliseconds; the rest is for a server that writes back its pages,
/// and for waiting for another gateway's group. After it the operator is told.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// How many rows one statement reads or writes at most, so that it does not take longer than that:
/// some MB.
pub(super) const ROWS: usize = 4096;

const SILENT: &str = "the server does not answer";

/// Begins a transaction of which each statement sees what was committed before it.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// What the name of a mark begins with, which is a cursor: the server says it, and logs it, where that
/// is not there.
pub(super) const MARK: &str = "dialtone_needs_a_session_of_its_own_";

/// A connection. Closed when it is dropped; the server takes back what was not committed.
pub(super) struct Session {
    client: Client,
    /// Moves the bytes.
    connection: AbortHandle,
    ended: CancellationToken,
    // A tokio mutex: held while the server reads a statement for the first time.
    statements: Mutex<HashMap<String, Statement>>,
    /// Something was asked and not heard to its end.
    unfinished: AtomicBool,
    /// A transaction was begun and not ended.
    in_transaction: AtomicBool,
    /// What it is told by.
    mark: u64,
    cipher: Cipher,
}

impl Session {
    /// `ended` is told when the connection has ended.
    pub(super) fn new(
        client: Client,
        connection: AbortHandle,
        ended: CancellationToken,
        cipher: Cipher,
    ) -> Session {
        Session {
            client,
            connection,
            ended,
            statements: Mutex::default(),
            unfinished: AtomicBool::new(false),
            in_transaction: AtomicBool::new(false),
            mark: rand::random(),
            cipher,
        }
    }

    /// What seals and opens the values of rows.
    pub(super) fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    /// Marks it, and does as [`Session::execute`].
    pub(super) async fn set_up(&self, settings: &str) -> Result<(), Failure> {
        // Those of others that had it before are no more.
        let mark =
            format!("CLOSE ALL; DECLARE {MARK}{:x} CURSOR WITH HOLD FOR SELECT 1", self.mark);
        self.execute(&format!("{mark}; {settings}")).await
    }

    /// A text that begins a transaction, and fails in it where the mark is not there. Not a query,
    /// which would take the transaction's snapshot before what it waits for.
    fn begin(&self, sql: &str) -> String {
        let (begin, rest) = sql.split_once(';').unwrap_or((sql, ""));
        format!("{begin}; MOVE 0 FROM {MARK}{:x};{rest}", self.mark)
    }

    /// Returns when the connection has ended.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Whether it can be asked once more.
    pub(super) fn is_usable(&self) -> bool {
        !self.client.is_closed() && !self.unfinished.load(Ordering::Acquire)
    }

    /// Runs statements without parameters that give nothing. They may begin a transaction or end it.
    ///
    /// # Errors
    /// What the server says; [`Failure::Silent`] after [`ANSWER`].
    pub(super) async fn execute(&self, sql: &str) -> Result<(), Failure> {
        self.execute_within(sql, ANSWER).await
    }

    /// Does as [`Session::execute`], for what may take longer.
    pub(super) async fn execute_within(&self, sql: &str, most: Duration) -> Result<(), Failure> {
        self.unfinished.store(true, Ordering::Release);
        in_time(self.client.batch_execute(sql), most).await?;
        self.unfinished.store(false, Ordering::Release);
        if begins(sql) || ends(sql) {
            self.in_transaction.store(begins(sql), Ordering::Release);
        }
        Ok(())
    }

    /// The rows of one statement.
    ///
    /// # Errors
    /// Those of [`Batch::run`].
    pub(super) async fn query(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let mut batch = Batch::new(self);
        batch.add(sql, parameters);
        Ok(batch.run().await?.pop().unwrap_or_default())
    }

    async fn statement(&self, sql: &str) -> Result<Statement, Failure> {
        let mut statements = self.statements.lock().await;
        if let Some(statement) = statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = in_time(self.client.prepare(sql), ANSWER).await?;
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Else it takes its leave by itself.
        if self.unfinished.load(Ordering::Acquire) {
            self.connection.abort();
        }
    }
}

async fn in_time<T>(
    asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    most: Duration,
) -> Result<T, Failure> {
    let answered = tokio::time::timeout(most, asked).await;
    Ok(answered.map_err(|_| Failure::Silent(SILENT))??)
}

/// Whether it begins a transaction that goes on behind it.
fn begins(sql: &str) -> bool {
    sql.starts_with("BEGIN")
}

fn ends(sql: &str) -> bool {
    sql.ends_with("COMMIT") || sql.ends_with("ROLLBACK")
}

/// Statements that are sent at once: their answers come one after the other, and all of them take
/// one way there and back. Outside of a transaction they are one.
pub(super) struct Batch<'a> {
    session: &'a Session,
    asked: Vec<(&'a str, Parameters<'a>)>,
}

/// The values of one statement.
pub(super) type Parameters<'a> = Vec<Box<dyn ToSql + Sync + Send + 'a>>;

/// [`Parameters`] of these values.
macro_rules! parameters {
    ($($value:expr),* $(,)?) => {
        vec![$(Box::new($value) as Box<dyn tokio_postgres::types::ToSql + Sync + Send + '_>),*]
    };
}
pub(super) use parameters;

/// What was sent, until its answer is taken.
type Sent<'a> =
    MaybeDone<Pin<Box<dyn Future<Output = Result<Vec<Row>, tokio_postgres::Error>> + Send + 'a>>>;

impl<'a> Batch<'a> {
    pub(super) fn new(session: &'a Session) -> Batch<'a> {
        Batch { session, asked: Vec::new() }
    }

    /// One that begins a transaction comes first, one that ends it last.
    pub(super) fn add(&mut self, sql: &'a str, parameters: Parameters<'a>) {
        self.asked.push((sql, parameters));
    }

    /// The rows of each statement, in order. Each may take [`ANSWER`] after the one before it.
    ///
    /// # Errors
    /// That of the first that failed. The session is of no use then: the others may have failed for
    /// it, and are not heard.
    pub(super) async fn run(mut self) -> Result<Vec<Vec<Row>>, Failure> {
        let session = self.session;
        session.unfinished.store(true, Ordering::Release);
        let is_alone = !session.in_transaction.load(Ordering::Acquire)
            && self.asked.first().is_none_or(|(sql, _)| !begins(sql));
        if is_alone {
            self.asked.insert(0, (BEGIN, Vec::new()));
            self.asked.push(("COMMIT", Vec::new()));
        }
        let goes_on = self.asked.last().is_some_and(|(sql, _)| !ends(sql));
        let mut rows = self.ask().await?;
        session.unfinished.store(false, Ordering::Release);
        session.in_transaction.store(goes_on, Ordering::Release);
        if is_alone {
            rows.remove(0);
            rows.pop();
        }
        Ok(rows)
    }

    async fn ask(&self) -> Result<Vec<Vec<Row>>, Failure> {
        let mut sent: Vec<Sent<'_>> = Vec::with_capacity(self.asked.len());
        let mut asked = &self.asked[..];
        if let Some(((first, _), rest)) = asked.split_first()
            && begins(first)
        {
            sent.push(self.text(self.session.begin(first)));
            send(&mut sent).await;
            asked = rest;
        }
        let mut statements = Vec::with_capacity(asked.len());
        for (sql, _) in asked.iter().filter(|(sql, _)| !ends(sql)) {
            match self.session.statement(sql).await {
                Ok(statement) => statements.push(statement),
                // It may have failed for what began the transaction.
                Err(failure) => return heard(sent).await.and(Err(failure)),
            }
        }
        let mut statements = statements.into_iter();
        for (sql, parameters) in asked {
            let next = if ends(sql) { None } else { statements.next() };
            sent.push(match next {
                Some(statement) => self.prepared(statement, parameters),
                None => self.text((*sql).to_owned()),
            });
        }
        send(&mut sent).await;
        heard(sent).await
    }

    fn text(&self, sql: String) -> Sent<'_> {
        let client = &self.session.client;
        maybe_done(Box::pin(async move { client.batch_execute(&sql).await.map(|()| Vec::new()) }))
    }

    fn prepared<'s>(&'s self, statement: Statement, parameters: &'s Parameters<'_>) -> Sent<'s> {
        let client = &self.session.client;
        maybe_done(Box::pin(async move {
            let values: Vec<&(dyn ToSql + Sync)> =
                parameters.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
            client.query(&statement, &values).await
        }))
    }
}

/// Each is sent when its answer is first asked for: all of them, in their order.
async fn send(asked: &mut [Sent<'_>]) {
    poll_fn(|context| {
        for answer in &mut *asked {
            let _ = Pin::new(answer).poll(context);
        }
        Poll::Ready(())
    })
    .await;
}

/// The answers, in order.
async fn heard(sent: Vec<Sent<'_>>) -> Result<Vec<Vec<Row>>, Failure> {
    let mut rows = Vec::with_capacity(sent.len());
    for mut answer in sent {
        if !matches!(answer, MaybeDone::Done(_)) {
            let waited = tokio::time::timeout(ANSWER, &mut answer).await;
            waited.map_err(|_| Failure::Silent(SILENT))?;
        }
        rows.push(Pin::new(&mut answer).take_output().expect("it was waited for")?);
    }
    Ok(rows)
}
