//! Both edges over real sockets on a store that is given: one gateway of several, or one
//! whose store can be made to fail.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dialtone::admin::{Admin, AdminOptions};
use dialtone::ambient::SystemRandom;
use dialtone::catalogue::{Catalogue, Sources};
use dialtone::handset::{Edge, EdgeOptions};
use dialtone::net::{Limits, ListenerOptions, Server, bind};
use dialtone::provision::Provisioner;
use dialtone::registry::{Quota, Registry};
use dialtone::store::Store;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::ManualClock;
use super::canary::{self, Canary};
use super::gateway::call;
use super::http::{self, Answer};

pub(crate) struct Node {
    /// Searches as long as there is somebody to ask.
    _canary: Canary,
    pub registry: Arc<Registry>,
    pub http: SocketAddr,
    pub admin: SocketAddr,
    /// The key of the first System-Admin, when this gateway made it.
    pub first_key: Option<String>,
    _servers: [Server; 2],
    // Dropped last: all of the above runs on it.
    pub runtime: Runtime,
}

impl Node {
    pub(crate) fn start(
        store: Arc<dyn Store>,
        clock: Arc<ManualClock>,
        quota: Quota,
        answer_timeout: Duration,
    ) -> Node {
        let runtime = canary::runtime();
        let inside = runtime.enter();
        let loaded = Catalogue::load(&Sources::default()).unwrap();
        let opening = Registry::open(store, Arc::new(loaded), clock.clone(), quota);
        let (registry, background) = runtime.block_on(opening).unwrap();
        let registry = Arc::new(registry);
        runtime.spawn(background.run(registry.clone(), CancellationToken::new()));
        let first_key = runtime.block_on(registry.first_key(&SystemRandom)).unwrap();

        let provisioner = Provisioner::new(registry.clone(), 1 << 20);
        let mut options = EdgeOptions { answer_timeout, ..EdgeOptions::new(1) };
        // So that a test may come from any address.
        options.access.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        let edge = Edge::new(Arc::new(provisioner), options);
        let admin = Admin::new(
            registry.clone(),
            Arc::new(SystemRandom),
            Arc::new(Vec::new),
            AdminOptions::default(),
        );
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let servers = [
            Server::new(Limits { tolerate_control_chars: true, ..Limits::default() }, 1),
            Server::new(Limits::default(), 1),
        ];
        let (for_http, for_admin) = (bind(any).unwrap(), bind(any).unwrap());
        let (http, admin_address) = (for_http.local_addr(), for_admin.local_addr());
        servers[0].serve(for_http, ListenerOptions::new(None), Arc::new(edge)).unwrap();
        servers[1].serve(for_admin, ListenerOptions::new(None), Arc::new(admin)).unwrap();
        drop(inside);
        let _canary = Canary::new(admin_address, first_key.as_deref());
        Node {
            _canary,
            registry,
            http,
            admin: admin_address,
            first_key,
            _servers: servers,
            runtime,
        }
    }

    /// What a handset that is new to us asks first; it is recorded when this returns.
    pub(crate) fn get(&self, mac: &str) -> Answer {
        let answer = self.get_only(mac);
        self.settle();
        answer
    }

    /// The same, and what it told may still have to be recorded.
    pub(crate) fn get_only(&self, mac: &str) -> Answer {
        http::get(self.http, &format!("/{mac}.cfg"), None)
    }

    /// Waits until what handsets told so far is recorded, or could not be.
    pub(crate) fn settle(&self) {
        self.runtime.block_on(self.registry.flush_contacts());
    }

    /// A command with `key`.
    pub(crate) fn ask(&self, key: &str, verb: &str, mut body: Value) -> Value {
        body["auth"] = json!({ "type": "auth", "key": key });
        call(self.admin, verb, &body)
    }

    /// Removes what is due to go; how many devices that were.
    pub(crate) fn expire(&self) -> usize {
        self.runtime.block_on(self.registry.expire()).unwrap()
    }
}
