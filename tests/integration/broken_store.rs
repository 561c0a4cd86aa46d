//! The gateway while its store fails, and after.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dialtone::ambient::Clock;
use dialtone::registry::{Actor, Quota, RequestOutcome};
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
    /// A gateway with a phone that is active and one that is not.
    fn start(answer_timeout: Duration) -> Gateway {
        Gateway::start_with(quota(), answer_timeout)
    }

    fn start_with(quota: Quota, answer_timeout: Duration) -> Gateway {
        let clock = ManualClock::new();
        let store = BrokenStore::new(clock.now());
        let node = Node::start(store.clone(), clock.clone(), quota, answer_timeout);
        let gateway = Gateway { store, clock, node };
        gateway.get(ACTIVE);
        gateway.get(INACTIVE);
        gateway.settle();
        assert_eq!(gateway.promote(ACTIVE)["result"], "success");
        gateway
    }

    fn get(&self, mac: &str) -> Answer {
        self.node.get_only(mac)
    }

    /// Waits until what handsets told so far is recorded, or could not be.
    fn settle(&self) {
        self.node.settle();
    }

    fn last_outcome(&self, mac: &str) -> RequestOutcome {
        self.node.registry.requests(&Actor::Gateway, mac.parse().ok()).unwrap()[0].outcome
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

    fn is_stored(&self, mac: &str) -> bool {
        let macs = [mac.parse().unwrap()];
        !self.node.runtime.block_on(self.store.devices(&macs)).unwrap().is_empty()
    }

    fn ready(&self) -> (u16, Value) {
        let answer = http::get(self.node.admin, "/ready", None);
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }
}

/// Anybody's MACs, as many as a test makes.
fn quota() -> Quota {
    Quota { new_macs_per_address_per_hour: u32::MAX, ..Quota::default() }
}

