//! One connection to the database, and how long anything on it may take.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
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

/// How long the server may take for one statement, and its answer to come. What a group of commits
/// or a page of devices takes is milliseconds; the rest is for a server that writes back its pages,
/// and for waiting for another gateway's group. After it the operator is told.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// How many rows one statement reads or writes at most, so that it does not take longer than that:
/// some MB.
pub(super) const ROWS: usize = 4096;

const SILENT: &str = "the server does not answer";

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
}

impl Session {
    /// `ended` is told when the connection has ended.
    pub(super) fn new(
        client: Client,
        connection: AbortHandle,
        ended: CancellationToken,
    ) -> Session {
        let (statements, unfinished) = (Mutex::default(), AtomicBool::new(false));
        Session { client, connection, ended, statements, unfinished }
    }

    /// Returns when the connection has ended.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Whether it can be asked once more.
    pub(super) fn is_usable(&self) -> bool {
        !self.client.is_closed() && !self.unfinished.load(Ordering::Acquire)
    }

    /// Runs statements without parameters that give nothing.
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

/// Statements that are sent at once: their answers come one after the other, and all of them take
/// one way there and back.
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

impl<'a> Batch<'a> {
    pub(super) fn new(session: &'a Session) -> Batch<'a> {
        Batch { session, asked: Vec::new() }
    }

    pub(super) fn add(&mut self, sql: &'a str, parameters: Parameters<'a>) {
        self.asked.push((sql, parameters));
    }

    /// The rows of each statement, in order. Each may take [`ANSWER`] after the one before it.
    ///
    /// # Errors
    /// That of the first that failed. The session is of no use then: the others may have failed for
    /// it, and are not heard.
    pub(super) async fn run(self) -> Result<Vec<Vec<Row>>, Failure> {
        let Batch { session, asked } = self;
        session.unfinished.store(true, Ordering::Release);
        let mut statements = Vec::with_capacity(asked.len());
        for (sql, _) in &asked {
            statements.push(session.statement(sql).await?);
        }
        let client = &session.client;
        let mut answers: Vec<_> = statements
            .iter()
            .zip(&asked)
            .map(|(statement, (_, parameters))| {
                let values: Vec<&(dyn ToSql + Sync)> =
                    parameters.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
                Box::pin(maybe_done(async move { client.query(statement, &values).await }))
            })
            .collect();
        // A statement is sent when its answer is first asked for: all of them, in their order.
        poll_fn(|context| {
            for answer in &mut answers {
                let _ = answer.as_mut().poll(context);
            }
            Poll::Ready(())
        })
        .await;
        let mut rows = Vec::with_capacity(answers.len());
        for mut answer in answers {
            if !matches!(*answer, MaybeDone::Done(_)) {
                let waited = tokio::time::timeout(ANSWER, answer.as_mut()).await;
                waited.map_err(|_| Failure::Silent(SILENT))?;
            }
            rows.push(answer.as_mut().take_output().expect("it was waited for")?);
        }
        session.unfinished.store(false, Ordering::Release);
        Ok(rows)
    }
}
