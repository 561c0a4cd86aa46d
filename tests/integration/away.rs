//! A database that is away: when a gateway starts, and while it serves.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::gateway::call;
use crate::support::postgres::Cluster;
use crate::support::process::{Process, command};
use crate::support::{Gateway, Stop, eventually, http};

const PHONE: &str = "0015654aa937";

/// Phones that nobody knew, in each outage.
const UNKNOWN: usize = 300;

/// Longer than it takes on a busy machine for all to be as before.
const SOON: Duration = Duration::from_secs(5);

fn file(mac: &str) -> String {
    format!("/{mac}.cfg")
}

/// A gateway that has begun to start, with its log in `serve.log`.
fn begin(dir: &Path, url: &str) -> Process {
    let log = File::create(dir.join("serve.log")).unwrap();
    let mut serve = command(dir, &format!("serve --store {url}"));
    Process::begin(serve.env("DIALTONE_NODE_NAME", "gw7").stderr(log))
}

fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("serve.log")).unwrap()
}

fn probe(admin: SocketAddr, path: &str) -> (u16, Value) {
    let answer = http::get(admin, path, None);
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

/// Phones and operators are told so, for one of `reasons`.
fn is_starting(gateway: &Process, reasons: &[&str]) {
    let told = |_| {
        let answer = http::get(gateway.http, &file(PHONE), None);
        assert_eq!(answer.status, 503);
        answer.header("retry-after").unwrap().parse().unwrap()
    };
    let seconds: BTreeSet<u64> = (0..20).map(told).collect();
    assert!(seconds.len() > 5 && seconds.iter().all(|s| (10..=40).contains(s)), "{seconds:?}");
    let put = http::request(gateway.http, "PUT", &file(PHONE), &[], b"x=1").unwrap();
    assert_eq!(put.status, 503);

    assert_eq!(probe(gateway.admin, "/health").0, 200);
    let (status, ready) = probe(gateway.admin, "/ready");
    assert_eq!(
        (status, &ready["ready"], &ready["store"]),
        (503, &json!(false), &json!("not ready"))
    );
    let is_told = |said: &Value, before: &str, after: &str| {
        reasons.iter().any(|reason| *said == format!("{before}{reason}{after}"))
    };
    assert!(is_told(&ready["reason"], "starting: ", ""), "{ready}");
    let answer = call(gateway.admin, "active", &json!({ "type": "phone" }));
    assert_eq!(answer["result"], "fail");
    let is_said = is_told(&answer["message"], "The gateway is starting: ", ", try again later");
    assert!(is_said, "{answer}");
}

#[test]
fn a_gateway_that_starts_meanwhile_waits_and_says_so() {
    let mut server = Cluster::start("");
    let url = server.database();
    let dir = TempDir::new().unwrap();
    server.kill();
    let mut gateway = begin(dir.path(), &url);
    eventually("it tried", || log(dir.path()).contains("waiting for the store"));
    is_starting(&gateway, &["the store is not available"]);
    assert_eq!(log(dir.path()).matches("waiting for the store").count(), 1);
    server.resume();
    let back = Instant::now();
    gateway.wait_until_ready();
    assert!(back.elapsed() < SOON, "{:?}", back.elapsed());
    assert_eq!(http::get(gateway.http, &file(PHONE), None).status, 404);
    assert_eq!(probe(gateway.admin, "/ready").0, 200);
    let key = gateway.key.clone().expect("a new store");
    let auth = json!({ "type": "auth", "key": key });
    let of = json!({ "type": "phone", "scope": { "mac": PHONE }, "auth": auth });
    let asked = call(gateway.admin, "requests", &of);
    assert_eq!(asked["values"][0]["node"], "gw7", "{asked}");
    gateway.signal(Signal::TERM);
    assert!(gateway.ended_within(SOON).is_some_and(|status| status.success()));

    // One that takes connections and says nothing.
    server.signal("STOP");
    let mut gateway = begin(dir.path(), &url);
    eventually("it says so", || log(dir.path()).contains("it has not answered yet"));
    // The first attempt may be over by now.
    is_starting(&gateway, &["the store has not answered yet", "the store is not available"]);
    gateway.signal(Signal::TERM);
    let told = Instant::now();
    assert!(gateway.ended_within(SOON).is_some_and(|status| status.success()));
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    let mut gateway = begin(dir.path(), &url);
    server.signal("CONT");
    gateway.wait_until_ready();
    assert_eq!(gateway.key, None, "it was used");
}

#[test]
fn a_gateway_waits_for_what_passes_and_for_nothing_else() {
    let server = Cluster::shared();
    let url = server.database();
    let name = url.split(['/', '?']).nth(3).unwrap();
    let dir = TempDir::new().unwrap();
    // As a standby that nobody promoted yet.
    let read_only = |change: &str| {
        server.sql("postgres", &format!("ALTER DATABASE {name} {change}"));
    };
    read_only("SET default_transaction_read_only = on");
    let mut gateway = begin(dir.path(), &url);
    eventually("it tried", || log(dir.path()).contains("waiting for the store"));
    is_starting(&gateway, &["the store is not available"]);
    read_only("RESET default_transaction_read_only");
    gateway.wait_until_ready();

    let nowhere = url.replace(&format!("/{name}?"), "/nowhere?");
    let ended = command(dir.path(), &format!("serve --store {nowhere}")).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("\"nowhere\" does not exist") && !said.contains("waiting"), "{said}");
}

