//! The first System-Admin's key: no start that fails takes it along, nobody is locked out
//! because its output went nowhere, and a lost one is replaced in the store itself.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use dialtone::domain::Timestamp;
use dialtone::registry::Quota;
use dialtone::store::MemoryStore;
use serde_json::json;

use crate::support::gateway::call;
use crate::support::node::Node;
use crate::support::process::{Process, command};
use crate::support::{ManualClock, eventually};

/// A start that must fail, as `change` makes it; what it said.
fn failed_start(dir: &Path, change: impl FnOnce(&mut Command)) -> String {
    let mut serve = command(dir, "serve");
    change(&mut serve);
    let output = serve.output().expect("the gateway's binary runs");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "nothing is announced: {output:?}");
    String::from_utf8(output.stderr).expect("messages are text")
}

fn is_admin(admin: SocketAddr, key: &str) -> bool {
    let body = json!({ "type": "user", "auth": { "type": "auth", "key": key } });
    call(admin, "read", &body)["result"] == "success"
}

#[test]
fn a_start_that_fails_takes_no_key_along() {
    let dir = tempfile::TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    File::create(dir.path().join("empty.pem")).unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let kinds: [(&str, Vec<(&str, String)>); 5] = [
        ("a port of the handsets is taken", vec![("DIALTONE_HANDSET_HTTP", taken.clone())]),
        ("the port of the API is taken", vec![("DIALTONE_ADMIN_LISTEN", taken.clone())]),
        (
            "the certificate is none",
            vec![
                ("DIALTONE_HANDSET_HTTPS", "127.0.0.1:0".to_owned()),
                ("DIALTONE_TLS_CERTIFICATE", path("empty.pem")),
                ("DIALTONE_TLS_KEY", path("empty.pem")),
            ],
        ),
        (
            "the authorities are missing",
            vec![
                ("DIALTONE_HANDSET_HTTPS", "127.0.0.1:0".to_owned()),
                ("DIALTONE_TLS_CLIENT_CERTIFICATES", "required".to_owned()),
                ("DIALTONE_TLS_CLIENT_CA", path("nowhere.pem")),
            ],
        ),
        (
            "the certificate of the API is missing",
            vec![
                ("DIALTONE_ADMIN_CERTIFICATE", path("nowhere.pem")),
                ("DIALTONE_ADMIN_KEY", path("nowhere.key")),
            ],
        ),
    ];
    for (why, variables) in kinds {
        let said = failed_start(dir.path(), |command| {
            command.envs(variables);
        });
        assert!(!dir.path().join("dialtone.db").exists(), "{why}: no store is made: {said}");
    }
    let process = Process::start(dir.path());
    let key = process.key.as_deref().expect("the first good start shows a key");
    assert!(is_admin(process.admin, key));
}

#[test]
fn each_start_shows_a_key_until_one_was_used() {
    let dir = tempfile::TempDir::new().unwrap();
    // Nobody reads what the first one announces, as where a shell's pipe is closed.
    let mut unseen = command(dir.path(), "serve");
    let mut unseen = unseen.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(unseen.stdout.take());
    let mut log = BufReader::new(unseen.stderr.take().expect("it is piped")).lines();
    let said = log.find(|line| line.as_ref().unwrap().contains("the first key could not be shown"));
    assert!(said.is_some(), "the log says what became of the key");
    unseen.kill().unwrap();
    unseen.wait().unwrap();

    let first = Process::start(dir.path());
    let other = first.key.clone().expect("the key was not used");
    // Somebody guesses, which is on record and says nothing of the key.
    for _ in 0..10 {
        let guess = json!({ "type": "auth", "username": "admin", "password": "admin" });
        call(first.admin, "events", &json!({ "type": "user", "auth": guess }));
    }
    first.kill();
    let second = Process::start(dir.path());
    let key = second.key.clone().expect("nor was this one");
    assert!(is_admin(second.admin, &key));
    assert!(!is_admin(second.admin, &other), "the first that is used leaves none of the others");
    second.kill();
    let third = Process::start(dir.path());
    assert_eq!(third.key, None, "it was used");
    assert!(is_admin(third.admin, &key) && !is_admin(third.admin, &other));
    assert_eq!(
        told(third.admin, &key),
        [
            ("admin", "used", 1),
            ("gateway", "unused", 3),
            ("gateway", "unused", 2),
            ("gateway", "unused", 1)
        ]
        .map(|(who, mark, keys)| (who.to_owned(), mark.to_owned(), keys)),
    );
}

/// Who did what to the first user: its mark, and how many keys there were afterwards.
fn told(admin: SocketAddr, key: &str) -> Vec<(String, String, usize)> {
    let body = json!({ "type": "user", "auth": { "type": "auth", "key": key } });
    let events = call(admin, "events", &body);
    let told = |event: &serde_json::Value| {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let after = &event["after"];
        let keys = after["keys"].as_array().map_or(0, Vec::len);
        (text(&event["who"]), text(&after["first_key"]), keys)
    };
    let events = events["values"].as_array().expect("events").iter();
    events.filter(|event| event["action"] != "login_failed").map(told).collect()
}

