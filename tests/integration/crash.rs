//! A gateway killed at any moment loses nothing of what an operator was told.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::http;
use crate::support::process::{Process, command};

/// The devices on the list of inactive phones; `None` when the gateway ended meanwhile.
fn listed(admin: SocketAddr, key: &str) -> Option<BTreeSet<String>> {
    let body = json!({ "type": "phone", "auth": { "type": "auth", "key": key } }).to_string();
    let headers = [("Content-Type", "application/json")];
    let target = "/rest/dialplan/inactive";
    let answer = http::request(admin, "POST", target, &headers, body.as_bytes())?;
    let body = match answer.header("transfer-encoding") {
        Some(_) => http::unchunked(&answer.body).0,
        None => answer.body,
    };
    // A list that was cut is no answer.
    let answer: Value = serde_json::from_slice(&body).ok()?;
    let rows = answer["values"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
    Some(rows.map(|row| row["phoneid"].as_str().unwrap()[..12].to_owned()).collect())
}

#[test]
fn nothing_an_operator_was_told_is_lost_when_it_is_killed_under_load() {
    let dir = tempfile::TempDir::new().unwrap();
    let told = Mutex::new(BTreeSet::new());
    let next = AtomicU64::new(1);
    let mut key: Option<String> = None;
    for round in 0..8u64 {
        let process = Process::start(dir.path());
        // Each start prints another one until one was used.
        key = process.key.clone().or(key);
        let key = key.as_deref().expect("a new store prints a key");
        let stop = AtomicBool::new(false);
        let (address, admin) = (process.http, process.admin);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let mac = format!("0004f2{:06x}", next.fetch_add(1, Ordering::Relaxed));
                        http::request(address, "GET", &format!("/{mac}.cfg"), &[], b"");
                    }
                });
            }
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    told.lock().unwrap().extend(listed(admin, key).into_iter().flatten());
                }
            });
            // The moment of the kill is what varies; nothing waits for this time.
            std::thread::sleep(Duration::from_millis(60 + 37 * round));
            process.kill();
            stop.store(true, Ordering::Relaxed);
        });
    }
    let process = Process::start(dir.path());
    let key = process.key.clone().or(key).expect("a key was printed");
    let listed = listed(process.admin, &key).expect("it answers");
    process.kill();
    let told = told.into_inner().unwrap();
    assert!(told.len() > 100, "the load was none: {}", told.len());
    let lost: Vec<_> = told.difference(&listed).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), told.len());
}

#[test]
fn a_second_gateway_on_the_same_file_is_refused() {
    let dir = tempfile::TempDir::new().unwrap();
    let first = Process::start(dir.path());
    let second = command(dir.path(), "serve").output().unwrap();
    let message = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success());
    assert!(message.contains("dialtone.db is in use by another dialtone process"), "{message}");
    first.kill();
}
