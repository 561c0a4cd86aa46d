//! The gateway while its store fails, and after.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dialtone::registry::{Actor, Clock, Quota};
use dialtone::store::Store;
use serde_json::{Value, json};

use crate::support::broken_store::{BrokenStore, Fault};
use crate::support::http::{self, Answer};
use crate::support::node::Node;
use crate::support::{ManualClock, eventually};

const ACTIVE: &str = "0015654aa937";
const INACTIVE: &str = "0015654aa938";

/// A gateway, and the store it stands on.
struct Gateway {
    store: Arc<BrokenStore>,
    clock: Arc<ManualClock>,
    node: Node,
}

impl Gateway {
    /// With a phone that is active and one that is not.
    fn start(answer_timeout: Duration) -> Gateway {
        let clock = ManualClock::new();
        let store = BrokenStore::new(clock.now());
        let quota = Quota::default();
        let node = Node::start(store.clone(), clock.clone(), quota, answer_timeout);
        let gateway = Gateway { store, clock, node };
        gateway.get(ACTIVE);
        gateway.get(INACTIVE);
        assert_eq!(gateway.promote(ACTIVE)["result"], "success");
        gateway
    }

    fn get(&self, mac: &str) -> Answer {
        self.node.get(mac)
    }

    fn ask(&self, verb: &str, scope: Value) -> Value {
        let key = self.node.first_key.as_deref().unwrap();
        self.node.ask(key, verb, json!({ "type": "phone", "scope": scope }))
    }

    fn promote(&self, mac: &str) -> Value {
        self.ask("promote", json!({ "phoneid": format!("{mac}0") }))
    }

    /// Every device the store has.
    fn stored(&self) -> Vec<String> {
        let devices = self.node.runtime.block_on(self.store.devices_after(None, 100)).unwrap();
        devices.iter().map(|device| device.mac.to_string()).collect()
    }

    fn ready(&self) -> (u16, Value) {
        let answer = http::get(self.node.admin, "/ready", None);
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }
}

fn come_again(answer: &Answer) {
    assert_eq!((answer.status, answer.text()), (503, "Try again later\n"));
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=120).contains(&seconds), "{seconds}");
}

#[test]
fn while_the_store_fails_known_phones_boot_and_nothing_changes() {
    let gateway = Gateway::start(Duration::from_secs(8));
    let file = gateway.get(ACTIVE);
    let refusal = gateway.get(INACTIVE);
    assert_eq!((file.status, refusal.status), (200, 404));
    for (number, (fault, says)) in [
        (Fault::Full, "The store is full; nothing was changed"),
        (Fault::ReadOnly, "The store is read-only; nothing was changed"),
        (Fault::Unavailable, "The store is not available, try again later"),
    ]
    .into_iter()
    .enumerate()
    {
        let unknown = format!("0015654ab00{number}");
        gateway.store.set(Some(fault));
        assert_eq!(gateway.get(ACTIVE), file, "{fault:?}");
        assert_eq!(gateway.get(INACTIVE), refusal, "{fault:?}");
        come_again(&gateway.get(&unknown));
        assert_eq!(
            gateway.node.registry.requests(&Actor::Gateway, unknown.parse().ok()).unwrap()[0]
                .outcome,
            dialtone::registry::Outcome::StoreFailed
        );
        let failed = gateway.promote(INACTIVE);
        assert_eq!((&failed["result"], &failed["message"]), (&json!("fail"), &json!(says)));
        assert_eq!(gateway.get(INACTIVE), refusal, "{fault:?}: it was not promoted");
        let (status, ready) = gateway.ready();
        assert_eq!(
            (status, &ready["ready"], &ready["store"]),
            (503, &json!(false), &json!("not ready"))
        );

        gateway.store.set(None);
        let (status, ready) = gateway.ready();
        assert_eq!(
            (status, &ready["ready"], &ready["store"]),
            (200, &json!(true), &json!("ready"))
        );
        let listed = gateway.ask("inactive", json!({}));
        assert!(!listed.to_string().contains(&unknown), "{fault:?}: {listed}");
        assert!(!gateway.stored().contains(&unknown), "{fault:?}");
        assert_eq!(gateway.get(&unknown), refusal);
        assert!(gateway.stored().contains(&unknown), "{fault:?}: afterwards it is recorded");
    }
    assert_eq!(gateway.promote(INACTIVE)["result"], "success");
    assert_eq!(gateway.get(INACTIVE).status, 200);
}

#[test]
fn a_sighting_that_cannot_be_noted_is_no_concern_of_the_phone() {
    let gateway = Gateway::start(Duration::from_secs(8));
    let file = gateway.get(ACTIVE);
    let last_seen = || {
        let answer = gateway.ask("read", json!({ "mac": ACTIVE }));
        answer["values"][0]["sighting"]["last"].as_i64().unwrap_or_else(|| panic!("{answer}"))
    };
    let first = last_seen();
    gateway.store.set(Some(Fault::Full));
    let before = gateway.store.refused();
    gateway.clock.advance(3600);
    assert_eq!(gateway.get(ACTIVE), file);
    eventually("the note is refused", || gateway.store.refused() > before);
    assert_eq!(gateway.get(ACTIVE), file);
    assert_eq!(last_seen(), first);

    gateway.store.set(None);
    gateway.clock.advance(3600);
    assert_eq!(gateway.get(ACTIVE), file);
    eventually("the next one is noted", || last_seen() == first + 7200);
}

#[test]
fn a_store_that_hangs_keeps_unknown_phones_waiting_no_longer_than_the_limit() {
    let gateway = Gateway::start(Duration::from_millis(200));
    let file = gateway.get(ACTIVE);
    let unknown = "0015654ac000";
    gateway.store.set(Some(Fault::Stuck));
    come_again(&gateway.get(unknown));
    // It comes again while its first commit still waits, and waits for that.
    come_again(&gateway.get(unknown));
    assert_eq!(gateway.get(ACTIVE), file);
    assert_eq!(gateway.stored().len(), 2);

    let before = gateway.store.committed();
    gateway.store.set(None);
    eventually("the commit is through", || gateway.store.committed() == before + 1);
    assert_eq!(gateway.stored(), [ACTIVE, INACTIVE, unknown]);
    let inactive = || gateway.ask("inactive", json!({}))["numrows"].clone();
    eventually("it is known, once", || inactive() == 2);
    assert_eq!(gateway.get(unknown).status, 404);
    assert_eq!(gateway.promote(unknown)["result"], "success");
    assert_eq!(gateway.get(unknown).status, 200);
}

/// The edge gives up a request at its deadline, also while its commit is on its way.
#[test]
fn a_change_that_is_answered_late_does_not_undo_the_next_one() {
    let gateway = Gateway::start(Duration::from_millis(100));
    let unknown = "0015654ad000";
    let before = gateway.store.committed();
    let release = gateway.store.hold_next_answer();
    come_again(&gateway.get(unknown));
    assert!(gateway.stored().contains(&unknown.to_owned()), "only the answer is late");
    thread::scope(|scope| {
        let promoting = scope.spawn(|| gateway.promote(unknown));
        // It may wait for the first change or not, but must not be undone by it.
        let waited = std::time::Instant::now();
        while !promoting.is_finished() && waited.elapsed() < Duration::from_millis(500) {
            thread::sleep(Duration::from_millis(5));
        }
        release.send(()).unwrap();
        assert_eq!(promoting.join().unwrap()["result"], "success");
    });
    eventually("both changes are through", || gateway.store.committed() == before + 2);
    for _ in 0..50 {
        assert_eq!(gateway.get(unknown).status, 200);
    }
}
