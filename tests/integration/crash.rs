//! A gateway killed at any moment loses nothing it acknowledged.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::gateway::call;
use crate::support::http;
use crate::support::process::{Process, command};

#[test]
fn nothing_acknowledged_is_lost_when_it_is_killed_under_load() {
    let dir = tempfile::TempDir::new().unwrap();
    let acknowledged = Mutex::new(BTreeSet::new());
    let next = AtomicU64::new(1);
    for round in 0..8u64 {
        let process = Process::start(dir.path());
        let stop = AtomicBool::new(false);
        let address = process.http;
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let mac = format!("0004f2{:06x}", next.fetch_add(1, Ordering::Relaxed));
                        let target = format!("/{mac}.cfg");
                        if http::request(address, "GET", &target, &[], b"").is_some() {
                            acknowledged.lock().unwrap().insert(mac);
                        }
                    }
                });
            }
            // The moment of the kill is what varies; nothing waits for this time.
            std::thread::sleep(Duration::from_millis(60 + 37 * round));
            process.kill();
            stop.store(true, Ordering::Relaxed);
        });
    }
    let process = Process::start(dir.path());
    let key = process.key.clone().expect("every start prints a key until one was used");
    let body = json!({ "type": "phone", "auth": { "type": "auth", "key": key } });
    let answer = call(process.admin, "inactive", &body);
    let listed: BTreeSet<String> = answer["values"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"))
        .iter()
        .map(|row| row["phoneid"].as_str().unwrap()[..12].to_owned())
        .collect();
    process.kill();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 100, "the load was none: {}", acknowledged.len());
    let lost: Vec<_> = acknowledged.difference(&listed).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), acknowledged.len());
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
