//! A gateway that accepts and does not serve yet: it waits for its store, and reads it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listeners::{BoundListener, BoundListeners};
use super::waiting::Waiting;
use super::{Addresses, App, AppError, tls, wiring};
use crate::admin::{self, Admin, ListenerState, ListenerStates, StartPhase};
use crate::ambient::{Clock, SystemRandom};
use crate::catalogue::{Catalogue, Sources};
use crate::config::{Config, Listener};
use crate::files::Files;
use crate::handset;
use crate::net::tls::Tls;
use crate::net::{Bound, Handler, Handover, ListenerOptions, Server};
use crate::provision::Provisioner;
use crate::registry::{Background, PublicUrl, Registry};

use crate::store::{self, Cipher, Store, StoreUrl};
use crate::uploads::Uploads;

/// All that needs no store. Its listeners accept: phones are told to come again, operators why.
pub(super) struct Starting {
    config: Config,
    clock: Arc<dyn Clock>,
    sources: Sources,
    /// `None` once the registry has it.
    catalogue: Option<Catalogue>,
    uploads: Option<Arc<Uploads>>,
    files: Option<Arc<Files>>,
    addresses: Addresses,
    tls: Vec<Arc<Tls>>,
    handset_server: Server,
    admin_server: Server,
    for_handsets: Vec<(Listener, Arc<HandsetHandover>)>,
    for_operators: Arc<Handover<admin::Starting, Admin>>,
    listeners: ListenerStates,
    stop: CancellationToken,
    tasks: TaskTracker,
}

type HandsetHandover = Handover<handset::Starting, handset::Edge<Provisioner>>;

/// What was read of the store.
pub(super) struct Opened {
    store: Arc<dyn Store>,
    registry: Arc<Registry>,
    background: Background,
}

impl Starting {
    /// Returns once every listener accepts.
    ///
    /// # Errors
    /// Whatever must be mended before a gateway can start; nobody was answered then.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(super) fn begin(config: &Config, clock: Arc<dyn Clock>) -> Result<Starting, AppError> {
        let sources = config.catalogue.sources();
        let catalogue = Catalogue::load(&sources)?;
        let (uploads, files) = (wiring::uploads(config)?, wiring::files(config)?);
        let bound = BoundListeners::bind(config)?;
        let addresses = bound.addresses(!config.admin.pairs.is_empty());
        let handset_tls = tls::of_handsets(config, &bound.handsets)?;
        let admin_tls = tls::of_admin(config)?;

        let handset_server = Server::new(wiring::handset_limits(config), rand::random());
        let admin_server = Server::new(wiring::admin_limits(config), rand::random());
        let listeners = listener_states(&addresses, &handset_server, &admin_server);
        let for_operators = admin::Starting::new(
            catalogue.digest().to_owned(),
            listeners.clone(),
            config.admin.max_body_bytes,
        );
        let mut starting = Starting {
            config: config.clone(),
            clock,
            sources,
            catalogue: Some(catalogue),
            uploads,
            files,
            addresses,
            tls: distinct(handset_tls.iter().chain([&admin_tls]).flatten()),
            handset_server,
            admin_server,
            for_handsets: Vec::new(),
            for_operators: Arc::new(Handover::new(for_operators)),
            listeners,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        for tls in &starting.tls {
            let watching = tls.clone().watch(config.tls.reload_interval, starting.stop.clone());
            starting.tasks.spawn(watching);
        }
        for (BoundListener { listener, bound }, tls) in bound.handsets.into_iter().zip(handset_tls)
        {
            let handover = Arc::new(Handover::new(handset::Starting::new(rand::random())));
            for bound in bound {
                let options = wiring::handset_listener(&listener, tls.clone());
                accept(&starting.handset_server, bound, options, &handover)?;
            }
            starting.for_handsets.push((listener, handover));
        }
        for bound in bound.admin {
            let options = ListenerOptions::new(admin_tls.clone());
            accept(&starting.admin_server, bound, options, &starting.for_operators)?;
        }
        Ok(starting)
    }

