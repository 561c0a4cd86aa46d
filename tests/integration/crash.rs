//! A gateway killed at any moment loses nothing it acknowledged.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::gateway::call;
use crate::support::http;

/// The gateway as a process of its own, killed when dropped.
struct Process {
    child: Child,
    http: SocketAddr,
    admin: SocketAddr,
    key: Option<String>,
}

impl Process {
    fn start(dir: &Path) -> Process {
        let child = command(dir).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let child = child.expect("the gateway's binary runs");
        let mut process = Process { child, http: nowhere, admin: nowhere, key: None };
        let stdout = process.child.stdout.take().expect("it is piped");
        for line in BufReader::new(stdout).lines() {
            let line = line.expect("the announcement is text");
            let mut words = line.split_whitespace();
            let address = |word: Option<&str>| {
                let text = word.and_then(|word| word.strip_prefix("http://"));
                text.and_then(|text| text.parse().ok()).expect("an address")
            };
            match words.next() {
                Some("handsets") => process.http = address(words.next()),
                Some("admin") => process.admin = address(words.next()),
                Some("first") => process.key = words.last().map(str::to_owned),
                Some("ready") => return process,
                _ => {}
            }
        }
        panic!("the gateway ended before it was ready");
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    fn kill(self) {}
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialtone"));
    command
        .current_dir(dir)
        .env("DIALTONE_HANDSET_HTTP", "127.0.0.1:0")
        .env("DIALTONE_HANDSET_HTTPS", "none")
        .env("DIALTONE_ADMIN_LISTEN", "127.0.0.1:0")
        .env("DIALTONE_QUOTA_NEW_MACS_PER_ADDRESS_PER_HOUR", "1000000");
    command
}

#[test]
fn nothing_acknowledged_is_lost_when_it_is_killed_under_load() {
    let dir = tempfile::TempDir::new().unwrap();
    let acknowledged = Mutex::new(BTreeSet::new());
    let next = AtomicU64::new(1);
    let mut key = None;
    for round in 0..8u64 {
        let process = Process::start(dir.path());
        key = key.or(process.key.clone());
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
    let key = key.expect("the first start prints a key");
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
    let second = command(dir.path()).output().unwrap();
    let message = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success());
    assert!(message.contains("dialtone.db is in use by another dialtone process"), "{message}");
    first.kill();
}
