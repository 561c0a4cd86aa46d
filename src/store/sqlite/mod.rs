//! The registry in one SQLite file, with nothing to install.
//!
//! One thread writes, in groups ([`writer`]); a few connections read beside it
//! ([`reader`]); one process has the file ([`mod@file`]).

mod apply;
mod database;
mod error;
mod events;
mod file;

mod ledger;
mod look;
mod queries;
mod reader;
mod rekey;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ipnet::IpNet;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use self::database::Database;
use self::error::map;
use self::file::Held;
use self::ledger::Ledger;
pub use self::look::Found;
use self::reader::Readers;
use self::schema::IfOlder;
use self::writer::{Answer, Done, Request, Work, Writer};
use super::at_rest::{Cipher, Rekeyed};
use super::health::{Health, Verdict};
use super::{
    Changes, EventFilter, Guard, MAX_REMEMBERED_COMMIT, Mutation, Store, StoreError, Tenancy,
};
use crate::domain::settings::Written;
use crate::domain::{Ban, Device, Event, EventId, Mac, Revision, Timestamp};

/// How long a statement waits for another program, say the sqlite3 tool, to
/// let go of the file.
const BUSY: Duration = Duration::from_secs(5);

/// Devices in one page at most: some 300 KB.
const MAX_PAGE: usize = 1000;

/// How long readiness waits for its probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// A store in one file. Dropped without [`Store::close`] it still finishes
/// what it accepted, in its own time.
pub struct SqliteStore {
    /// The writer has it, as long as it writes.
    held: Weak<Held>,
    what: String,
    options: SqliteOptions,
    health: Arc<Health>,
    readers: Readers,
    closed: AtomicBool,
    // A std mutex: held to send without waiting. `None` after close.
    requests: Mutex<Option<mpsc::Sender<Request>>>,
    // Held across the join, so that a second close waits for the first.
    thread: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

struct SqliteOptions {
    /// Commits that wait: a fifth of a second of work at 40,000 a second. Who
    /// comes after would wait longer than a handset should.
    queue: usize,
    /// Commits in one transaction. Beyond this the wait for the disk is a
    /// small part of the time already, and the first of a group waits for the last.
    group: usize,
    /// How long the writer waits after it wrote only a few first contacts. In a storm of unknown
    /// phones the next would come while it writes them, a transaction each: at five
    /// thousand a second that is half a processor, which known phones want too. For
    /// a phone that has just booted the wait is nothing; an operator's commit makes none.
    gathering: Duration,
    /// Connections that read; reads from the file are rare beside those from memory.
    readers: u32,
    probe_every: Duration,
    /// The keys of what is encrypted.
    cipher: Cipher,
}

impl Default for SqliteOptions {
    fn default() -> SqliteOptions {
        SqliteOptions {
            queue: 8192,
            group: 1024,
            gathering: Duration::from_micros(500),
            readers: 4,
            probe_every: Duration::from_secs(1),
            cipher: Cipher::default(),
        }
    }
}

impl SqliteStore {
    /// Opens the file, or makes it and its directory. A new one has the
    /// company `default`, created at `now`. Blocks: not for the runtime's threads.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process, or another store of this
    /// one, has the file; [`StoreError::Unusable`] when it is something else,
    /// damaged or of a newer version (it stays as it is); [`StoreError::Full`],
    /// [`StoreError::ReadOnly`], [`StoreError::Unavailable`] as the medium said.
    pub fn open(path: &Path, now: Timestamp) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_with(path, now, SqliteOptions::default())
    }

    /// Does as [`SqliteStore::open`], with keys for what is encrypted in it.
    ///
    /// # Errors
    /// Those of [`SqliteStore::open`].
    pub fn open_with_keys(
        path: &Path,
        cipher: Cipher,
        now: Timestamp,
    ) -> Result<SqliteStore, StoreError> {
        let options = SqliteOptions { cipher, ..SqliteOptions::default() };
        SqliteStore::open_with(path, now, options)
    }

    /// Does as [`SqliteStore::open_with_keys`], but leaves a store of an older version as it is.
    ///
    /// # Errors
    /// Those of [`SqliteStore::open`], and [`StoreError::Unusable`] for an older version.
    pub fn open_without_upgrade(
        path: &Path,
        cipher: Cipher,
        now: Timestamp,
    ) -> Result<SqliteStore, StoreError> {
        let held = Arc::new(file::hold(path)?);
        let options = SqliteOptions { cipher, ..SqliteOptions::default() };
        SqliteStore::open_held(held, now, options, IfOlder::Refuse)
    }

    /// Looks at the file at `path` without opening it as a store: nothing is changed, and a
    /// gateway that has it is not disturbed. Not for the process that has it open.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when [`SqliteStore::open`] would refuse it for what it is.
    pub fn look(path: &Path) -> Result<Found, StoreError> {
        look::look(path)
    }