#[test]
fn of_several_gateways_each_shows_a_key_and_any_of_them_is_the_one() {
    let (clock, store) = (ManualClock::new(), MemoryStore::new(Timestamp::from_seconds(0)));
    let start = || {
        let store = Arc::new(store.clone());
        Node::start(store, clock.clone(), Quota::default(), Duration::from_secs(8))
    };
    let key = |node: &Node| node.first_key.clone().expect("none was used");
    let long_ago = start();
    clock.advance(24 * 3600);
    let gateways = [start(), start(), start()];
    let keys = gateways.each_ref().map(key);
    // It was shown too long ago; the command changes something, with the key that is left.
    assert!(!is_admin(gateways[2].admin, &key(&long_ago)));
    let company = json!({ "company": "acme" });
    let create = json!({ "type": "company", "values": company });
    eventually("the key of one is known at another", || {
        gateways[2].registry.user_by_key(&keys[1]).is_some()
    });
    assert_eq!(gateways[2].ask(&keys[1], "create", create)["result"], "success");
    for node in gateways.iter().chain([&long_ago]) {
        eventually("it is the only one everywhere", || {
            is_admin(node.admin, &keys[1])
                && !keys.iter().any(|key| *key != keys[1] && is_admin(node.admin, key))
        });
    }
    let used = |(_, mark, _): &&(String, String, usize)| mark == "used";
    assert_eq!(told(gateways[0].admin, &keys[1]).iter().filter(used).count(), 1);
    assert_eq!(start().first_key, None);
}

#[test]
fn of_many_first_keys_the_last_are_valid() {
    let (clock, store) = (ManualClock::new(), MemoryStore::new(Timestamp::from_seconds(0)));
    let keys: Vec<(String, Node)> = (0..10)
        .map(|_| {
            let store = Arc::new(store.clone());
            let node = Node::start(store, clock.clone(), Quota::default(), Duration::from_secs(8));
            (node.first_key.clone().expect("none was used"), node)
        })
        .collect();
    let (_, last) = keys.last().unwrap();
    let valid = keys.iter().filter(|(key, _)| last.registry.user_by_key(key).is_some()).count();
    assert_eq!(valid, 8);
    assert!(!is_admin(last.admin, &keys[1].0) && is_admin(last.admin, &keys[2].0));
}

#[test]
fn a_lost_key_is_replaced_in_the_store_while_no_gateway_has_it() {
    let dir = tempfile::TempDir::new().unwrap();
    let process = Process::start(dir.path());
    let lost = process.key.clone().expect("a new store");
    assert!(is_admin(process.admin, &lost));
    let line = "user key admin --replace --store sqlite:dialtone.db";
    let refused = command(dir.path(), line).output().unwrap();
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("in use by another dialtone process"), "{}", said(&refused));
    assert!(said(&refused).contains("use a key over the API"), "{}", said(&refused));
    process.kill();

    let made = command(dir.path(), line).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let nobody = command(dir.path(), "user key bob --store sqlite:dialtone.db").output().unwrap();
    assert!(said(&nobody).contains("keys of user bob: "), "{}", said(&nobody));
    let nowhere = command(dir.path(), "user key admin --store sqlite:x.db").output().unwrap();
    assert!(said(&nowhere).contains("there is no store at x.db"), "{}", said(&nowhere));

    let process = Process::start(dir.path());
    assert_eq!(process.key, None, "a key that was asked for is not replaced");
    assert!(is_admin(process.admin, &key) && !is_admin(process.admin, &lost));
    let body = json!({ "type": "user", "auth": { "type": "auth", "key": key } });
    let events = call(process.admin, "events", &body);
    let events = events["values"].as_array().expect("events");
    // That the lost one was tried is on record, too.
    let of_key = events.iter().find(|event| event["action"] == "update").expect("it is on record");
    assert_eq!(of_key["who"], "gateway", "{of_key}");
    assert_eq!(of_key["after"]["keys"].as_array().map(Vec::len), Some(1), "{of_key}");
}

/// A start, and what it logged until it served.
fn start_and_log(dir: &Path) -> (Process, String) {
    let path = dir.join("serve.log");
    let process = Process::start_as(dir, "serve", File::create(&path).unwrap().into());
    (process, std::fs::read_to_string(&path).unwrap())
}

/// Makes a key in the store, of which no gateway serves; a start then shows none and takes it.
fn is_mended_by_the_command_it_names(dir: &Path) {
    let (process, log) = start_and_log(dir);
    assert_eq!(process.key, None, "no administrator is made by itself: {log}");
    let line = "user key admin --store sqlite:dialtone.db";
    assert!(log.contains(&format!("`dialtone {line}`")), "{log}");
    process.kill();
    let made = command(dir, line).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let other = command(dir, "user key ann --store sqlite:dialtone.db").output().unwrap();
    assert_eq!(other.status.code(), Some(1), "there is an administrator now: {other:?}");
    let (process, log) = start_and_log(dir);
    assert_eq!(process.key, None);
    assert!(!log.contains("no System-Admin"), "{log}");
    assert!(is_admin(process.admin, &key));
    let body = json!({ "type": "user", "auth": { "type": "auth", "key": key } });
    let event = call(process.admin, "events", &body)["values"][0].take();
    assert_eq!((&event["who"], &event["action"]), (&json!("gateway"), &json!("create")));
}

#[test]
fn a_store_that_lost_its_users_gets_no_administrator_by_itself() {
    let dir = tempfile::TempDir::new().unwrap();
    let process = Process::start(dir.path());
    assert!(is_admin(process.admin, process.key.as_deref().expect("a new store")));
    process.kill();
    let store = rusqlite::Connection::open(dir.path().join("dialtone.db")).unwrap();
    store.execute_batch("PRAGMA foreign_keys = on; DELETE FROM user").unwrap();
    drop(store);
    is_mended_by_the_command_it_names(dir.path());
}

#[test]
fn a_store_that_was_imported_without_users_gets_none_either() {
    let dir = tempfile::TempDir::new().unwrap();
    std::fs::write(dir.path().join("document.json"), r#"{ "version": 1 }"#).unwrap();
    let imported = command(dir.path(), "import --store sqlite:dialtone.db document.json").output();
    assert!(imported.as_ref().unwrap().status.success(), "{imported:?}");
    is_mended_by_the_command_it_names(dir.path());
}