    /// Where it listens.
    pub(super) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Opens the store and reads it, as soon as it is there.
    ///
    /// # Errors
    /// What waiting does not mend.
    ///
    /// # Panics
    /// When it was opened before.
    pub(super) async fn open(&mut self) -> Result<Opened, AppError> {
        let catalogue = self.catalogue.take().expect("it is opened once");
        let (config, clock) = (&self.config, &self.clock);
        let mut waiting = Waiting::new(&config.store.url, self.for_operators.before());
        let cipher = config.store.keys.load()?;
        let opening = async || store::url::open(&config.store.url, &cipher, clock.now()).await;
        let store = waiting.until(StartPhase::Asking, opening).await?;
        let digest = PublicUrl::digest(config.handset.public_url.as_ref(), catalogue.digest());
        let asking = async || store.catalogue_since(&digest, clock.now()).await;
        let since = waiting.until(StartPhase::Asking, asking).await?;
        let catalogue = Arc::new(catalogue.with_served_since(since));
        let reading = async || {
            let quota = wiring::quota(config);
            Registry::open(store.clone(), catalogue.clone(), clock.clone(), quota).await
        };
        let (registry, background) = waiting.until(StartPhase::Reading, reading).await?;
        let registry = registry.with_public_url(config.handset.public_url.as_ref());
        let registry = Arc::new(registry.with_scans(wiring::scans(config)));
        // Phones that boot now must not wait for a store that takes nothing.
        if let Err(error) = registry.make_password_seed(&SystemRandom).await {
            tracing::warn!(%error, "phones have no passwords of their own before the next start");
        }
        tell_stale(&config.store.url, &cipher);
        waiting.tell_end();
        Ok(Opened { store, registry, background })
    }

    /// Serves phones and operators from then on.
    pub(super) fn serve(self, opened: Opened) -> App {
        let Opened { store, registry, background } = opened;
        let config = &self.config;
        let provisioner = Provisioner::new(registry.clone(), config.cache.rendered_bytes)
            .with_uploads(self.uploads.clone())
            .with_files(self.files.clone());
        let provisioner = Arc::new(provisioner);
        let authorization = wiring::authorization(config, &registry);
        let admin = Arc::new(Admin::new(
            registry.clone(),
            Arc::new(SystemRandom),
            self.listeners,
            wiring::admin_options(config, self.uploads.clone(), self.files.clone()),
        ));
        for (listener, handover) in self.for_handsets {
            let options = wiring::edge_options(config, &listener, &authorization, rand::random());
            handover.hand_over(Arc::new(handset::Edge::new(provisioner.clone(), options)));
        }
        self.for_operators.hand_over(admin.clone());
        let app = App {
            registry,
            provisioner,
            sources: self.sources,
            public_url: config.handset.public_url.clone(),
            files: self.files,
            store,
            store_url: config.store.url.clone(),
            handset_server: self.handset_server,
            admin_server: self.admin_server,
            admin,
            tls: self.tls,
            addresses: self.addresses,
            first_key: None,
            grace_period: config.shutdown.grace_period,
            stop: self.stop,
            tasks: self.tasks,
        };
        app.spawn_tasks(background, self.uploads);
        app
    }

    /// Stops accepting.
    pub(super) async fn shutdown(self) {
        let grace = self.config.shutdown.grace_period;
        tokio::join!(self.handset_server.drain(grace), self.admin_server.drain(grace));
        self.stop.cancel();
    }
}

/// What `GET /ready` says of the listeners: one is up until its server drains.
fn listener_states(addresses: &Addresses, handsets: &Server, admin: &Server) -> ListenerStates {
    let of_phones = addresses.handsets.iter().map(|phones| {
        let (scheme, of_listener) = (phones.scheme(), phones.of_listener());
        (format!("{scheme} {}{of_listener}", phones.address), handsets.clone())
    });
    let of_admin =
        addresses.admin.iter().map(|address| (format!("admin {address}"), admin.clone()));
    let all: Vec<(String, Server)> = of_phones.chain(of_admin).collect();
    Arc::new(move || {
        let state = |(name, server): &(String, Server)| ListenerState {
            name: name.clone(),
            up: !server.is_draining(),
        };
        all.iter().map(state).collect()
    })
}

/// Listeners that show and ask the same share one.
fn distinct<'a>(all: impl Iterator<Item = &'a Arc<Tls>>) -> Vec<Arc<Tls>> {
    let mut distinct: Vec<Arc<Tls>> = Vec::new();
    for tls in all {
        if !distinct.iter().any(|other| Arc::ptr_eq(other, tls)) {
            distinct.push(Arc::clone(tls));
        }
    }
    distinct
}

fn accept<H: Handler>(
    server: &Server,
    bound: Bound,
    options: ListenerOptions,
    handler: &Arc<H>,
) -> Result<(), AppError> {
    server
        .serve(bound, options, handler.clone())
        .map_err(|source| AppError::Io { what: "serving a listener", source })
}

/// What of a store with a key is not encrypted with it: whoever turned it on may think that all is.
fn tell_stale(store: &StoreUrl, cipher: &Cipher) {
    if cipher.stale() > 0 {
        tracing::warn!(
            %store,
            "not all secrets are encrypted with the key that is configured: `dialtone store rekey` \
             does that"
        );
    }
}
