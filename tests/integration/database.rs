//! Gateways on one PostgreSQL database, and the commands for it.

use serde_json::json;
use tempfile::TempDir;

use crate::support::postgres::Cluster;
use crate::support::process::command;
use crate::support::{Gateway, eventually};

const PHONE: &str = "0015654aa937";

fn file() -> String {
    format!("/{PHONE}.cfg")
}

#[test]
fn what_one_gateway_is_told_another_serves() {
    let url = Cluster::shared().database();
    let gateway = || Gateway::start_with(|config, _| config.store.url = url.parse().unwrap());
    let one = gateway();
    // A key that nobody used is made anew by the next to start.
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
    assert!(done && nothing.is_empty(), "{nothing} {said}");
    let other = server.database();
    let (done, _, said) = run(&format!("store migrate --store {other}"));
    assert!(done, "{said}");
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
