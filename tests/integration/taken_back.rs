//! What a file set once is taken back when nothing sets it any more.

use std::sync::Arc;
use std::time::Duration;

use dialtone::ambient::Clock;
use dialtone::domain::settings::Written;
use dialtone::domain::{Device, Mac};
use dialtone::registry::Quota;
use dialtone::store::{MemoryStore, Store};
use serde_json::{Value, json};

use crate::support::broken_store::{BrokenStore, Fault};
use crate::support::http::{self, Answer};
use crate::support::node::Node;
use crate::support::{ManualClock, eventually};

const PHONE: &str = "0015654aa937";
const SET: &str = "wui.trial = on";
const TAKEN_BACK: &str = "wui.trial = %NULL%";

fn node(store: &Arc<dyn Store>, clock: &Arc<ManualClock>) -> Node {
    Node::start(store.clone(), clock.clone(), Quota::default(), Duration::from_secs(8))
}

/// A gateway with an active phone, whose company sets a raw parameter.
struct Gateway {
    node: Node,
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    key: String,
}

impl Gateway {
    fn start() -> Gateway {
        let clock = ManualClock::new();
        Gateway::start_on(Arc::new(MemoryStore::new(clock.now())), clock)
    }

    fn start_on(store: Arc<dyn Store>, clock: Arc<ManualClock>) -> Gateway {
        let node = node(&store, &clock);
        let key = node.first_key.clone().expect("it is the first");
        let gateway = Gateway { node, store, clock, key };
        gateway.node.get(PHONE);
        gateway.done(
            "promote",
            json!({ "type": "phone", "scope": { "phoneid": format!("{PHONE}0") } }),
        );
        gateway.company_sets(json!("on"));
        gateway
    }

    fn done(&self, verb: &str, body: Value) {
        let answer = self.node.ask(&self.key, verb, body);
        assert_eq!(answer["result"], "success", "{verb}: {answer}");
    }

    fn company_sets(&self, value: Value) {
        let settings = json!({ "vendor": { "yealink": { "wui.trial": value } } });
        self.done(
            "update",
            json!({
                "type": "company",
                "scope": { "company": "default" },
                "values": { "settings": settings },
            }),
        );
        // A file has no date in the second of its last change.
        self.clock.advance(2);
    }

    fn get(&self) -> Answer {
        self.node.get_only(PHONE)
    }

    fn stored(&self) -> Device {
        let macs = [PHONE.parse().unwrap()];
        self.node.runtime.block_on(self.store.devices(&macs)).unwrap().pop().unwrap()
    }

    fn is_noted(&self) -> bool {
        self.stored().written.parameters("yealink").eq(["wui.trial"])
    }
}

#[test]
fn what_a_company_sets_no_more_is_taken_back_at_every_gateway() {
    let one = Gateway::start();
    let other = node(&one.store, &one.clock);
    let before = one.stored();
    let file = one.get();
    assert!(file.text().contains(SET), "{}", file.text());
    eventually("it is stored", || one.is_noted());
    let after = one.stored();
    assert_eq!(after.changed, before.changed);
    assert_eq!(one.get(), file, "tag and date stay");

    one.company_sets(Value::Null);
    assert!(one.get().text().contains(TAKEN_BACK));
    // The other has made no file for the phone, and one that starts later has seen nothing.
    eventually("the other takes it back", || other.get_only(PHONE).text().contains(TAKEN_BACK));
    let later = node(&one.store, &one.clock);
    assert!(later.get_only(PHONE).text().contains(TAKEN_BACK));
}

#[test]
fn what_was_set_in_a_phone_that_was_removed_is_taken_back_when_it_comes_again() {
    let gateway = Gateway::start();
    assert!(gateway.get().text().contains(SET));
    eventually("it is stored", || gateway.is_noted());
    let id = format!("{PHONE}0");
    let other = json!({ "company": "acme" });
    gateway.done("create", json!({ "type": "company", "values": other }));
    let delete = || gateway.done("delete", json!({ "type": "phone", "scope": { "phoneid": id } }));
    // Made by hand.
    delete();
    let line = json!({ "user": "1", "password": "geheim", "registrar": "sip.example.com" });
    let values = json!({
        "phoneid": id, "company": "acme", "phone_type": "t46s", "settings": { "lines": { "1": line } },
    });
    gateway.done("create", json!({ "type": "phone", "values": values }));
    assert!(gateway.get().text().contains(TAKEN_BACK));
    // Found when it asks, and promoted.
    delete();
    gateway.node.get(PHONE);
    let promote = json!({
        "type": "phone", "scope": { "phoneid": id }, "values": { "company": "acme" },
    });
    gateway.done("promote", promote);
    assert!(gateway.get().text().contains(TAKEN_BACK));
    let later = node(&gateway.store, &gateway.clock);
    assert!(later.get_only(PHONE).text().contains(TAKEN_BACK));
}

