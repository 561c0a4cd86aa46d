//! The gateway while its store fails, and after.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use dialtone::admin::{Admin, AdminOptions};
use dialtone::catalogue::{Catalogue, Sources};
use dialtone::handset::{Edge, EdgeOptions};
use dialtone::net::{Limits, Server, bind};
use dialtone::provision::Provisioner;
use dialtone::registry::{Clock, Quota, Registry, SystemRandom};
use dialtone::store::Store;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::broken_store::{BrokenStore, Fault};
use crate::support::gateway::call;
use crate::support::http::{self, Answer};
use crate::support::{ManualClock, eventually};

const ACTIVE: &str = "0015654aa937";
const INACTIVE: &str = "0015654aa938";

/// Both edges over real sockets, and the store they stand on.
struct Gateway {
    store: Arc<BrokenStore>,
    clock: Arc<ManualClock>,
    registry: Arc<Registry>,
    http: SocketAddr,
    admin: SocketAddr,
    key: String,
    _servers: [Server; 2],
    // Dropped last: all of the above runs on it.
    runtime: Runtime,
}

impl Gateway {
    /// With a phone that is active and one that is not.
    fn start(answer_timeout: Duration) -> Gateway {
        let clock = ManualClock::new();
        let store = BrokenStore::new(clock.now());
        let runtime = Runtime::new().unwrap();
        let _on = runtime.enter();
        let loaded = Catalogue::load(&Sources::default()).unwrap();
        let catalogue = Arc::new(ArcSwap::from_pointee(loaded));
        let opening = Registry::open(store.clone(), catalogue, clock.clone(), Quota::default());
        let (registry, touches) = runtime.block_on(opening).unwrap();
        runtime.spawn(touches.run());
        let registry = Arc::new(registry);
        let key = runtime.block_on(registry.first_key(&SystemRandom)).unwrap().unwrap();

        let provisioner = Provisioner::new(registry.clone(), 1 << 20, clock.now());
        let options = EdgeOptions { answer_timeout, ..EdgeOptions::new(1) };
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
        servers[0].serve(for_http, None, Arc::new(edge)).unwrap();
        servers[1].serve(for_admin, None, Arc::new(admin)).unwrap();
        drop(_on);
        let gateway = Gateway {
            store,
            clock,
            registry,
            http,
            admin: admin_address,
            key,
            _servers: servers,
            runtime,
        };
        gateway.get(ACTIVE);
        gateway.get(INACTIVE);
        assert_eq!(gateway.promote(ACTIVE)["result"], "success");
        gateway
    }

    fn get(&self, mac: &str) -> Answer {
        http::get(self.http, &format!("/{mac}.cfg"), None)
    }

    fn ask(&self, verb: &str, scope: Value) -> Value {
        let auth = json!({ "type": "auth", "key": self.key });
        call(self.admin, verb, &json!({ "type": "phone", "auth": auth, "scope": scope }))
    }

    fn promote(&self, mac: &str) -> Value {
        self.ask("promote", json!({ "phoneid": format!("{mac}0") }))
    }

    /// Every device the store has.
    fn stored(&self) -> Vec<String> {
        let devices = self.runtime.block_on(self.store.devices_after(None, 100)).unwrap();
        devices.iter().map(|device| device.mac.to_string()).collect()
    }

    fn ready(&self) -> (u16, Value) {
        let answer = http::get(self.admin, "/ready", None);
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }
}

fn come_again(answer: &Answer) {
    assert_eq!((answer.status, answer.text()), (503, "Try again later\n"));
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=120).contains(&seconds), "{seconds}");
}

