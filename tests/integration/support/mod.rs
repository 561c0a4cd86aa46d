//! What the tests share: a gateway to talk to, and a client to talk with.

pub mod broken_store;
pub mod clock;
pub mod gateway;
pub mod http;
pub mod node;
pub mod process;
pub mod tls;

use std::time::{Duration, Instant};

pub use clock::ManualClock;
pub use gateway::Gateway;

/// Longer than anything takes on a loaded machine that happens at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for what happens by itself, beside the requests.
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: never");
        std::thread::sleep(Duration::from_millis(5));
    }
}