    /// The events that pass the filter, newest first, of a file of this version; else none. As with
    /// [`SqliteStore::look`] nothing is changed and nobody disturbed.
    ///
    /// # Errors
    /// Those of [`SqliteStore::look`].
    pub fn events_in(path: &Path, filter: &EventFilter) -> Result<Vec<Event>, StoreError> {
        look::events_in(path, filter)
    }

    /// Whether what is encrypted in a file of this version can be read. As with
    /// [`SqliteStore::look`] nothing is changed and nobody disturbed.
    ///
    /// # Errors
    /// Those of [`SqliteStore::look`]; [`StoreError::Refused`] with the key that is missing.
    pub fn require_key(path: &Path, cipher: &Cipher) -> Result<(), StoreError> {
        look::require_key(path, cipher)
    }

    /// Writes all secrets of the file at `path` anew, as `cipher` writes them: with the key that there
    /// is now, or plain. All of them or none; nothing of what they were is left in the file then.
    /// Blocks.
    ///
    /// # Errors
    /// Those of [`SqliteStore::open_without_upgrade`], and [`StoreError::Refused`] when a key is
    /// missing that one of them is encrypted with.
    pub fn rekey(path: &Path, cipher: &Cipher) -> Result<Rekeyed, StoreError> {
        rekey::rekey(path, cipher)
    }

    /// How many transactions were written: with the number of commits it tells
    /// how many share one wait for the disk.
    #[must_use]
    pub fn groups_written(&self) -> u64 {
        self.health.groups()
    }

