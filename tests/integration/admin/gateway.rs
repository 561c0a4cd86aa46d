//! An admin edge on a port of its own, with the fixture of `cases.json` in its registry.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use dialtone::admin::{Admin, AdminOptions, ListenerState};
use dialtone::ambient::{Clock, SystemRandom};
use dialtone::catalogue::{Catalogue, Sources};
use dialtone::domain::Timestamp;
use dialtone::net::{Limits, ListenerOptions, Server, bind};
use dialtone::registry::{Document, Quota, Registry, export, import};
use dialtone::store::{MemoryStore, Store};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::support::canary::{self, Canary};
use crate::support::http::{Answer, request};

/// When the tests' day begins.
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_600_000_000);

pub(super) static CASES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("cases.json")).unwrap());

/// The built-in families, of which only the fixture's types are offered.
pub(super) static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let types = CASES["fixtures"]["base"]["phone_types"].as_array().unwrap();
    let only_types: BTreeSet<String> =
        types.iter().map(|own| own["phone_type"].as_str().unwrap().to_owned()).collect();
    let sources = Sources { only_types, ..Sources::default() };
    Arc::new(Catalogue::load(&sources).unwrap())
});

/// The fixture with its passwords hashed once for all tests.
static BASE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let gateway = Gateway::with_document(&serde_json::to_vec(&document("base")).unwrap());
    gateway.export(true)
});

/// A clock that stands still, and how long it seems to have run, each moved by itself.
pub(super) struct Clockwork {
    now: AtomicI64,
    uptime_s: AtomicU64,
}

impl Clock for Clockwork {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.now.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        Duration::from_secs(self.uptime_s.load(Ordering::SeqCst))
    }
}

pub(super) struct Gateway {
    /// Searches as long as there is somebody to ask.
    _canary: Canary,
    pub registry: Arc<Registry>,
    pub address: SocketAddr,
    pub store: Arc<dyn Store>,
    /// Whether its one other listener says it is up.
    pub listener_up: Arc<AtomicBool>,
    clock: Arc<Clockwork>,
    runtime: Runtime,
    _server: Server,
}

impl Gateway {
    pub(super) fn base() -> Gateway {
        Gateway::with_document(&BASE)
    }

    /// Where nobody waits for longer than this for what takes long.
    pub(super) fn base_with_place_timeout(place_timeout: Duration) -> Gateway {
        let options = AdminOptions { place_timeout, ..AdminOptions::default() };
        Gateway::base_with(options)
    }

    pub(super) fn base_with(options: AdminOptions) -> Gateway {
        Gateway::start(options, Some(&BASE))
    }

    /// The fixture's companies and users, and no phones.
    pub(super) fn empty() -> Gateway {
        let mut document: Value = serde_json::from_slice(&BASE).unwrap();
        document["devices"] = json!([]);
        Gateway::with_document(&serde_json::to_vec(&document).unwrap())
    }

    pub(super) fn with_document(document: &[u8]) -> Gateway {
        Gateway::start(AdminOptions::default(), Some(document))
    }

    /// A gateway with nothing in its registry.
    pub(super) fn new() -> Gateway {
        Gateway::start(AdminOptions::default(), None)
    }