#[test]
fn while_the_store_fails_known_phones_boot_and_nothing_changes() {
    let gateway = Gateway::start(Duration::from_secs(8));
    let file = gateway.get(ACTIVE);
    let refusal = gateway.get(INACTIVE);
    assert_eq!((file.status, refusal.status), (200, 404));
    for (number, (fault, says, reason)) in [
        (Fault::Full, "The store is full; nothing was changed", "the store is full"),
        (Fault::ReadOnly, "The store is read-only; nothing was changed", "the store is read-only"),
        (
            Fault::Unavailable,
            "The store is not available, try again later",
            "the store is not available",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let unknown = format!("0015654ab00{number}");
        let devices = gateway.node.registry.waiting_status().devices;
        gateway.store.set(Some(fault));
        assert_eq!(gateway.get(ACTIVE), file, "{fault:?}");
        assert_eq!(gateway.get(INACTIVE), refusal, "{fault:?}");
        // A refusal promises nothing, so the fault is ours alone to know.
        for _ in 0..2 {
            assert_eq!(gateway.get(&unknown), refusal, "{fault:?}");
            gateway.settle();
        }
        assert_eq!(gateway.last_outcome(&unknown), RequestOutcome::StoreFailed);
        assert_eq!(gateway.node.registry.waiting_status().dropped, 0, "it is held");
        assert_eq!(gateway.node.registry.waiting_status().devices, devices + 1, "once");
        let listed = gateway.ask("inactive", json!({}));
        assert!(!listed.to_string().contains(&unknown), "{fault:?}: {listed}");
        let failed = gateway.promote(INACTIVE);
        assert_eq!((&failed["result"], &failed["message"]), (&json!("fail"), &json!(says)));
        assert_eq!(gateway.get(INACTIVE), refusal, "{fault:?}: it was not promoted");
        let (status, ready) = gateway.ready();
        assert_eq!(
            (status, &ready["ready"], &ready["store"]),
            (503, &json!(false), &json!("not ready"))
        );
        assert_eq!(ready["reason"], reason);

        gateway.store.set(None);
        let (status, ready) = gateway.ready();
        assert_eq!(
            (status, &ready["ready"], &ready["store"]),
            (200, &json!(true), &json!("ready"))
        );
        eventually("it is recorded", || gateway.stored().contains(&unknown));
        assert_eq!(gateway.get(&unknown), refusal);
    }
    assert_eq!(gateway.promote(INACTIVE)["result"], "success");
    assert_eq!(gateway.get(INACTIVE).status, 200);
}

#[test]
fn a_gateway_that_hears_nothing_of_others_is_not_ready_and_then_lets_nobody_in() {
    let gateway = Gateway::start(Duration::from_secs(8));
    let key = gateway.node.first_key.as_deref().unwrap();
    let password = "correct horse battery";
    let values = json!({ "login": "ann", "role": "System-Admin", "password": password });
    let made = gateway.node.ask(key, "create", json!({ "type": "user", "values": values }));
    assert_eq!(made["result"], "success", "{made}");
    let post = |path: &str, session: &str, auth: Value| -> Value {
        let cookie = format!("Red60urne={session}");
        let headers = [("Content-Type", "application/json"), ("Cookie", &*cookie)];
        let body = json!({ "auth": auth }).to_string();
        let sent = http::request(gateway.node.admin, "POST", path, &headers, body.as_bytes());
        serde_json::from_slice(&sent.unwrap().body).unwrap()
    };
    let as_ann = json!({ "type": "auth", "username": "ann", "password": password });
    let sign_in = || post("/rest/auth", "", as_ann.clone());
    let signed_in = sign_in();
    let session = signed_in["user"]["session"].as_str().unwrap_or_else(|| panic!("{signed_in}"));
    let file = gateway.get(ACTIVE);

    gateway.store.set(Some(Fault::Unheard));
    gateway.clock.run_on(7);
    let (status, ready) = gateway.ready();
    assert_eq!(
        (status, &ready["ready"], &ready["store"]),
        (503, &json!(false), &json!("not ready"))
    );
    assert_eq!(ready["reason"], "what others changed in the store cannot be read");
    assert_eq!(gateway.promote(INACTIVE)["result"], "success");
    assert_eq!(sign_in()["result"], "success");

    gateway.clock.run_on(60);
    let refused = json!({
        "result": "fail",
        "message": "The store is not available: whether a key or a password still counts is not \
                    known here, try again later",
    });
    assert_eq!(gateway.ask("active", json!({})), refused);
    assert_eq!(sign_in(), refused);
    assert_eq!(post("/rest/auth", session, json!({ "type": "auth" })), refused);
    assert_eq!(post("/rest/auth/logout", session, json!({ "type": "auth" }))["result"], "success");
    assert_eq!(gateway.get(ACTIVE), file, "phones boot");

    gateway.store.set(None);
    eventually("it is ready", || gateway.ready().0 == 200);
    assert_eq!(gateway.ask("active", json!({}))["result"], "success");
    let ended = post("/rest/auth", session, json!({ "type": "auth" }));
    assert_eq!(ended["message"], "Not logged in", "{ended}");
}

#[test]
fn a_store_that_somebody_must_mend_is_told_apart_from_one_that_is_away() {
    let gateway = Gateway::start(Duration::from_secs(8));
    gateway.store.set(Some(Fault::Refused));
    let (status, ready) = gateway.ready();
    let reason = "the store cannot be used until somebody mends it; the log says why";
    assert_eq!((status, &ready["reason"]), (503, &json!(reason)));
    gateway.store.set(None);
    assert_eq!(gateway.ready().0, 200);
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
    assert_eq!(gateway.get(ACTIVE).body, file.body);
    eventually("the note is refused", || gateway.store.refused() > before);
    assert_eq!(gateway.get(ACTIVE).body, file.body);
    assert_eq!(last_seen(), first);

    gateway.store.set(None);
    gateway.clock.advance(3600);
    assert_eq!(gateway.get(ACTIVE).body, file.body);
    eventually("the next one is noted", || last_seen() == first + 7200);
}

#[test]
fn what_is_held_counts_for_the_hour_of_its_network() {
    // A password that was changed at the database first is put right, too.
    for fault in [Fault::Full, Fault::Refused] {
        // Two phones are there already.
        let quota = Quota { new_macs_per_address_per_hour: 4, ..Quota::default() };
        let gateway = Gateway::start_with(quota, Duration::from_secs(8));
        gateway.store.set(Some(fault));
        for number in 0..9 {
            let unknown = format!("0015654ab00{number}");
            gateway.get(&unknown);
            gateway.settle();
            let outcome = match number {
                0 => RequestOutcome::Recorded,
                1 => RequestOutcome::StoreFailed,
                _ => RequestOutcome::OverQuota,
            };
            assert_eq!(gateway.last_outcome(&unknown), outcome);
        }
        gateway.store.set(None);
        let expected = [ACTIVE, INACTIVE, "0015654ab000", "0015654ab001"];
        eventually("what was held is stored", || gateway.stored() == expected);
    }
}

#[test]
fn a_claim_that_is_held_is_stored_once_the_store_is_back() {
    let gateway = Gateway::start(Duration::from_secs(8));
    let told = |mac: &str| {
        let octets: Vec<&str> = (0..6).map(|at| &mac[2 * at..2 * at + 2]).collect();
        let agent = format!("Yealink SIP-T46G 28.83.0.120 {}", octets.join(":"));
        http::get(gateway.node.http, &format!("/{mac}.cfg"), Some(&agent));
        gateway.settle();
    };
    let claim = |mac: &str| {
        let read = gateway.ask("read", json!({ "phoneid": format!("{mac}0") }));
        read["values"][0]["claims"][0]["strength"].clone()
    };
    assert_ne!(claim(INACTIVE), "user_agent");
    gateway.store.set(Some(Fault::Unavailable));
    // Of one that is known, and of one that is not stored before it.
    let unknown = "0015654aa939";
    gateway.get(unknown);
    for _ in 0..3 {
        told(INACTIVE);
        told(unknown);
    }
    gateway.store.set(None);
    for mac in [INACTIVE, unknown] {
        eventually("its claim is stored", || claim(mac) == "user_agent");
    }
    assert_eq!(gateway.node.registry.waiting_status().dropped, 0);
}

#[test]
fn recording_that_ends_early_leaves_nothing_taken() {
    const USER_AGENT: &str = "Yealink SIP-T46G 28.83.0.120 00:15:65:4a:a9:38";
    let quota = Quota { inactive_devices: 2, new_macs_per_address_per_hour: 3, ..quota() };
    let gateway = Gateway::start_with(quota, Duration::from_secs(8));
    let claims = || {
        http::get(gateway.node.http, &format!("/{INACTIVE}.cfg"), Some(USER_AGENT));
        gateway.settle();
        let read = gateway.ask("read", json!({ "phoneid": format!("{INACTIVE}0") }));
        read["values"][0]["claims"][0]["strength"].clone()
    };
    gateway.store.set(Some(Fault::Panics));
    http::get(gateway.node.http, &format!("/{INACTIVE}.cfg"), Some(USER_AGENT));
    for number in 0..3 {
        gateway.get(&format!("0015654ac00{number}"));
        gateway.settle();
        assert_eq!(gateway.node.registry.waiting_status().devices, 1, "room is given back");
    }
    gateway.store.set(None);
    assert_eq!(claims(), "user_agent", "what was not stored is claimed anew");
    gateway.get("0015654ac000");
    gateway.settle();
    assert!(gateway.is_stored("0015654ac000"), "the hour of its network is not used up");
}

#[test]
fn a_first_contact_does_not_wait_for_a_store_that_hangs() {
    let gateway = Gateway::start(Duration::from_millis(200));
    let (file, refusal) = (gateway.get(ACTIVE), gateway.get(INACTIVE));
    let unknown = "0015654ac000";
    gateway.store.set(Some(Fault::Stuck));
    assert_eq!(gateway.get(unknown), refusal);
    // It comes again while its commit still waits, and so do others.
    assert_eq!(gateway.get(unknown), refusal);
    assert_eq!(gateway.last_outcome(unknown), RequestOutcome::Recorded);
    assert_eq!(gateway.get("0015654ac001"), refusal);
    assert_eq!(gateway.get(ACTIVE).body, file.body);
    assert_eq!(gateway.stored().len(), 2);
    let known = |mac: &str| gateway.node.registry.known(mac.parse().unwrap()).is_some();
    assert!(known(INACTIVE) && !known(unknown), "nothing is known that is not stored");

    gateway.store.set(None);
    gateway.settle();
    assert_eq!(gateway.stored(), [ACTIVE, INACTIVE, unknown, "0015654ac001"]);
    assert_eq!(gateway.node.registry.waiting_status().devices, 3, "each device counts once");
    assert_eq!(gateway.promote(unknown)["result"], "success");
    assert_eq!(gateway.get(unknown).status, 200);
}

/// The edge gives up nothing, and the commit of what a request told is on its way.
#[test]
fn a_change_that_is_answered_late_does_not_undo_the_next_one() {
    let gateway = Gateway::start(Duration::from_millis(100));
    let unknown = "0015654ad000";
    let release = gateway.store.hold_next_answer();
    assert_eq!(gateway.get(unknown).status, 404);
    eventually("only the answer is late", || gateway.is_stored(unknown));
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
    gateway.settle();
    for _ in 0..50 {
        assert_eq!(gateway.get(unknown).status, 200);
    }
}

#[test]
fn a_change_does_not_wait_for_long_behind_one_that_hangs() {
    let gateway = Gateway::start(Duration::from_secs(8));
    gateway.store.set(Some(Fault::Stuck));
    let key = gateway.node.first_key.as_deref().unwrap();
    let create = |company: &str| {
        let values = json!({ "company": company });
        gateway.node.ask(key, "create", json!({ "type": "company", "values": values }))
    };
    thread::scope(|scope| {
        let both = ["acme", "umbrella"].map(|company| scope.spawn(move || create(company)));
        eventually("one gives up", || both.iter().any(thread::ScopedJoinHandle::is_finished));
        gateway.store.set(None);
        let answers = both.map(|one| one.join().unwrap());
        let refused = answers.iter().find(|answer| answer["result"] == "fail");
        let refused = refused.expect("one was refused");
        assert_eq!(refused["message"], "the registry is being changed by someone else");
        assert!(answers.iter().any(|answer| answer["result"] == "success"), "{answers:?}");
    });
}

#[test]
fn more_first_contacts_than_are_recorded_are_dropped_and_said() {
    let gateway = Gateway::start(Duration::from_secs(8));
    let refusal = gateway.get(INACTIVE);
    gateway.store.set(Some(Fault::Stuck));
    // On one connection, which is as fast as it gets.
    let macs = (0..10_000).map(|number| format!("00156{:07x}", 0x60_0000 + number));
    let macs: Vec<String> = macs.collect();
    let ask = |mac: &String| format!("GET /{mac}.cfg HTTP/1.1\r\nHost: gw\r\n\r\n");
    let asked: String = macs.iter().map(ask).collect();
    let answers = http::raw(gateway.node.http, format!("{asked}BYE\r\n\r\n").as_bytes());
    assert_eq!(answers.matches(" 404 Not Found").count(), macs.len());
    let not_recorded = |mac: &&String| gateway.last_outcome(mac) == RequestOutcome::NotRecorded;
    let first_dropped = macs.last().filter(not_recorded);
    let first_dropped = first_dropped.expect("a queue has a bound");
    let dropped = gateway.node.registry.waiting_status().dropped;
    assert!((1..2_000).contains(&dropped), "{dropped}");
    gateway.store.set(None);
    gateway.settle();
    assert!(!gateway.is_stored(first_dropped));
    assert_eq!(gateway.get(first_dropped), refusal);
    gateway.settle();
    assert!(gateway.is_stored(first_dropped), "it is tried again when it comes again");
}

/// Contacts that are held.
const ROOM: usize = 8192;

#[test]
fn as_many_first_contacts_as_there_is_room_for_wait_for_a_store_that_is_away() {
    let gateway = Gateway::start(Duration::from_secs(8));
    gateway.store.set(Some(Fault::Unavailable));
    let macs = (0..10_000).map(|number| format!("00156{:07x}", 0x60_0000 + number));
    let macs: Vec<String> = macs.collect();
    for some in macs.chunks(1_000) {
        let ask = |mac: &String| format!("GET /{mac}.cfg HTTP/1.1\r\nHost: gw\r\n\r\n");
        let asked: String = some.iter().map(ask).collect();
        http::raw(gateway.node.http, format!("{asked}BYE\r\n\r\n").as_bytes());
        gateway.settle();
    }
    let status = || gateway.node.registry.waiting_status();
    assert_eq!(status().dropped, (macs.len() - ROOM) as u64);
    assert_eq!(status().devices, 1 + ROOM);
    gateway.store.set(None);
    let known = |mac: &String| gateway.node.registry.known(mac.parse().unwrap()).is_some();
    eventually("all that wait are recorded", || macs[..ROOM].iter().all(known));
    assert!(!macs[ROOM..].iter().any(known));
    assert_eq!(status().devices, 1 + ROOM);
}

/// Nine addresses with all that an address may bring in an hour are more than is held.
#[test]
fn a_flood_while_the_store_is_away_leaves_room_for_phones_of_other_networks() {
    let quota = Quota { new_macs_per_address_per_hour: 1_000, ..Quota::default() };
    let gateway = Gateway::start_with(quota, Duration::from_secs(8));
    gateway.store.set(Some(Fault::Unavailable));
    let come = |macs: &[String], address: &str| {
        let ask = |mac: &String| {
            format!("GET /{mac}.cfg HTTP/1.1\r\nHost: gw\r\nX-Forwarded-For: {address}\r\n\r\n")
        };
        let asked: String = macs.iter().map(ask).collect();
        http::raw(gateway.node.http, format!("{asked}BYE\r\n\r\n").as_bytes());
        gateway.settle();
    };
    let dropped = || gateway.node.registry.waiting_status().dropped;
    for number in 1..=9 {
        let macs: Vec<String> = (0..1_000).map(|mac| format!("001565{number}{mac:05x}")).collect();
        come(&macs, &format!("192.0.2.{number}"));
    }
    assert_eq!(dropped(), (9 * 1_000 - ROOM) as u64, "it is full");
    let honest: Vec<String> = (0..20).map(|mac| format!("001565f{mac:05x}")).collect();
    come(&honest, "198.51.100.7");
    assert_eq!(dropped(), (9 * 1_000 - ROOM) as u64 + 20, "others went for them");
    gateway.store.set(None);
    let known = |mac: &String| gateway.node.registry.known(mac.parse().unwrap()).is_some();
    eventually("they are recorded", || honest.iter().all(known));
}
