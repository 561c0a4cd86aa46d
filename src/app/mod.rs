//! Builds every part, binds before it serves, drains in order. The only place
//! that knows all.
//!
//! 1. Catalogue, folders, sockets and certificates: [`Starting`]. An error up to here ends the
//!    process before anyone was answered. From then on phones are told to come again.
//! 2. Store and registry, which may take a while, see [`waiting`].
//! 3. The two edges, and serving: [`App`].
//! 4. The first key, where nobody has one.
//! 5. On a signal: stop accepting, finish requests, close the store.

mod expiry;
mod files;
mod listeners;
mod process;
mod reload;
mod run;
mod starting;
mod tls;
mod uploads;
mod waiting;
mod wiring;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::Admin;
use crate::ambient::{Clock, SystemClock, SystemRandom};
use crate::catalogue::{CatalogueError, Sources};
use crate::config::Config;
use crate::files::Files;
use crate::net::tls::{Tls, TlsError};
use crate::net::{Drained, Server};
use crate::provision::Provisioner;
use crate::registry::{Background, PublicUrl, Registry, RegistryError};
use crate::store::{Store, StoreError, StoreUrl};
use crate::uploads::Uploads;

pub use listeners::{ListenError, listener_problems};
pub use run::run;
use starting::Starting;

/// Why the gateway does not start.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("[{section}]")]
    Tls { section: String, source: Box<TlsError> },
    #[error("the registry cannot be made ready")]
    Registry(#[from] RegistryError),
    #[error("[uploads] dir: {} cannot be written", dir.display())]
    Uploads { dir: PathBuf, source: std::io::Error },
    #[error("[files] dir: {} cannot be read", dir.display())]
    Files { dir: PathBuf, source: std::io::Error },
    #[error("{what}")]
    Io { what: &'static str, source: std::io::Error },
}

/// A gateway that serves. [`App::shutdown`] ends it in order.
pub struct App {
    registry: Arc<Registry>,
    provisioner: Arc<Provisioner>,
    sources: Sources,
    public_url: Option<PublicUrl>,
    files: Option<Arc<Files>>,
    store: Arc<dyn Store>,
    store_url: StoreUrl,
    handset_server: Server,
    admin_server: Server,
    admin: Arc<Admin>,
    tls: Vec<Arc<Tls>>,
    addresses: Addresses,
    first_key: Option<String>,
    grace_period: Duration,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Where the gateway listens, with the ports it really got.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// The addresses for phones.
    pub handsets: Vec<HandsetAddress>,
    /// The addresses for operators; empty: there is no API.
    pub admin: Vec<SocketAddr>,
    /// Whether the admin listeners speak TLS.
    pub admin_is_tls: bool,
}

/// An address that phones can ask.
#[derive(Debug, Clone)]
pub struct HandsetAddress {
    /// The name of its listener; `None` of `http` and `https` in `[handset]`.
    pub listener: Option<String>,
    /// Whether it speaks TLS.
    pub is_tls: bool,
    /// The address, with the port it really got.
    pub address: SocketAddr,
}

impl HandsetAddress {
    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    /// The name of its listener in brackets, behind a blank; nothing where it has none.
    fn of_listener(&self) -> String {
        self.listener.as_ref().map(|name| format!(" ({name})")).unwrap_or_default()
    }
}

impl App {
    /// Builds, binds and serves. Returns once phones are served; a database that is away is waited
    /// for.
    ///
    /// # Errors
    /// Whatever keeps it from serving; it serves nothing then, and a store it made new has
    /// no user yet.
    pub async fn start(config: &Config) -> Result<App, AppError> {
        App::start_with(config, Arc::new(SystemClock)).await
    }

    /// Does as [`App::start`], with the time passed in.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_with(config: &Config, clock: Arc<dyn Clock>) -> Result<App, AppError> {
        let mut starting = Starting::begin(config, clock)?;
        let opened = match starting.open().await {
            Ok(opened) => opened,
            Err(error) => {
                starting.shutdown().await;
                return Err(error);
            }
        };
        let mut app = starting.serve(opened);
        match app.make_first_key().await {
            Ok(()) => Ok(app),
            Err(error) => {
                app.shutdown().await;
                Err(error)
            }
        }
    }

    fn spawn_tasks(&self, background: Background, uploads: Option<Arc<Uploads>>) {
        self.tasks.spawn(background.run(self.registry.clone(), self.stop.clone()));
        self.tasks.spawn(expiry::run(self.registry.clone(), self.stop.clone()));
        if let Some(uploads) = uploads {
            self.tasks.spawn(uploads::try_out(uploads.clone(), self.stop.clone()));
            self.tasks.spawn(uploads::sweep(uploads, self.registry.clone(), self.stop.clone()));
        }
        if let Some(files) = &self.files {
            self.tasks.spawn(files::run(files.clone(), self.stop.clone()));
        }
    }

    /// Makes the first key, where nobody has one. Last of all: whatever else can fail has been done
    /// by then, so that a start that fails takes no key with it.
    async fn make_first_key(&mut self) -> Result<(), AppError> {
        self.first_key = loop {
            match self.registry.first_key(&SystemRandom).await {
                Ok(key) => break key,
                // Phones are served, and a key can wait.
                Err(RegistryError::Store(error)) if waiting::may_come(&self.store_url, &error) => {
                    tracing::warn!(%error, "whether a first key is needed is not known yet");
                    tokio::time::sleep(waiting::RETRY).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        self.warn_without_administrator();
        Ok(())
    }

    /// Phones are served all the same.
    fn warn_without_administrator(&self) {
        if self.registry.has_administrator() {
            return;
        }
        let (before, after) = match self.store_url {
            StoreUrl::Postgres(_) => ("", ""),
            StoreUrl::Sqlite(_) | StoreUrl::Memory => ("stop the gateway, ", ", and start again"),
        };
        tracing::warn!(
            "no System-Admin can sign in, and in a store that is not new none is made by itself: \
             {before}make a key with `dialtone user key admin --store {}`{after}",
            self.store_url
        );
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// A System-Admin's key made by this start, because the store had no user or nobody
    /// ever used the key of an earlier start.
    #[must_use]
    pub fn first_key(&self) -> Option<&str> {
        self.first_key.as_deref()
    }

    /// What it serves from.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Stops accepting, finishes what is being answered, closes the store.
    pub async fn shutdown(self) -> Drained {
        let (handsets, _) = tokio::join!(
            self.handset_server.drain(self.grace_period),
            self.admin_server.drain(self.grace_period),
        );
        self.admin.finish().await;
        // A store that hangs must not keep us.
        let flushed = self.registry.flush_contacts();
        let _ = tokio::time::timeout(self.grace_period, flushed).await;
        self.stop.cancel();
        // What goes on beside the requests ends when the last holder of the registry is gone.
        drop((self.handset_server, self.admin_server, self.admin, self.provisioner, self.registry));
        self.tasks.close();
        let _ = tokio::time::timeout(self.grace_period, self.tasks.wait()).await;
        self.store.close().await;
        handsets
    }
}
