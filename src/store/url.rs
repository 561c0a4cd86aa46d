//! Chooses a store by URL: `sqlite:PATH`, `postgres://…` or `memory:`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;

use super::{
    Cipher, EventFilter, InvalidPostgresUrl, MemoryStore, PostgresStore, PostgresUrl, SqliteStore,
    Store, StoreError,
};
use crate::domain::{Event, Timestamp};

/// Where the registry is kept. Prints as it is written, never with a password.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StoreUrl {
    /// One file; a relative path is from the working directory.
    Sqlite(PathBuf),
    /// A database, which other gateways may share.
    Postgres(Box<PostgresUrl>),
    /// Nothing outlives the process.
    Memory,
}

/// The text is no store URL. Holds at most its scheme: the rest of a URL of
/// another program may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStoreUrl {
    /// It begins as no store URL does; holds the scheme.
    #[error(
        "no store has {0}: write `sqlite:PATH` (one file), `postgres://USER@HOST/DATABASE` or \
         `memory:` (kept nowhere)"
    )]
    UnknownForm(String),
    /// It has no scheme; holds the path.
    #[error("write `sqlite:{0}`, if a file is meant: a path alone is no store URL")]
    PathAlone(String),
    /// The scheme is followed by nothing.
    #[error("`sqlite:` needs the path of the file: `sqlite:dialtone.db`")]
    NoPath,
    /// It names a host, and the store is a file here.
    #[error(
        "`sqlite://` with two slashes names a host: write `sqlite:dialtone.db` or `sqlite:/var/lib/dialtone/dialtone.db`"
    )]
    Host,
    /// It is another program's way to write [`StoreUrl::Memory`].
    #[error("`sqlite::memory:` is not a file: for a store kept nowhere write `memory:`")]
    SqliteInMemory,
    /// It is meant for a database, and is none's.
    #[error(transparent)]
    Postgres(#[from] InvalidPostgresUrl),
}

/// Opens the store at `url` with the keys of what is encrypted in it; a new one is made with the
/// company `default`, created at `now`.
///
/// # Errors
/// What [`SqliteStore::open`] or [`PostgresStore::open`] says.
pub async fn open(
    url: &StoreUrl,
    cipher: &Cipher,
    now: Timestamp,
) -> Result<Arc<dyn Store>, StoreError> {
    match url {
        StoreUrl::Memory => Ok(Arc::new(MemoryStore::new(now))),
        StoreUrl::Sqlite(path) => open_file(path, cipher, now, SqliteStore::open_with_keys).await,
        StoreUrl::Postgres(url) => {
            Ok(Arc::new(PostgresStore::open_with_keys(*url.clone(), cipher.clone(), now).await?))
        }
    }
}

/// Does as [`open`], but leaves a store of an older version as it is.
///
/// # Errors
/// What [`SqliteStore::open_without_upgrade`] or [`PostgresStore::open_without_upgrade`] says.
pub async fn open_without_upgrade(
    url: &StoreUrl,
    cipher: &Cipher,
    now: Timestamp,
) -> Result<Arc<dyn Store>, StoreError> {
    match url {
        StoreUrl::Memory => Ok(Arc::new(MemoryStore::new(now))),
        StoreUrl::Sqlite(path) => {
            open_file(path, cipher, now, SqliteStore::open_without_upgrade).await
        }
        StoreUrl::Postgres(url) => {
            let url = *url.clone();
            Ok(Arc::new(PostgresStore::open_without_upgrade(url, cipher.clone(), now).await?))
        }
    }
}

/// The events that pass the filter, newest first, of the store at `url`, without opening it: nothing
/// is changed, and no gateway is disturbed. None where there is no store, or one of another version.
///
/// # Errors
/// What [`SqliteStore::events_in`] or [`PostgresStore::events_in`] says.
pub async fn events_in(url: &StoreUrl, filter: &EventFilter) -> Result<Vec<Event>, StoreError> {
    match url {
        StoreUrl::Memory => Ok(Vec::new()),
        // A few pages, asked for by a command that does one thing after the other.
        StoreUrl::Sqlite(path) => SqliteStore::events_in(path, filter),
        StoreUrl::Postgres(url) => PostgresStore::events_in(*url.clone(), filter).await,
    }
}