#[test]
fn how_many_lines_a_phone_ever_had_is_remembered() {
    let gateway = Gateway::start();
    let lines = |lines: Value| {
        let values = json!({ "settings": { "lines": lines } });
        let scope = json!({ "phoneid": format!("{PHONE}0") });
        gateway.done("update", json!({ "type": "phone", "scope": scope, "values": values }));
        gateway.get();
    };
    let line = json!({ "user": "1001", "password": "geheim", "registrar": "sip.example.com" });
    lines(json!({ "1": line, "2": line, "3": { "enabled": false } }));
    eventually("it is stored", || gateway.stored().written.lines() == 2);
    lines(json!({ "2": null }));
    let later = node(&gateway.store, &gateway.clock);
    assert_eq!(later.get_only(PHONE).status, 200);
    assert_eq!(gateway.stored().written.lines(), 2);
}

#[test]
fn what_was_only_looked_at_is_not_taken_back() {
    let gateway = Gateway::start();
    let path = format!("/{PHONE}.cfg");
    let head = http::request(gateway.node.http, "HEAD", &path, &[], &[]).unwrap();
    assert_eq!(head.status, 200);
    gateway
        .done("preview", json!({ "type": "phone", "scope": { "phoneid": format!("{PHONE}0") } }));
    gateway.company_sets(Value::Null);
    assert!(!gateway.get().text().contains("wui.trial"));
    // A file that was made for the question is no less noted when it is sent.
    gateway.company_sets(json!("on"));
    let head = http::request(gateway.node.http, "HEAD", &path, &[], &[]).unwrap();
    assert_eq!(head.status, 200);
    assert!(gateway.get().text().contains(SET));
    gateway.company_sets(Value::Null);
    assert!(gateway.get().text().contains(TAKEN_BACK));
}

#[test]
fn a_store_that_fails_is_told_when_it_is_back() {
    let clock = ManualClock::new();
    let store = BrokenStore::new(clock.now());
    let gateway = Gateway::start_on(store.clone(), clock);
    store.set(Some(Fault::Full));
    assert!(gateway.get().text().contains(SET));
    let refused = store.refused();
    eventually("it was tried", || store.refused() > refused);
    assert!(!gateway.is_noted());
    store.set(None);
    eventually("it is stored without another request", || gateway.is_noted());
}

#[test]
fn what_there_is_no_room_to_note_is_noted_by_the_next_request() {
    let clock = ManualClock::new();
    let store = BrokenStore::new(clock.now());
    let gateway = Gateway::start_on(store.clone(), clock);
    store.set(Some(Fault::Stuck));
    let registry = &gateway.node.registry;
    let set = || Written::named(&["vlan".to_owned()], 0, "yealink", &[]).unwrap();
    let noted = |number: u64| {
        let mac = Mac::from_bits(0x0015_6500_0000 + number);
        registry.note_written(mac, &Written::default(), set())
    };
    // The writer takes some more of the queue until it waits for the store.
    eventually("there is no room", || (0..20_000_u64).any(|number| !noted(number)));
    let file = gateway.get();
    assert!(file.text().contains(SET), "the phone does not wait");
    store.set(None);
    eventually("the next request is noted", || gateway.get() == file && gateway.is_noted());
}

#[test]
fn a_file_that_only_names_others_has_set_nothing() {
    let gateway = crate::support::Gateway::start();
    let settings = json!({
        "lines": { "1": { "user": "1", "password": "p", "registrar": "pbx.example" } },
        "network": { "vlan": { "id": 7 } },
    });
    let values = json!({ "mac": "0004f2000001", "company": "default", "phone_type": "ip550", "settings": settings });
    gateway.done("create", json!({ "type": "phone", "values": values }));
    let taken_back = |fetched: &str| {
        assert_eq!(gateway.get(fetched, None).status, 200);
        gateway.settle();
        let files = |settings: Value| {
            let scope = json!({ "mac": "0004f2000001" });
            let values = json!({ "settings": settings });
            gateway.done("update", json!({ "type": "phone", "scope": scope, "values": values }));
            gateway.ask("preview", json!({ "type": "phone", "scope": scope })).to_string()
        };
        let unset = files(json!({ "network": null }));
        files(json!({ "network": { "vlan": { "id": 7 } } }));
        unset.contains("vlanId")
    };
    assert!(!taken_back("/0004f2000001.cfg"));
    assert!(taken_back("/0004f2000001-dialtone.cfg"));
}
