//! A look at the place of a store, which changes nothing there: what opening it would find and do.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::error::map;
use super::events;
use super::file::{beside, is_marked, lost, refuse_foreign, refuse_special, said};
use super::schema;
use crate::domain::Event;
use crate::store::at_rest::{Cell, Cipher};
use crate::store::{EventFilter, StoreError};

/// What a look at the place of a store found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing or an empty file: a new store is made there.
    Nothing,
    /// A store that is opened as it is.
    Current,
    /// A store that is upgraded when it is opened, from this schema to that.
    Older(i64, usize),
}

/// See [`SqliteStore::look`](super::SqliteStore::look).
pub(super) fn look(path: &Path) -> Result<Found, StoreError> {
    refuse_special(path)?;
    // A log stands beside the file itself, whatever link leads there.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let is_made = is_marked(&fs::read_to_string(beside(path, ".lock")).unwrap_or_default());
    if !has_bytes(path) {
        return if is_made { Err(lost(path)) } else { Ok(Found::Nothing) };
    }
    let mut file = File::open(path).map_err(|e| said(path, "cannot be opened", &e))?;
    refuse_foreign(path, &mut file)?;
    if !is_made && has_bytes(&beside(path, "-journal")) {
        // Its making was interrupted, and is taken back.
        return Ok(Found::Nothing);
    }
    let version = if has_bytes(&beside(path, "-wal")) {
        through_log(path, |connection| {
            connection.pragma_query_value(None, "user_version", |row| row.get(0))
        })?
    } else {
        version_of_file(path, &file)?
    };
    let missing = schema::missing(version, &path.display().to_string())?;
    Ok(if missing.is_empty() { Found::Current } else { Found::Older(version, schema::newest()) })
}

/// See [`SqliteStore::events_in`](super::SqliteStore::events_in).
pub(super) fn events_in(path: &Path, filter: &EventFilter) -> Result<Vec<Event>, StoreError> {
    Ok(read(path, |connection| events::events(connection, filter))?.unwrap_or_default())
}

/// See [`SqliteStore::require_key`](super::SqliteStore::require_key).
pub(super) fn require_key(path: &Path, cipher: &Cipher) -> Result<(), StoreError> {
    let seed = read(path, |connection| {
        let seed = connection.query_row("SELECT secret FROM system", [], |row| row.get(0));
        seed.optional()
    })?;
    let Some(Some(Some(seed))): Option<Option<Option<String>>> = seed else { return Ok(()) };
    let opened = cipher.open(Cell::PasswordSeed, &seed);
    opened.map(drop).map_err(|error| error.told(&path.display().to_string()))
}

/// What is read of a file of this version; else `None`.
fn read<T>(
    path: &Path,
    read: impl Fn(&Connection) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    if look(path)? != Found::Current {
        return Ok(None);
    }
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if has_bytes(&beside(path, "-wal")) {
        return through_log(path, read).map(Some);
    }
    // Without a log nobody writes, and SQLite would begin one.
    let flags = LOOKING | OpenFlags::SQLITE_OPEN_URI;
    let opened = Connection::open_with_flags(immutable(path), flags);
    let found = opened.and_then(|connection| read(&connection));
    found.map(Some).map_err(|e| map(&path.display().to_string(), &e))
}

/// As <https://www.sqlite.org/uri.html> has it.
fn immutable(path: &Path) -> String {
    let encoded = path.as_os_str().as_bytes().iter().map(|&byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    format!("file:{}?immutable=1", encoded.collect::<String>())
}

fn has_bytes(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() > 0)
}

fn version_of_file(path: &Path, file: &File) -> Result<i64, StoreError> {
    // https://www.sqlite.org/fileformat.html, section 1.3: `user_version` at 60.
    let mut version = [0; 4];
    file.read_exact_at(&mut version, 60).map_err(|e| said(path, "cannot be read", &e))?;
    Ok(u32::from_be_bytes(version).into())
}

/// A gateway that writes meanwhile may begin its log anew while it is read: then what is read is
/// no page of this file, and the next time it is right.
const TRIES: usize = 5;

const LOOKING: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Reads as SQLite sees the file with the log's commits, of which the file itself tells nothing: an
/// upgrade is there alone when the gateway that made it was killed, or a reader was in the way.
fn through_log<T>(
    path: &Path,
    read: impl Fn(&Connection) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    let read = || read(&open_with_log(path)?);
    let mut found = read();
    for _ in 1..TRIES {
        if found.is_ok() {
            break;
        }
        found = read();
    }
    found.map_err(|e| map(&path.display().to_string(), &e))
}

/// Leaves no trace: the file is open for reading only, nobody is locked out, the index of the log
/// is in memory (<https://www.sqlite.org/wal.html>, section 8) and not in a `-shm` file, and the log
/// stays when this closes.
fn open_with_log(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags_and_vfs(path, LOOKING, "unix-none")?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))?;
    Ok(connection)
}