async fn open_file(
    path: &Path,
    cipher: &Cipher,
    now: Timestamp,
    open: fn(&Path, Cipher, Timestamp) -> Result<SqliteStore, StoreError>,
) -> Result<Arc<dyn Store>, StoreError> {
    let what = path.display().to_string();
    let (path, cipher) = (path.to_owned(), cipher.clone());
    let opening = tokio::task::spawn_blocking(move || open(&path, cipher, now));
    let opened = opening.await.unwrap_or_else(|stopped| {
        let why = format!("opening did not finish: {stopped}");
        Err(StoreError::Unavailable { what, why })
    })?;
    Ok(Arc::new(opened))
}

impl StoreUrl {
    /// Which store it is, as its errors say it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            StoreUrl::Sqlite(path) => path.display().to_string(),
            StoreUrl::Postgres(url) => url.name().to_owned(),
            StoreUrl::Memory => "memory".to_owned(),
        }
    }
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<StoreUrl, InvalidStoreUrl> {
        if text == "memory:" {
            return Ok(StoreUrl::Memory);
        }
        match text.split_once(':') {
            Some(("sqlite", "")) => Err(InvalidStoreUrl::NoPath),
            Some(("sqlite", ":memory:")) => Err(InvalidStoreUrl::SqliteInMemory),
            Some(("sqlite", path)) if path.starts_with("//") && !path.starts_with("///") => {
                Err(InvalidStoreUrl::Host)
            }
            Some(("sqlite", path)) => Ok(StoreUrl::Sqlite(PathBuf::from(path))),
            Some(("postgres" | "postgresql", _)) => Ok(StoreUrl::Postgres(Box::new(text.parse()?))),
            Some((scheme, _)) if is_scheme(scheme) => {
                Err(InvalidStoreUrl::UnknownForm(format!("the form `{scheme}:...`")))
            }
            None if is_path(text) => Err(InvalidStoreUrl::PathAlone(text.to_owned())),
            _ => Err(InvalidStoreUrl::UnknownForm("a URL without a known form".to_owned())),
        }
    }
}

/// Whether it is spelled as RFC 3986, section 3.1 spells a scheme, and short: nothing else is
/// printed back.
fn is_scheme(text: &str) -> bool {
    let fits = (1..=16).contains(&text.len());
    fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// The path of a database file, and of nothing that holds a password.
fn is_path(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let ends = [".db", ".sqlite", ".sqlite3"];
    text.len() <= 200 && text.chars().all(plain) && ends.iter().any(|end| text.ends_with(end))
}

impl TryFrom<String> for StoreUrl {
    type Error = InvalidStoreUrl;

    fn try_from(text: String) -> Result<StoreUrl, InvalidStoreUrl> {
        text.parse()
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            StoreUrl::Postgres(url) => url.fmt(f),
            StoreUrl::Memory => f.write_str("memory:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_parse_and_print() {
        for text in [
            "memory:",
            "sqlite:dialtone.db",
            "sqlite:/var/lib/dialtone/dialtone.db",
            "postgres://gw@db.example/dialtone?sslmode=verify-full",
        ] {
            assert_eq!(text.parse::<StoreUrl>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn another_form_is_refused_by_naming_those_there_are() {
        for text in ["sqlite", "mysql://localhost/x", "", "memory", "memory:x", ":"] {
            let message = text.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(
                message.contains("`sqlite:PATH`") && message.contains("`memory:`"),
                "{message}"
            );
        }
    }

    #[test]
    fn near_misses_say_what_to_write() {
        for (text, error) in [
            ("x.db", InvalidStoreUrl::PathAlone("x.db".to_owned())),
            ("sqlite:", InvalidStoreUrl::NoPath),
            ("sqlite://dialtone.db", InvalidStoreUrl::Host),
            ("sqlite::memory:", InvalidStoreUrl::SqliteInMemory),
        ] {
            assert_eq!(text.parse::<StoreUrl>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_password_in_an_unknown_url_is_not_printed() {
        for text in [
            "mysql://gw:hunter2@db/dialtone",
            "postgres:gw:hunter2@db/dialtone",
            "host=db user=gw password=hunter2",
            "user=gw password=hunter2 options=-c:x",
        ] {
            let error = text.parse::<StoreUrl>().unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[tokio::test]
    async fn forms_without_a_server_open() {
        let directory = tempfile::tempdir().unwrap();
        let file = StoreUrl::Sqlite(directory.path().join("dialtone.db"));
        for url in [StoreUrl::Memory, file] {
            let store = open(&url, &Cipher::default(), Timestamp::from_seconds(7)).await.unwrap();
            assert_eq!(
                store.tenancy().await.unwrap().companies[0].created,
                Timestamp::from_seconds(7)
            );
            store.close().await;
        }
    }
}