/// What becomes of a gateway that serves while `end` is not done after `begin`.
fn outlives(gateway: &Gateway, round: usize, begin: impl FnOnce(), end: impl FnOnce()) {
    let known = gateway.get(&file(PHONE), None);
    assert_eq!(known.status, 200);
    let is_over = AtomicBool::new(false);
    let boots = AtomicUsize::new(0);
    let unknown = |number: usize| format!("0015654{round:x}{number:04x}");
    let promote = |mac: &str| {
        let scope = json!({ "phoneid": format!("{mac}0") });
        let auth = json!({ "type": "auth", "key": gateway.key() });
        let body = json!({ "type": "phone", "scope": scope, "auth": auth });
        call(gateway.admin(), "promote", &body)
    };
    let waiting = unknown(UNKNOWN);
    gateway.get(&file(&waiting), None);
    thread::scope(|scope| {
        let _stop = Stop(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let booted = http::get(gateway.http(), &file(PHONE), None);
                assert!(booted.status == 200 && booted.body == known.body, "{}", booted.status);
                boots.fetch_add(1, Ordering::Relaxed);
            }
        });
        begin();
        for number in 0..UNKNOWN {
            assert_eq!(http::get(gateway.http(), &file(&unknown(number)), None).status, 404);
        }
        let asked = Instant::now();
        let answer = promote(&waiting);
        let message = "The store is not available, try again later";
        assert_eq!(answer, json!({ "result": "fail", "message": message }));
        assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
        let mut create = command(gateway.dir(), "company create late");
        create.env("DIALTONE_URL", format!("http://{}", gateway.admin()));
        let created = create.env("DIALTONE_KEY", gateway.key()).output().unwrap();
        let said = String::from_utf8_lossy(&created.stderr);
        assert!(said.contains(&format!("create company late: {message}")), "{said}");
        let (status, ready) = probe(gateway.admin(), "/ready");
        assert_eq!((status, &ready["ready"]), (503, &json!(false)));
        let reason = ready["reason"].as_str().unwrap_or_else(|| panic!("{ready}"));
        assert!(reason.starts_with("the store "), "{reason}");
        assert_eq!(http::get(gateway.http(), &file(&waiting), None).status, 404);

        end();
        let back = Instant::now();
        let all: BTreeSet<String> = (0..UNKNOWN).map(|number| unknown(number) + "0").collect();
        eventually("all are listed", || {
            let listed = gateway.inactive().into_iter().map(|(phone, _)| phone);
            all.is_subset(&listed.collect())
        });
        let listed = back.elapsed();
        eventually("it is ready", || probe(gateway.admin(), "/ready").0 == 200);
        assert_eq!(promote(&waiting)["result"], "success");
        assert_eq!(http::get(gateway.http(), &file(&waiting), None).status, 200);
        let all_is_as_before = back.elapsed();
        println!("{round}: listed after {listed:?}, as before after {all_is_as_before:?}");
        assert!(all_is_as_before < SOON, "{all_is_as_before:?}");
    });
    assert!(boots.load(Ordering::Relaxed) > 100, "{boots:?} boots");
}

#[test]
fn a_gateway_that_serves_outlives_an_outage() {
    let mut server = Cluster::start("");
    let url = server.database();
    let gateway = Gateway::start_with(|config, _| config.store.url = url.parse().unwrap());
    gateway.get(&file(PHONE), None);
    gateway.promote(&format!("{PHONE}0"));
    let cluster = std::cell::RefCell::new(&mut server);
    outlives(&gateway, 0, || cluster.borrow_mut().kill(), || cluster.borrow_mut().resume());
    outlives(&gateway, 1, || cluster.borrow().signal("STOP"), || cluster.borrow().signal("CONT"));
    // Whoever reads the registry from the database has all of it.
    let other = Gateway::start_with(|config, _| config.store.url = url.parse().unwrap());
    assert_eq!(other.app().registry().waiting_status().devices, 2 * UNKNOWN);
}