    fn open_with(
        path: &Path,
        now: Timestamp,
        options: SqliteOptions,
    ) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_held(Arc::new(file::hold(path)?), now, options, IfOlder::Upgrade)
    }

    fn open_held(
        held: Arc<Held>,
        now: Timestamp,
        options: SqliteOptions,
        if_older: IfOlder,
    ) -> Result<SqliteStore, StoreError> {
        let what = held.path.display().to_string();
        let connection = connect(&held.path).map_err(|e| map(&what, &e))?;
        let connection = Database::new(connection, options.cipher.clone());
        schema::migrate(&connection, &what, now, if_older)?;
        let mode = write_ahead(&connection).map_err(|e| map(&what, &e))?;
        if mode != "wal" {
            let why = "its file system cannot hold a write-ahead log; use a local disk";
            return Err(error::unusable(&what, why));
        }
        // The first read makes the log.
        Ledger::read(&connection).and_then(|_| fold(&connection)).map_err(|e| map(&what, &e))?;
        held.watch_log()?;
        held.mark_made()?;
        let readers = Readers::open(&held.path, options.readers, &options.cipher)?;
        let health = Arc::new(Health::default());
        let (sender, requests) = mpsc::channel(options.queue);
        let writer = Writer {
            connection,
            requests,
            group: options.group,
            gathering: options.gathering,
            health: Arc::clone(&health),
            what: what.clone(),
            held: Arc::clone(&held),
        };
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run())
            .map_err(|e| StoreError::Unavailable {
                what: what.clone(),
                why: format!("cannot start its thread: {e}"),
            })?;
        Ok(SqliteStore {
            held: Arc::downgrade(&held),
            what,
            options,
            health,
            readers,
            closed: AtomicBool::new(false),
            requests: Mutex::new(Some(sender)),
            thread: tokio::sync::Mutex::new(Some(thread)),
        })
    }

    async fn ask(&self, work: Work) -> Answer {
        let (reply, answer) = oneshot::channel();
        {
            let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(requests) = requests.as_ref() else { return Err(self.closed()) };
            requests.try_send(Request { work, reply }).map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => self.overloaded(),
                mpsc::error::TrySendError::Closed(_) => self.stopped(),
            })?;
        }
        answer.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Database) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(self.closed());
        }
        self.readers.read(read).await
    }

    fn overloaded(&self) -> StoreError {
        StoreError::Overloaded { waiting: self.options.queue }
    }

    fn closed(&self) -> StoreError {
        self.unavailable("the store is closed")
    }

    /// Only a fault of this program ends the thread early.
    fn stopped(&self) -> StoreError {
        self.unavailable("the thread that writes has stopped; restart dialtone")
    }

    fn unavailable(&self, why: &str) -> StoreError {
        StoreError::Unavailable { what: self.what.clone(), why: why.to_owned() }
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn name(&self) -> String {
        self.what.clone()
    }

    async fn commit(
        &self,
        mutations: Vec<Mutation>,
        guards: Vec<Guard>,
    ) -> Result<Revision, StoreError> {
        match self.ask(Work::Commit(mutations, guards)).await? {
            Done::Committed(revision) => Ok(revision),
            other => unreachable!("a commit is answered with its revision, not {other:?}"),
        }
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<Changes, StoreError> {
        let limit = limit.clamp(1, MAX_REMEMBERED_COMMIT);
        self.read(move |conn| queries::changes(conn, after, limit)).await
    }

    async fn head(&self) -> Result<Revision, StoreError> {
        self.read(|conn| Ok(Ledger::read(conn)?.head)).await
    }

    async fn devices_after(
        &self,
        after: Option<Mac>,
        limit: usize,
    ) -> Result<Vec<Device>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        self.read(move |conn| queries::devices_after(conn, after, limit)).await
    }

    async fn devices(&self, macs: &[Mac]) -> Result<Vec<Device>, StoreError> {
        let mut macs = macs.to_vec();
        macs.sort_unstable();
        macs.dedup();
        self.read(move |conn| queries::devices(conn, &macs)).await
    }

    async fn left_in(&self, mac: Mac) -> Result<Written, StoreError> {
        self.read(move |conn| queries::left_in(conn, mac)).await
    }

    async fn left_after(
        &self,
        after: Option<Mac>,
        limit: usize,
    ) -> Result<Vec<(Mac, Written)>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        self.read(move |conn| queries::left_after(conn, after, limit)).await
    }

    async fn tenancy(&self) -> Result<Tenancy, StoreError> {
        self.read(queries::tenancy).await
    }

    async fn ban(&self, network: IpNet) -> Result<Option<Ban>, StoreError> {
        self.read(move |conn| queries::ban(conn, network)).await
    }

    async fn bans_after(&self, after: Option<IpNet>, limit: usize) -> Result<Vec<Ban>, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        self.read(move |conn| queries::bans_after(conn, after, limit)).await
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<Event>, StoreError> {
        self.read(move |conn| events::events(conn, &filter)).await
    }

    async fn events_after(&self, after: EventId, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read(move |conn| events::events_after(conn, after, limit)).await
    }

    async fn catalogue_since(&self, digest: &str, now: Timestamp) -> Result<Timestamp, StoreError> {
        let digest = digest.to_owned();
        let wanted = digest.clone();
        let noted = self.read(move |conn| queries::catalogue_since(conn, &wanted)).await?;
        match noted {
            Some(since) => Ok(since),
            None => match self.ask(Work::CatalogueSince { digest, now }).await? {
                Done::Since(since) => Ok(since),
                other => unreachable!("it is answered with a time, not {other:?}"),
            },
        }
    }

    async fn ready(&self) -> Result<(), StoreError> {
        {
            let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            match requests.as_ref() {
                None => return Err(self.closed()),
                Some(requests) if requests.is_closed() => return Err(self.stopped()),
                Some(requests) if requests.capacity() == 0 => return Err(self.overloaded()),
                Some(_) => {}
            }
        }
        if let Some(held) = self.held.upgrade() {
            let checking = tokio::task::spawn_blocking(move || {
                held.check()?;
                Ok(held.check_pages().is_ok())
            });
            let is_whole = checking.await.unwrap_or_else(|_| Err(self.stopped()))?;
            if !is_whole {
                // The writer knows: it does not fold its log in meanwhile.
                let probe = tokio::time::timeout(PROBE_TIMEOUT, self.ask(Work::Probe)).await;
                probe.unwrap_or_else(|_| Err(self.unavailable("its writer does not answer")))?;
            }
        }
        match self.health.verdict(self.options.probe_every, Instant::now()) {
            Verdict::Fine => Ok(()),
            Verdict::Failed(error) => Err(error),
            Verdict::Probe(error) => {
                let probe = tokio::time::timeout(PROBE_TIMEOUT, self.ask(Work::Probe)).await;
                probe.unwrap_or(Err(error)).map(|_| ())
            }
        }
    }

    async fn close(&self) {
        let mut thread = self.thread.lock().await;
        if let Some(Err(error)) = self.held.upgrade().map(|held| held.check()) {
            tracing::error!(%error, "what was written last may be lost");
        }
        self.closed.store(true, Ordering::Release);
        // The writer ends when the queue is empty. The readers go first: the
        // last connection to close folds the log into the file.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.readers.close().await;
        if let Some(thread) = thread.take() {
            // A panic in it was reported when it happened.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// Opens the file, which is there.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // For a new file only. A first contact changes one page of it wherever its
    // MAC falls: half of the usual 4096 is half to write, 1024 would hold one
    // phone with settings and waste the rest.
    connection.pragma_update(None, "page_size", 2048)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Savepoints keep the pages they would restore: in memory, not in a file.
    connection.pragma_update(None, "temp_store", "memory")?;
    // Negative: in KiB. The inner pages of a million devices and then some.
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A commit is one append to the log and one wait for the disk; readers and
/// the writer do not wait for each other. Returns the mode the file is in.
fn write_ahead(connection: &Connection) -> rusqlite::Result<String> {
    let mode = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "full")?;
    // In pages, 32 MB: a log folded in seldom writes a page once that many
    // commits changed.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 16_384, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))?;
    Ok(mode)
}

/// Copies the log into the file as far as can be done without waiting for readers, so that what
/// was written so far outlives the log.
fn fold(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