#[test]
fn while_the_store_fails_known_phones_boot_and_nothing_changes() {
    let gateway = Gateway::start(Duration::from_secs(8));
    let file = gateway.get(ACTIVE);
    let refusal = gateway.get(INACTIVE);
    assert_eq!((file.status, refusal.status), (200, 404));
    for (number, (fault, says)) in [
        (Fault::Full, "The store is full; nothing was changed"),
        (Fault::ReadOnly, "The store is read-only; nothing was changed"),
        (Fault::Unavailable, "The store is not available, try again later"),
    ]
    .into_iter()
    .enumerate()
    {
        let unknown = format!("0015654ab00{number}");
        gateway.store.set(Some(fault));
        assert_eq!(gateway.get(ACTIVE), file, "{fault:?}");
        assert_eq!(gateway.get(INACTIVE), refusal, "{fault:?}");
        come_again(&gateway.get(&unknown));
        assert_eq!(
            gateway.registry.requests(unknown.parse().ok())[0].outcome,
            dialtone::registry::Outcome::StoreFailed
        );
        let failed = gateway.promote(INACTIVE);
        assert_eq!((&failed["result"], &failed["message"]), (&json!("fail"), &json!(says)));
        assert_eq!(gateway.get(INACTIVE), refusal, "{fault:?}: it was not promoted");
        let (status, ready) = gateway.ready();
        assert_eq!(
            (status, &ready["ready"], &ready["store"]),
            (503, &json!(false), &json!("not ready"))
        );

        gateway.store.set(None);
        let (status, ready) = gateway.ready();
        assert_eq!(
            (status, &ready["ready"], &ready["store"]),
            (200, &json!(true), &json!("ready"))
        );
        let listed = gateway.ask("inactive", json!({}));
        assert!(!listed.to_string().contains(&unknown), "{fault:?}: {listed}");
        assert!(!gateway.stored().contains(&unknown), "{fault:?}");
        assert_eq!(gateway.get(&unknown), refusal);
        assert!(gateway.stored().contains(&unknown), "{fault:?}: afterwards it is recorded");
    }
    assert_eq!(gateway.promote(INACTIVE)["result"], "success");
    assert_eq!(gateway.get(INACTIVE).status, 200);
}

#[test]
fn a_sighting_that_cannot_be_noted_is_no_concern_of_the_phone() {
    let gateway = Gateway::start(Duration::from_secs(8));
    let file = gateway.get(ACTIVE);
    let last_seen = || {
        let answer = gateway.ask("read", json!({ "mac": ACTIVE }));
        answer["values"][0]["sighting"]["last"].as_i64().unwrap_or_else(|| panic!("{answer}"))
    };
    let first = last_seen();
    gateway.store.set(Some(Fault::Full));
    let before = gateway.store.refused();
    gateway.clock.advance(3600);
    assert_eq!(gateway.get(ACTIVE), file);
    eventually("the note is refused", || gateway.store.refused() > before);
    assert_eq!(gateway.get(ACTIVE), file);
    assert_eq!(last_seen(), first);

    gateway.store.set(None);
    gateway.clock.advance(3600);
    assert_eq!(gateway.get(ACTIVE), file);
    eventually("the next one is noted", || last_seen() == first + 7200);
}

#[test]
fn a_store_that_hangs_keeps_unknown_phones_waiting_no_longer_than_the_limit() {
    let gateway = Gateway::start(Duration::from_millis(200));
    let file = gateway.get(ACTIVE);
    let unknown = "0015654ac000";
    gateway.store.set(Some(Fault::Stuck));
    come_again(&gateway.get(unknown));
    // It comes again while its first commit still waits, and waits for that.
    come_again(&gateway.get(unknown));
    assert_eq!(gateway.get(ACTIVE), file);
    assert_eq!(gateway.stored().len(), 2);

    let before = gateway.store.committed();
    gateway.store.set(None);
    eventually("the commit is through", || gateway.store.committed() == before + 1);
    assert_eq!(gateway.stored(), [ACTIVE, INACTIVE, unknown]);
    eventually("the index has it", || gateway.registry.index().len() == 3);
    assert_eq!(gateway.registry.index().inactive_rows(), 2, "each phone counts once");
    assert_eq!(gateway.get(unknown).status, 404);
    assert_eq!(gateway.promote(unknown)["result"], "success");
    assert_eq!(gateway.get(unknown).status, 200);
}