    fn start(options: AdminOptions, document: Option<&[u8]>) -> Gateway {
        let runtime = canary::runtime();
        let clock = Clockwork { now: AtomicI64::new(NOW.seconds()), uptime_s: AtomicU64::new(0) };
        let clock = Arc::new(clock);
        let listener_up = Arc::new(AtomicBool::new(true));
        let _inside = runtime.enter();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(NOW));
        let registry = runtime.block_on(async {
            let catalogue = CATALOGUE.clone();
            if let Some(document) = document {
                let document = Document::read(Cursor::new(document.to_vec())).unwrap();
                let document = document.check(NOW).unwrap();
                import(&store, &catalogue, document, &SystemRandom).await.unwrap();
            }
            let opened = Registry::open(store.clone(), catalogue, clock.clone(), Quota::default());
            let (registry, background) = opened.await.unwrap();
            let registry = Arc::new(registry);
            tokio::spawn(background.run(registry.clone(), CancellationToken::new()));
            registry
        });
        let up = listener_up.clone();
        let listeners = move || {
            vec![ListenerState { name: "handset".to_owned(), up: up.load(Ordering::SeqCst) }]
        };
        let admin =
            Admin::new(registry.clone(), Arc::new(SystemRandom), Arc::new(listeners), options);
        let server = Server::new(Limits::default(), 1);
        let bound = bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = bound.local_addr();
        server.serve(bound, ListenerOptions::new(None), Arc::new(admin)).unwrap();
        drop(_inside);
        let key = document.map(|_| user("sysadmin")["key"].as_str().expect("a key"));
        let _canary = Canary::new(address, key);
        Gateway { _canary, registry, store, address, listener_up, clock, runtime, _server: server }
    }

    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(super) fn export(&self, with_secrets: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.block_on(export(&*self.store, with_secrets, &mut bytes)).unwrap();
        bytes
    }

    pub(super) fn pass(&self, seconds: u32) {
        self.clock.now.fetch_add(seconds.into(), Ordering::SeqCst);
        self.clock.uptime_s.fetch_add(seconds.into(), Ordering::SeqCst);
    }

    /// Somebody sets the machine's clock back; time goes on.
    pub(super) fn set_back(&self, seconds: u32) {
        self.clock.now.fetch_sub(seconds.into(), Ordering::SeqCst);
    }

    /// One request, byte for byte.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        request(self.address, method, path, headers, body.as_ref()).expect("the gateway answers")
    }

    /// A POST of JSON under `/rest/`, without credentials of its own.
    pub(super) fn post(&self, path: &str, body: &Value) -> Value {
        read(&self.send("POST", path, &[JSON], body.to_string()))
    }

    /// A command by a user of the fixture, signed in with its key.
    pub(super) fn ask(&self, role: &str, command: &str, mut body: Value) -> Value {
        body["auth"] = json!({ "type": "auth", "key": user(role)["key"] });
        self.post(&format!("/rest/dialplan/{command}"), &body)
    }

    /// A command of the System-Admin that must succeed.
    pub(super) fn done(&self, command: &str, body: Value) -> Value {
        let answer = self.ask("sysadmin", command, body);
        assert_eq!(answer["result"], "success", "{command}: {answer}");
        answer
    }

    /// A command of the System-Admin that must fail so.
    pub(super) fn refused(&self, command: &str, body: Value, message: &str) {
        assert_eq!(self.ask("sysadmin", command, body), fail(message), "{command}");
    }

    /// Both lists as the System-Admin sees them: what no refused command may change.
    pub(super) fn lists(&self) -> (Value, Value) {
        (self.done("inactive/phone", json!({})), self.done("active/phone", json!({})))
    }

    /// Signs in with a password; gives the session's id.
    pub(super) fn sign_in(&self, role: &str) -> String {
        let user = user(role);
        let auth =
            json!({ "type": "auth", "username": user["login"], "password": user["password"] });
        let answer = self.post("/rest/auth", &json!({ "auth": auth }));
        answer["user"]["session"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

pub(super) const JSON: (&str, &str) = ("Content-Type", "application/json");

/// What every answer under `/rest/` is.
pub(super) fn read(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let json: Value = serde_json::from_slice(&answer.body).unwrap();
    match json["result"].as_str() {
        Some("success") => assert!(json.get("message").is_none(), "{json}"),
        Some("fail") => {
            let names: Vec<&String> = json.as_object().unwrap().keys().collect();
            assert_eq!(names, ["result", "message"], "a failure says nothing else");
            assert_ne!(json["message"], "");
        }
        _ => panic!("no result: {json}"),
    }
    json
}

pub(super) fn fail(message: &str) -> Value {
    json!({ "result": "fail", "message": message })
}

/// The user of the fixture with that role name.
pub(super) fn user(role: &str) -> &'static Value {
    let users = CASES["fixtures"]["base"]["users"].as_array().unwrap();
    users.iter().find(|user| user["role_name"] == role).unwrap_or_else(|| panic!("no user {role}"))
}

/// A fixture of the cases as a document to import.
pub(super) fn document(name: &str) -> Value {
    let fixture = &CASES["fixtures"][name];
    let base = &CASES["fixtures"]["base"];
    let of = |key: &str| fixture.get(key).unwrap_or(&base[key]).as_array().unwrap().clone();
    let companies: Vec<Value> =
        of("companies").iter().map(|company| json!({ "company": company })).collect();
    let users: Vec<Value> = of("users")
        .into_iter()
        .map(|mut user| {
            user.as_object_mut().unwrap().remove("role_name");
            user
        })
        .collect();
    let mut devices: Vec<Value> = Vec::new();
    for own in of("inactive") {
        let port = |port: &Value| json!({ "port": port, "created": own["created"] });
        let ports: Vec<Value> = own["ports"].as_array().unwrap().iter().map(port).collect();
        let device = json!({ "mac": own["mac"], "phone_type": own["phone_type"], "ports": ports });
        devices.push(device);
    }
    for own in of("active") {
        let port = json!({
            "port": own["port"], "company": own["company"], "created": own["created"],
        });
        match devices.iter_mut().find(|device| device["mac"] == own["mac"]) {
            Some(device) => device["ports"].as_array_mut().unwrap().push(port),
            None => devices.push(json!({
                "mac": own["mac"], "phone_type": own["phone_type"], "ports": [port],
            })),
        }
    }
    json!({ "version": 2, "companies": companies, "users": users, "devices": devices })
}
