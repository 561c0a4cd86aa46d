//! What the configuration asks of this machine: certificates, addresses, places to write.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{Access, access};

use crate::app::listener_problems;
use crate::config::{Config, Listener};
use crate::domain::ErrorChain;
use crate::files::Files;
use crate::net::tls::{
    ClientCertificates, ExpiredCertificates, PairFiles, Tls, TlsError, TlsOptions,
};
use crate::registry::require_whole_at;
use crate::store::url::StoreUrl;
use crate::store::{Found, FoundDatabase, PostgresStore, PostgresUrl, SqliteStore, StoreError};

/// Everything that would keep the gateway from serving here, each with what to do. Nothing is
/// changed, and a gateway that runs meanwhile is not disturbed.
#[must_use]
pub async fn problems(config: &Config) -> Vec<String> {
    let mut problems = certificates(config);
    problems.extend(listener_problems(config).iter().map(|error| ErrorChain(error).to_string()));
    let cipher = config.store.keys.load();
    if let StoreUrl::Sqlite(path) = &config.store.url {
        let unwritable = unwritable("[store] url", path, Place::File);
        let unusable = match SqliteStore::look(path) {
            Ok(_) => require_whole_at(&config.store.url).await,
            Err(error) => Err(error),
        };
        let unusable = match (unusable, &cipher) {
            (Ok(()), Ok(cipher)) => SqliteStore::require_key(path, cipher),
            (unusable, _) => unusable,
        };
        problems.extend(unwritable.or_else(|| unusable.err().map(|error| error.to_string())));
    }
    problems.extend(cipher.err().map(|error| error.to_string()));
    let listeners = config.handset_listeners();
    let is_shown_none =
        |listener: &Listener| listener.tls.as_ref().is_some_and(|tls| tls.pairs.is_empty());
    if listeners.iter().any(is_shown_none) {
        problems.extend(unwritable("[tls] certs_dir", &config.tls.certs_dir, Place::Folder));
    }
    let uploads = config.uploads.dir.as_deref();
    problems.extend(uploads.and_then(|dir| unwritable("[uploads] dir", dir, Place::Folder)));
    if let Some(dir) = &config.files.dir
        && let Err(error) = Files::open(dir)
    {
        problems.push(format!("[files] dir: {} cannot be read: {error}", dir.display()));
    }
    problems
}

/// What there is in the database of the store; `None` when the store is none. Nothing is changed, and
/// no gateway is disturbed.
///
/// # Errors
/// Those of [`PostgresStore::look`].
pub async fn database(config: &Config) -> Option<Result<FoundDatabase, StoreError>> {
    let StoreUrl::Postgres(url) = &config.store.url else { return None };
    Some(look(config, url).await)
}

async fn look(config: &Config, url: &PostgresUrl) -> Result<FoundDatabase, StoreError> {
    let mut found = PostgresStore::look(url.clone()).await?;
    // Without rights nothing can be read.
    if found.problems.is_empty()
        && let Err(error) = require_whole_at(&config.store.url).await
    {
        found.problems.push(error.to_string());
    }
    Ok(found)
}

/// What starting would do here that an operator wants to know before.
#[must_use]
pub fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    if let StoreUrl::Sqlite(path) = &config.store.url
        && let Ok(Found::Older(from, to)) = SqliteStore::look(path)
    {
        notes.push(format!(
            "the store {} will be upgraded from schema {from} to {to} at the next start: make a \
             backup first, an older version does not read it any more",
            path.display()
        ));
    }
    if let Some(folder) = &config.catalogue.templates_dir
        && folder.read_dir().is_ok_and(|mut entries| entries.next().is_none())
    {
        notes.push(format!(
            "[catalogue] templates_dir: {} is empty, so that only the built-in families count",
            folder.display()
        ));
    }
    notes
}

/// What of the files for phones no phone can get, with the families there are.
#[must_use]
pub fn files(config: &Config, families: &[String]) -> Vec<String> {
    let Some(Ok(files)) = config.files.dir.as_deref().map(Files::open) else { return Vec::new() };
    let problems = files.problems(families).into_iter();
    problems.map(|problem| format!("[files] dir: {problem}")).collect()
}

fn certificates(config: &Config) -> Vec<String> {
    let now = SystemTime::now();
    let mut all = vec![
        ("tls".to_owned(), &config.tls.pairs, &config.tls.clients),
        ("admin".to_owned(), &config.admin.pairs, &config.admin.clients),
    ];
    for listener in &config.listeners {
        if let (Some(name), Some(tls)) = (&listener.name, &listener.tls)
            && (&tls.pairs, &tls.clients) != (&config.tls.pairs, &config.tls.clients)
        {
            all.push((format!("listener.{name}"), &tls.pairs, &tls.clients));
        }
    }
    let errors = all.into_iter().filter_map(|(section, pairs, clients)| {
        let error = usable(pairs, clients, now).err()?;
        Some(format!("[{section}]: {}", ErrorChain(&error)))
    });
    errors.collect()
}

fn usable(
    pairs: &[PairFiles],
    clients: &ClientCertificates,
    now: SystemTime,
) -> Result<(), TlsError> {
    if pairs.is_empty() {
        return clients.check();
    }
    let options = TlsOptions {
        pairs: pairs.to_vec(),
        clients: clients.clone(),
        expired_clients: ExpiredCertificates::default(),
    };
    // A gateway starts with an expired certificate, and a reload refuses one by name.
    Tls::load(options, now)?.reload(now)
}

/// What a path is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    File,
    Folder,
}

/// Says so when this user cannot write the file or folder or, where there is none, make it.
fn unwritable(key: &str, path: &Path, wanted: Place) -> Option<String> {
    let place = nearest(path);
    let (why, needed) = match (place.is_dir(), place == path) {
        (true, true) if wanted == Place::File => {
            (Some("is a directory, not a file".to_owned()), Access::EXISTS)
        }
        (true, _) => (None, Access::WRITE_OK | Access::EXEC_OK),
        (false, true) if wanted == Place::File => (None, Access::WRITE_OK),
        (false, _) => (Some("is not a directory".to_owned()), Access::EXISTS),
    };
    let why = why.or_else(|| access(&place, needed).err().map(|error| error.to_string()))?;
    let (path, place) = (path.display(), place.display());
    Some(format!("{key}: {path} cannot be written by the user who runs this: {place}: {why}"))
}

/// The path itself, or the nearest directory above it that there is.
fn nearest(path: &Path) -> PathBuf {
    let all = path.ancestors().map(|path| match path {
        path if path == Path::new("") => PathBuf::from("."),
        path => path.to_owned(),
    });
    let mut there = all.filter(|path| path.exists());
    there.next().unwrap_or_else(|| PathBuf::from("/"))
}
