//! What the tests share: a gateway to talk to, and a client to talk with.

pub(crate) mod broken_store;
pub(crate) mod canary;
pub(crate) mod clock;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod node;
pub(crate) mod pki;
#[allow(dead_code, reason = "measurements and other tests use the rest")]
#[path = "../../support/postgres/mod.rs"]
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod tls;
pub(crate) mod view;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(crate) use clock::ManualClock;
pub(crate) use gateway::Gateway;

/// Longer than anything takes on a loaded machine that happens at all.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Waits for what happens by itself, beside the requests.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: never");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Ends what goes on beside a test also when that fails: a scope waits for its threads.
pub(crate) struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
