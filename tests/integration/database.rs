//! Gateways on one PostgreSQL database, and the commands for it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dialtone::ambient::Clock;
use dialtone::config::Config;
use dialtone::domain::Sighting;
use dialtone::registry::Quota;
use dialtone::store::PostgresStore;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::node::Node;
use crate::support::postgres::Cluster;
use crate::support::process::{Process, command};
use crate::support::{Gateway, ManualClock, eventually, http};

const PHONE: &str = "0015654aa937";

fn file() -> String {
    format!("/{PHONE}.cfg")
}

#[test]
fn what_one_gateway_is_told_another_serves() {
    let url = Cluster::shared().database();
    let gateway = || Gateway::start_with(|config, _| config.store.url = url.parse().unwrap());
    let one = gateway();
    // Else the next to start shows another one.
    one.done("active", json!({ "type": "phone" }));
    let other = gateway();
    let agent = Some("Yealink SIP-T46S 66.85.0.5 00:15:65:4a:a9:37");
    assert_eq!(one.get(&file(), agent).status, 404);
    one.promote(&format!("{PHONE}0"));
    assert_eq!(one.get(&file(), agent).status, 200);
    eventually("the other serves it", || other.get(&file(), agent).status == 200);
    // All of it is there for who comes later.
    let third = gateway();
    assert_eq!(third.get(&file(), agent).status, 200);
    let scope = json!({ "phoneid": format!("{PHONE}0") });
    one.done("delete", json!({ "type": "phone", "scope": scope }));
    eventually("the others refuse it", || {
        [&other, &third].iter().all(|gateway| gateway.get(&file(), agent).status == 404)
    });
}

/// What is on record of a phone, as one of several gateways shows it.
fn sighting(gateway: &Gateway, mac: &str) -> Value {
    gateway.phone(&format!("{mac}0"))["sighting"].take()
}

#[test]
fn of_all_gateways_one_notes_a_phone_in_an_hour_and_all_show_it() {
    let server = Cluster::shared();
    let url = server.database();
    let clock = ManualClock::new();
    let gateway =
        || Gateway::start_at(clock.clone(), |config, _| config.store.url = url.parse().unwrap());
    let one = gateway();
    one.done("active", json!({ "type": "phone" }));
    let other = gateway().with_key(one.key());
    let marker = "0015654aa938";
    let agent = |mac: &str, version: u32| {
        let colons: Vec<&str> = (0..6).map(|at| &mac[2 * at..2 * at + 2]).collect();
        format!("Yealink SIP-T46S 66.85.0.{version} {}", colons.join(":"))
    };
    for mac in [PHONE, marker] {
        assert_eq!(one.get(&format!("/{mac}.cfg"), Some(&agent(mac, 0))).status, 404);
    }
    one.promote(&format!("{PHONE}0"));
    let ask = |gateway: &Gateway| gateway.get(&file(), Some(&agent(PHONE, 0))).status;
    eventually("both serve it", || [&one, &other].map(ask) == [200, 200]);
    // What a gateway noted before something that is news is done with when that is on record.
    let mut version = 0;
    let mut settle = |gateway: &Gateway| {
        version += 1;
        clock.advance(10);
        gateway.get(&format!("/{marker}.cfg"), Some(&agent(marker, version)));
        let firmware = format!("66.85.0.{version}");
        eventually("it is noted", || sighting(gateway, marker)["firmware"] == firmware.as_str());
    };
    let name = url.split(['/', '?']).nth(3).unwrap();
    let row =
        || server.sql(name, "SELECT xmin, ctid FROM dialtone.device WHERE served IS NOT NULL");
    let next_hour = || {
        let hour = Sighting::hour_of(PHONE.parse().unwrap(), clock.now());
        clock.advance(hour + 3_600 - clock.now());
    };
    for gateway in [&one, &other] {
        settle(gateway);
    }
    for [first, second] in [[&one, &other], [&other, &one]] {
        next_hour();
        let (now, before) = (clock.now().seconds(), row());
        assert_eq!(ask(first), 200);
        settle(first);
        for gateway in [&one, &other] {
            assert_eq!(sighting(gateway, PHONE)["last"], now, "whoever saw it");
        }
        let noted = row();
        assert_ne!(noted, before);
        for _ in 0..3 {
            clock.advance(600);
            assert_eq!([second, first].map(ask), [200, 200]);
        }
        settle(second);
        settle(first);
        assert_eq!(row(), noted, "the others write nothing");
    }
}

