//! Builds every part, binds before it serves, drains in order. The only place
//! that knows all.
//!
//! 1. Store, catalogue, registry.
//! 2. Sockets and certificates. An error up to here ends the process before
//!    anyone was served.
//! 3. The two edges, and serving.
//! 4. The first key, where nobody has one.
//! 5. On a signal: stop accepting, finish requests, close the store.

mod expiry;
mod files;
mod listeners;
mod process;
mod reload;
mod run;
mod tls;
mod uploads;
mod wiring;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::{Admin, ListenerState, ListenerStates};
use crate::catalogue::{Catalogue, CatalogueError, Sources};
use crate::config::Config;
use crate::files::Files;
use crate::handset;
use crate::net::tls::{Tls, TlsError};
use crate::net::{Bound, Drained, Server};
use crate::provision::Provisioner;
use crate::registry::{
    Background, Clock, PublicUrl, Registry, RegistryError, SystemClock, SystemRandom,
};
use crate::store::{self, Store, StoreError, StoreUrl};
use crate::uploads::Uploads;

use listeners::BoundListeners;
pub use listeners::{ListenError, listener_problems};
pub use run::run;

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
    #[error(transparent)]
    Tls(#[from] TlsError),
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
    /// The addresses for phones over plain HTTP.
    pub http: Vec<SocketAddr>,
    /// The addresses for phones over TLS.
    pub https: Vec<SocketAddr>,
    /// The addresses for operators; empty: there is no API.
    pub admin: Vec<SocketAddr>,
    /// Whether the admin listeners speak TLS.
    pub admin_is_tls: bool,
}

impl App {
    /// Builds, binds and serves. Returns once every listener accepts.
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
        let sources = config.catalogue.sources();
        let loaded = Catalogue::load(&sources)?;
        let store = store::url::open(&config.store.url, clock.now()).await?;
        let digest = PublicUrl::digest(config.handset.public_url.as_ref(), loaded.digest());
        let since = store.catalogue_since(&digest, clock.now()).await?;
        let loaded = Arc::new(loaded.with_served_since(since));
        let (registry, background) =
            Registry::open(store.clone(), loaded, clock, wiring::quota(config)).await?;
        let registry = Arc::new(registry.with_public_url(config.handset.public_url.as_ref()));
        // Phones that boot now must not wait for a store that takes nothing.
        if let Err(error) = registry.make_password_seed(&SystemRandom).await {
            tracing::warn!(%error, "phones have no passwords of their own before the next start");
        }
        let uploads = wiring::uploads(config)?;
        let files = wiring::files(config)?;
        let provisioner = Provisioner::new(registry.clone(), config.cache.rendered_bytes);
        let provisioner = provisioner.with_uploads(uploads.clone()).with_files(files.clone());
        let provisioner = Arc::new(provisioner);

        let listeners = BoundListeners::bind(config)?;
        let addresses = listeners.addresses(!config.admin.pairs.is_empty());
        let handset_tls = tls::of_handsets(config, &listeners)?;
        let admin_tls = tls::of_admin(config)?;

        let handset_server = Server::new(wiring::handset_limits(config), rand::random());
        let admin_server = Server::new(wiring::admin_limits(config), rand::random());
        let edge = Arc::new(handset::Edge::new(
            provisioner.clone(),
            wiring::edge_options(config, rand::random()),
        ));
        let admin = Arc::new(Admin::new(
            registry.clone(),
            Arc::new(SystemRandom),
            listener_states(&addresses, &handset_server, &admin_server),
            wiring::admin_options(config, uploads.clone(), files.clone()),
        ));
        let mut app = App {
            registry,
            provisioner,
            sources,
            public_url: config.handset.public_url.clone(),
            files,
            store,
            handset_server,
            admin_server,
            admin,
            tls: [&handset_tls, &admin_tls].into_iter().flatten().cloned().collect(),
            addresses,
            first_key: None,
            grace_period: config.shutdown.grace_period,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        app.spawn_tasks(background, uploads, config.tls.reload_interval);
        let started = app.serve(listeners, edge, handset_tls, admin_tls).await;
        match started {
            Ok(first_key) => {
                app.first_key = first_key;
                app.warn_without_administrator(&config.store.url);
                Ok(app)
            }
            Err(error) => {
                app.shutdown().await;
                Err(error)
            }
        }
    }

    fn spawn_tasks(
        &self,
        background: Background,
        uploads: Option<Arc<Uploads>>,
        reload_interval: Duration,
    ) {
        self.tasks.spawn(background.run(self.registry.clone(), self.stop.clone()));
        self.tasks.spawn(expiry::run(self.registry.clone(), self.stop.clone()));
        if let Some(uploads) = uploads {
            self.tasks.spawn(uploads::try_out(uploads.clone(), self.stop.clone()));
            self.tasks.spawn(uploads::sweep(uploads, self.registry.clone(), self.stop.clone()));
        }
        if let Some(files) = &self.files {
            self.tasks.spawn(files::run(files.clone(), self.stop.clone()));
        }
        for tls in &self.tls {
            self.tasks.spawn(tls.clone().watch(reload_interval, self.stop.clone()));
        }
    }

    /// Lets every listener accept and, last of all, makes the first key: whatever else can
    /// fail has been done by then, so that a start that fails takes no key with it.
    async fn serve(
        &self,
        listeners: BoundListeners,
        edge: Arc<handset::Edge<Provisioner>>,
        handset_tls: Option<Arc<Tls>>,
        admin_tls: Option<Arc<Tls>>,
    ) -> Result<Option<String>, AppError> {
        for bound in listeners.http {
            serve(&self.handset_server, bound, None, edge.clone())?;
        }
        for bound in listeners.https {
            serve(&self.handset_server, bound, handset_tls.clone(), edge.clone())?;
        }
        for bound in listeners.admin {
            serve(&self.admin_server, bound, admin_tls.clone(), self.admin.clone())?;
        }
        Ok(self.registry.first_key(&SystemRandom).await?)
    }

    /// Phones are served all the same.
    fn warn_without_administrator(&self, store: &StoreUrl) {
        if !self.registry.has_administrator() {
            tracing::warn!(
                "no System-Admin can sign in, and in a store that is not new none is made by \
                 itself: stop the gateway, make a key with `dialtone user key admin --store \
                 {store}`, and start again"
            );
        }
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

/// What `GET /ready` says of the listeners: one is up until its server drains.
fn listener_states(addresses: &Addresses, handsets: &Server, admin: &Server) -> ListenerStates {
    let named = |kind: &'static str, list: &[SocketAddr], server: &Server| {
        let server = server.clone();
        list.iter()
            .map(move |address| (format!("{kind} {address}"), server.clone()))
            .collect::<Vec<_>>()
    };
    let all = [
        named("http", &addresses.http, handsets),
        named("https", &addresses.https, handsets),
        named("admin", &addresses.admin, admin),
    ]
    .concat();
    Arc::new(move || {
        let state = |(name, server): &(String, Server)| ListenerState {
            name: name.clone(),
            up: !server.is_draining(),
        };
        all.iter().map(state).collect()
    })
}

fn serve<H: crate::net::Handler>(
    server: &Server,
    bound: Bound,
    tls: Option<Arc<Tls>>,
    handler: Arc<H>,
) -> Result<(), AppError> {
    server
        .serve(bound, tls, handler)
        .map_err(|source| AppError::Io { what: "serving a listener", source })
}
