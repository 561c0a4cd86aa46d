//! The registry of a store itself, for the tools that work on it: a file that no gateway has open, or
//! a database.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ambient::{Clock, SystemClock};
use crate::catalogue::{Catalogue, CatalogueError};
use crate::config::Config;
use crate::registry::{Quota, Registry};
use crate::store::url::{self, StoreUrl};
use crate::store::{Store, StoreError};

/// Why there is no registry to work on.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error("memory: is the store of one process and gone with it; name a file with --store")]
    InMemory,
    #[error("there is no store at {0}")]
    Missing(String),
    #[error("while the gateway runs, {instead}")]
    InUse { source: StoreError, instead: &'static str },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
}

/// A store that is open here; a file, here alone. To be closed.
pub(super) struct LocalStore {
    pub store: Arc<dyn Store>,
    /// The store's file, when this made it.
    made: Option<PathBuf>,
}

/// A registry over a [`LocalStore`]. To be closed.
pub(super) struct Local {
    pub registry: Registry,
    store: LocalStore,
}

/// Whether no store is there: an empty file would be made one.
fn is_missing(path: &Path) -> bool {
    path.metadata().map_or(true, |metadata| metadata.is_file() && metadata.len() == 0)
}

/// What becomes of a store that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfMissing {
    Refuse,
    Make,
}

/// The catalogue that the configuration names.
///
/// # Errors
/// [`LocalError::Catalogue`]
pub(super) fn catalogue(config: &Config) -> Result<Arc<Catalogue>, LocalError> {
    Ok(Arc::new(Catalogue::load(&config.catalogue.sources())?))
}

impl LocalStore {
    /// `instead` says what to do when a gateway has the store.
    ///
    /// # Errors
    /// [`LocalError`]; nothing was changed, unless a store was to be made.
    pub(super) async fn open(
        config: &Config,
        if_missing: IfMissing,
        instead: &'static str,
    ) -> Result<LocalStore, LocalError> {
        match &config.store.url {
            StoreUrl::Memory => return Err(LocalError::InMemory),
            StoreUrl::Sqlite(path) if if_missing == IfMissing::Refuse && is_missing(path) => {
                return Err(LocalError::Missing(path.display().to_string()));
            }
            StoreUrl::Sqlite(_) | StoreUrl::Postgres(_) => {}
        }
        let made = match &config.store.url {
            StoreUrl::Sqlite(path) if !path.exists() => Some(path.clone()),
            _ => None,
        };
        let cipher = config.store.keys.load()?;
        let now = SystemClock.now();
        let opened = match if_missing {
            IfMissing::Make => url::open(&config.store.url, &cipher, now).await,
            // What only reads leaves the store as it is.
            IfMissing::Refuse => url::open_without_upgrade(&config.store.url, &cipher, now).await,
        };
        let store = opened.map_err(|error| match error {
            source @ StoreError::InUse { .. } => LocalError::InUse { source, instead },
            error => LocalError::Store(error),
        })?;
        Ok(LocalStore { store, made })
    }

    /// Closes the store: on return what was changed is on disk and the store free for others.
    pub(super) async fn close(self) {
        self.store.close().await;
    }

    /// Does as [`LocalStore::close`], for one that has nothing in it: a store that was made for this
    /// goes again, with what stands beside it.
    pub(super) async fn close_unused(self) {
        let made = self.made.clone();
        self.close().await;
        let Some(path) = made else { return };
        for suffix in ["", "-wal", "-shm", "-journal", ".lock"] {
            let mut path = path.clone().into_os_string();
            path.push(suffix);
            // One that is not there is as good as one that went; what stays is empty, and of no
            // harm.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Local {
    /// Opens a store that is there; `instead` says what to do when a gateway has it.
    ///
    /// # Errors
    /// [`LocalError`]; nothing was changed.
    pub(super) async fn open(config: &Config, instead: &'static str) -> Result<Local, LocalError> {
        let catalogue = catalogue(config)?;
        let store = LocalStore::open(config, IfMissing::Refuse, instead).await?;
        let quota = Quota::default();
        let opened =
            Registry::open(store.store.clone(), catalogue, Arc::new(SystemClock), quota).await;
        match opened {
            // No handset asks here, so the background work has no sightings to write.
            Ok((registry, _background)) => {
                let registry = registry.with_public_url(config.handset.public_url.as_ref());
                Ok(Local { registry, store })
            }
            Err(error) => {
                store.close().await;
                Err(error.into())
            }
        }
    }

    /// Closes the store: on return what was changed is on disk and the store free for others.
    pub(super) async fn close(self) {
        drop(self.registry);
        self.store.close().await;
    }
}