fn run(line: &str) -> (bool, String, String) {
    let dir = TempDir::new().unwrap();
    let ran = command(dir.path(), line).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.success(), text(&ran.stdout), text(&ran.stderr))
}

#[test]
fn tables_are_made_by_hand_or_by_command() {
    let server = Cluster::shared();
    let url = server.database();
    let name = url.split(['/', '?']).nth(3).unwrap();
    let (done, script, said) = run(&format!("store migrate --print --store {url}"));
    assert!(done && script.contains("CREATE TABLE device"), "{said}");
    server.sql(name, &script);
    let (done, nothing, said) = run(&format!("store migrate --print --store {url}"));
    assert!(done && nothing.is_empty() && said.contains("its tables are current"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let other = server.database();
    for told in ["its tables are current now", "its tables are current, nothing is to be done"] {
        let (done, printed, said) = run(&format!("store migrate --store {other}"));
        assert!(done && printed.is_empty() && said.contains(told), "{printed} {said}");
    }
    let (done, _, said) = run(&format!("export --store {other}"));
    assert!(done, "{said}");
    let (done, _, said) = run("store migrate --store sqlite:x.db");
    assert!(!done && said.contains("sqlite:x.db is no database"), "{said}");
}

#[test]
fn a_lost_key_is_made_anew_beside_a_running_gateway() {
    let url = Cluster::shared().database();
    let gateway = Gateway::start_with(|config, _| config.store.url = url.parse().unwrap());
    gateway.done("active", json!({ "type": "phone" }));
    let (done, key, said) = run(&format!("user key admin --store {url}"));
    assert!(done, "{said}");
    let body = json!({ "type": "phone", "auth": { "type": "auth", "key": key.trim() } });
    let answers = || crate::support::gateway::call(gateway.admin(), "active", &body);
    eventually("the gateway knows the key", || answers()["result"] == "success");
}

#[test]
fn a_lost_key_is_made_anew_with_the_password_that_the_configuration_names() {
    let url = Cluster::shared().database();
    let dir = TempDir::new().unwrap();
    let password = dir.path().join("password");
    let config = dir.path().join("d.toml");
    let text = format!("[store]\nurl = \"{url}\"\npassword_file = \"{}\"\n", password.display());
    std::fs::write(&config, text).unwrap();
    let (done, _, said) = run(&format!("store migrate --store {url}"));
    assert!(done, "{said}");
    let line = format!("user key admin --config {}", config.display());
    let (done, key, said) = run(&line);
    assert!(!done && key.is_empty() && said.contains("the password cannot be read"), "{said}");
    std::fs::write(&password, "hunter2\n").unwrap();
    let (done, key, said) = run(&line);
    assert!(done && key.starts_with("dt_"), "{said}");
    // What names the store besides beats the file.
    let (done, _, said) = run(&format!("{line} --store sqlite:x.db"));
    assert!(!done && said.contains("there is no store at x.db"), "{said}");
}

#[test]
fn of_gateways_that_start_at_once_each_shows_a_first_key_or_says_that_another_does() {
    let url = Cluster::shared().database();
    let dirs = [(); 3].map(|()| TempDir::new().unwrap());
    let log = |dir: &TempDir| dir.path().join("serve.log");
    let mut gateways = Vec::new();
    for dir in &dirs {
        let mut serve = command(dir.path(), &format!("serve --store {url}"));
        serve.stderr(File::create(log(dir)).unwrap());
        gateways.push(Process::begin(&mut serve));
    }
    for gateway in &mut gateways {
        gateway.wait_until_ready();
    }
    let mut shown = 0;
    for (gateway, dir) in gateways.iter().zip(&dirs) {
        let said = std::fs::read_to_string(log(dir)).unwrap();
        let another = said.matches("another gateway on this store made one").count();
        assert_eq!(usize::from(gateway.key.is_some()) + another, 1, "{:?} {said}", gateway.key);
        assert!(!said.contains("no System-Admin can sign in"), "{said}");
        shown += usize::from(gateway.key.is_some());
    }
    assert!(shown > 0);
}

#[test]
fn check_says_what_there_is_of_the_database() {
    // Without families that can be read it says the rest and is done.
    let check = |store: &str| run(&format!("check --templates nowhere --store {store}"));
    let url = Cluster::shared().database();
    let name = url.split('?').next().unwrap();
    let (_, printed, said) = check(&url);
    assert!(printed.starts_with(&format!("{name}: PostgreSQL 1")), "{printed} {said}");
    assert!(printed.contains("no tables yet: made at the next start; all in order"), "{printed}");
    assert!(!said.contains(name), "{said}");
    let nowhere = "postgres://gw@127.0.0.1:1/dialtone";
    let (done, printed, said) = check(nowhere);
    assert!(!done && printed.is_empty() && said.contains(nowhere), "{said}");
    let (_, printed, said) = check(&format!("{nowhere} --offline"));
    assert!(printed.is_empty() && !said.contains(nowhere), "{said}");
}

/// A gateway that can be killed: with its runtime go all its connections, without a word.
struct Mortal {
    node: Node,
    _connections: Runtime,
}

#[test]
fn of_two_gateways_one_expires_for_both_and_the_other_takes_over() {
    let url = Cluster::shared().database();
    let clock = ManualClock::new();
    let gateway = || {
        let connections = Runtime::new().unwrap();
        let opening = PostgresStore::open(url.parse().unwrap(), clock.now());
        let store = Arc::new(connections.block_on(opening).unwrap());
        let node = Node::start(store, clock.clone(), Quota::default(), Duration::from_secs(8));
        Mortal { node, _connections: connections }
    };
    let (first, second) = (gateway(), gateway());
    let expire = |gateway: &Mortal| {
        let Mortal { node, .. } = gateway;
        node.runtime.block_on(node.registry.expire_for_all()).unwrap()
    };
    let waiting = |gateway: &Mortal| gateway.node.registry.waiting_status().devices;
    let strangers = |number: usize| {
        for mac in 0..number {
            first.node.get_only(&format!("0004f200{mac:04x}"));
        }
        first.node.settle();
        eventually("the other knows all", || waiting(&second) == number);
        clock.advance(31 * 24 * 3600);
    };
    strangers(20);
    assert_eq!((expire(&first), expire(&second)), (20, 0));
    strangers(10);
    assert_eq!((expire(&second), expire(&first)), (0, 10));
    strangers(5);
    drop(first);
    eventually("the other takes over", || expire(&second) == 5);
    assert_eq!(waiting(&second), 0);
}

#[test]
fn a_gateway_that_may_not_read_what_others_changed_says_so_and_then_lets_nobody_in() {
    let server = Cluster::shared();
    let url = server.database();
    let database = url.split(['/', '?']).nth(3).unwrap();
    let one = Gateway::start_with(|config, _| config.store.url = url.parse().unwrap());
    let values = json!({ "login": "ann", "role": "System-Admin", "key": true });
    let made = one.done("create", json!({ "type": "user", "values": values }));
    let key = made["key"].as_str().unwrap();
    let sql = |sql: &str| server.sql(database, sql);
    sql("CREATE ROLE follower LOGIN; GRANT USAGE ON SCHEMA dialtone TO follower; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA dialtone TO follower");
    let url = url.replace("//gw@", "//follower@");
    let clock = ManualClock::new();
    let adapt = |config: &mut Config, _: &Path| config.store.url = url.parse().unwrap();
    let other = Gateway::start_at(clock.clone(), adapt).with_key(key);
    one.get(&file(), None);
    one.promote(&format!("{PHONE}0"));
    eventually("the other serves it", || other.get(&file(), None).status == 200);

    let told = || {
        let answer = http::get(other.admin(), "/ready", None);
        let told: Value = serde_json::from_slice(&answer.body).unwrap();
        (answer.status, told["reason"].clone())
    };
    assert_eq!(told(), (200, Value::Null));
    let ask = || other.ask("active", json!({ "type": "phone" }));
    sql("REVOKE SELECT ON dialtone.change FROM follower");
    let scope = json!({ "login": "ann" });
    one.done("delete", json!({ "type": "user", "scope": scope }));
    // A question that was on its way when the right went was answered by now, or never is.
    eventually("it hears nothing", || {
        clock.run_on(7);
        told() == (503, json!("what others changed in the store cannot be read"))
    });
    clock.run_on(60);
    let message = ask()["message"].take();
    assert!(message.as_str().unwrap().contains("still counts is not known here"), "{message}");
    assert_eq!(other.get(&file(), None).status, 200, "phones boot");

    sql("GRANT SELECT ON dialtone.change TO follower");
    eventually("it is ready", || told().0 == 200);
    assert_eq!(ask()["message"], "Login incorrect.");
}
