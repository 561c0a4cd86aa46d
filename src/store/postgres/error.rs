//! What PostgreSQL says, in the store's words.

use std::error::Error;
use std::io;

use tokio_postgres::error::{Severity, SqlState};

use super::session::MARK;
use super::url::PASSWORD_VARIABLE;
use crate::domain::ErrorChain;
use crate::store::StoreError;
use crate::store::at_rest::NotOpened;

/// Why what was asked of the database was not answered.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server, or the way to it, said so.
    Postgres(tokio_postgres::Error),
    /// Nothing was said in time.
    Silent(&'static str),
    /// The one row of `store` is not there: whoever puts a backup back makes the tables first.
    Empty,
    /// A row cannot be read as what it must be: only a hand or a fault puts it there.
    Row(String),
    /// A value that is encrypted could not be read.
    NotOpened(NotOpened),
    /// It is in the store's words already.
    Store(StoreError),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Failure {
        Failure::Postgres(error)
    }
}

impl From<NotOpened> for Failure {
    fn from(error: NotOpened) -> Failure {
        Failure::NotOpened(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Store(error)
    }
}

impl Failure {
    /// Whether nothing of the transaction that it ended can have been kept. A session that was
    /// ended may have committed before.
    pub(super) fn undid_all(&self) -> bool {
        match self {
            Failure::Postgres(error) => error
                .as_db_error()
                .is_some_and(|said| said.parsed_severity() == Some(Severity::Error)),
            Failure::Silent(_) => false,
            Failure::Empty | Failure::Row(_) | Failure::NotOpened(_) | Failure::Store(_) => true,
        }
    }

    /// The store's error for it; `what` names the database.
    pub(super) fn told(self, what: &str) -> StoreError {
        let what = what.to_owned();
        match self {
            Failure::Store(error) => error,
            Failure::NotOpened(error) => error.told(&what),
            Failure::Silent(why) => StoreError::Unavailable { what, why: why.to_owned() },
            Failure::Empty => StoreError::Unavailable {
                what,
                why: "its table `store` is empty: a backup is being put back, or was in part"
                    .to_owned(),
            },
            Failure::Row(why) => StoreError::Unusable { what, why: format!("damaged ({why})") },
            Failure::Postgres(error) => map(what, &error),
        }
    }
}

pub(super) fn bad_row(row: &str, column: &str, why: impl std::fmt::Display) -> Failure {
    Failure::Row(format!("{row}, {column}: {why}"))
}

/// Classes of what a server says that passes without anybody changing the gateway (the appendix of
/// PostgreSQL's manual has them all): no connection, a transaction that cannot be as it was begun or
/// that another one stood in the way of, a lack of resources (too many connections, no memory), a lock
/// that another has, a server that starts or stops, its disk, and what it cannot explain.
const PASSING: &[&str] = &["08", "25", "40", "53", "55", "57", "58", "XX"];

/// What the client has for its own kind of error alone.
const NO_PASSWORD: &str = "password missing";

/// Whether it was asked on another session than was set up: the mark is not there, or a prepared
/// statement is that of somebody else or of nobody.
fn is_of_other_session(code: &SqlState, message: &str) -> bool {
    message.contains(MARK)
        || [SqlState::DUPLICATE_PSTATEMENT, SqlState::INVALID_SQL_STATEMENT_NAME].contains(code)
}

fn map(what: String, error: &tokio_postgres::Error) -> StoreError {
    let Some(said) = error.as_db_error() else {
        let why = of_the_client(error).unwrap_or_else(|| ErrorChain(error).to_string());
        return if is_of_the_way(error) {
            StoreError::Unavailable { what, why }
        } else {
            StoreError::Refused { what, why }
        };
    };
    // The detail of a message may hold values of a row.
    let (code, message) = (said.code(), said.message());
    let unusable = |why: &str| StoreError::Unusable { what: what.clone(), why: why.to_owned() };
    match *code {
        _ if is_of_other_session(code, message) => StoreError::Refused {
            what,
            why:
                "a pooler in between gives each transaction another session: have it keep one for \
                  each connection (pgbouncer: pool_mode = session)"
                    .to_owned(),
        },
        SqlState::INSUFFICIENT_PRIVILEGE => StoreError::Refused {
            what,
            why: format!("{message}: `dialtone check` names the rights that are missing"),
        },
        SqlState::DISK_FULL => StoreError::Full { what },
        SqlState::READ_ONLY_SQL_TRANSACTION => StoreError::ReadOnly { what },
        SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN => {
            unusable(&format!("not the tables of a dialtone store ({message})"))
        }
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
            unusable(&format!("damaged ({message}): restore a backup"))
        }
        SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => StoreError::Unavailable {
            what,
            why: format!("{message}: it is busy, or another program holds what was needed"),
        },
        _ => {
            let why = format!("{message} (SQLSTATE {})", code.code());
            if PASSING.iter().any(|class| code.code().starts_with(class)) {
                StoreError::Unavailable { what, why }
            } else {
                StoreError::Refused { what, why }
            }
        }
    }
}

/// What to do about what the client says, where its words do not tell.
fn of_the_client(error: &tokio_postgres::Error) -> Option<String> {
    if let Some(tls) = of_tls(error) {
        return super::tls::told(tls);
    }
    let cause = error.source().map(ToString::to_string);
    (cause.as_deref() == Some(NO_PASSWORD)).then(|| {
        format!(
            "the server wants a password and there is none: name a file that has it with \
             password_file in [store], or set {PASSWORD_VARIABLE}"
        )
    })
}

fn of_tls(error: &tokio_postgres::Error) -> Option<&rustls::Error> {
    error.source()?.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}

/// Whether the connection broke or could not be made, rather than that one of the two ends does not
/// take what the other one is or shows: a certificate, a password that is missing.
fn is_of_the_way(error: &tokio_postgres::Error) -> bool {
    if error.is_closed() {
        return true;
    }
    let system = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    system.is_some() && of_tls(error).is_none()
}
