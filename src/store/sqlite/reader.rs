//! Reads: a few connections, each used by one blocking thread at a time, so
//! that neither the runtime's threads nor the writer wait for them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::database::Database;
use super::error::map;
use crate::store::StoreError;
use crate::store::at_rest::Cipher;

/// The connections that read. Cheap to clone.
#[derive(Clone)]
pub(super) struct Readers(Arc<Pool>);

struct Pool {
    path: PathBuf,
    count: u32,
    permits: Arc<Semaphore>,
    // A std mutex: held to push or pop only.
    idle: Mutex<Vec<Database>>,
    cipher: Cipher,
}

impl Readers {
    /// Opens `count` connections to the store at `path`.
    ///
    /// # Errors
    /// What SQLite said.
    pub(super) fn open(path: &Path, count: u32, cipher: &Cipher) -> Result<Readers, StoreError> {
        let idle: Result<Vec<_>, _> = (0..count).map(|_| connect(path, cipher)).collect();
        let permits = Arc::new(Semaphore::new(count as usize));
        let idle = Mutex::new(idle.map_err(|e| map(&path.display().to_string(), &e))?);
        Ok(Readers(Arc::new(Pool {
            path: path.to_owned(),
            count,
            permits,
            idle,
            cipher: cipher.clone(),
        })))
    }

    /// Runs `read` on a blocking thread, inside one transaction: all it reads
    /// is of one moment. Waits while all connections are busy.
    ///
    /// # Errors
    /// What SQLite said; [`StoreError::Unavailable`] after [`Readers::close`].
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Database) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.0.permits).acquire_owned().await;
        let permit = permit.map_err(|_| self.unavailable("the store is closed"))?;
        let pool = Arc::clone(&self.0);
        let reading = tokio::task::spawn_blocking(move || {
            let result = pool.on_a_connection(read);
            drop(permit);
            result
        });
        match reading.await {
            Ok(result) => result.map_err(|e| map(&self.0.path.display().to_string(), &e)),
            Err(stopped) => Err(self.unavailable(&format!("a read did not finish: {stopped}"))),
        }
    }

    /// Lets running reads finish, refuses later ones and closes the connections.
    pub(super) async fn close(&self) {
        // Fails only when it was closed before.
        let all = self.0.permits.acquire_many(self.0.count).await;
        self.0.permits.close();
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        drop(all);
    }

    fn unavailable(&self, why: &str) -> StoreError {
        StoreError::Unavailable { what: self.0.path.display().to_string(), why: why.to_owned() }
    }
}

impl Pool {
    fn on_a_connection<T>(
        &self,
        read: impl FnOnce(&Database) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // One is missing after a read that panicked.
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path, &self.cipher)?,
        };
        let moment = connection.unchecked_transaction()?;
        let result = read(&connection);
        let ended = moment.finish();
        // What cannot end its transaction is not used again.
        if ended.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        result
    }
}

fn connect(path: &Path, cipher: &Cipher) -> rusqlite::Result<Database> {
    // Read-write, because the readers of a log share its index file with the
    // writer; `query_only` keeps them from writing.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(super::BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(Database::new(connection, cipher.clone()))
}
