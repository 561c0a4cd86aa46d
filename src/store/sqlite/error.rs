//! What SQLite says, in the store's words.

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;
use crate::store::at_rest::NotOpened;

/// The store's error for one of SQLite's; `what` names the file.
pub(super) fn map(what: &str, error: &Error) -> StoreError {
    let (failure, text) = match error {
        Error::SqliteFailure(failure, text) => (failure, text.as_deref()),
        Error::FromSqlConversionFailure(_, _, why) => {
            return match why.downcast_ref::<NotOpened>() {
                Some(not_opened) => not_opened.told(what),
                None => unusable(what, &damaged(why)),
            };
        }
        other => return unusable(what, &damaged(other)),
    };
    let what = what.to_owned();
    match failure.code {
        ErrorCode::DiskFull => StoreError::Full { what },
        // The index of the log could not grow: what a full disk gives first
        // when a commit needs a new 32 KB of it (os_unix.c, unixShmMap).
        _ if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => StoreError::Full { what },
        ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
            StoreError::ReadOnly { what }
        }
        ErrorCode::DatabaseCorrupt => unusable(&what, &damaged(&failure)),
        ErrorCode::NotADatabase => unusable(&what, NOT_A_DATABASE),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            StoreError::Unavailable { what, why: "another program is writing the file".to_owned() }
        }
        _ => StoreError::Unavailable {
            what,
            why: match text {
                Some(text) => format!("{text} (SQLite error {})", failure.extended_code),
                None => failure.to_string(),
            },
        },
    }
}

pub(super) const NOT_A_DATABASE: &str = "not a dialtone store; name another file";

pub(super) fn unusable(what: &str, why: &str) -> StoreError {
    StoreError::Unusable { what: what.to_owned(), why: why.to_owned() }
}

/// A row that cannot be read as what it must be: only a hand or a fault puts it there.
pub(super) fn bad_row(row: &str, column: &str, why: impl std::fmt::Display) -> Error {
    let why = format!("{row}, {column}: {why}");
    Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, why.into())
}

fn damaged(why: &dyn std::fmt::Display) -> String {
    format!("damaged ({why}): repair it with the sqlite3 tool or restore a backup")
}
