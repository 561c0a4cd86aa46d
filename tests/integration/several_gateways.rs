//! Several gateways on one store: what one changes holds at the others.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dialtone::ambient::Clock;
use dialtone::registry::Quota;
use dialtone::store::MemoryStore;
use serde_json::{Value, json};

use crate::support::http;
use crate::support::node::Node;
use crate::support::{ManualClock, eventually};

const PHONE: &str = "0015654aa937";
const OTHER: &str = "0015654aa938";
const DAY: i64 = 24 * 3600;

struct Two {
    a: Node,
    b: Node,
    clock: Arc<ManualClock>,
    key: String,
}

impl Two {
    fn start() -> Two {
        Two::start_with(Quota::default())
    }

    fn start_with(quota: Quota) -> Two {
        let clock = ManualClock::new();
        let store = MemoryStore::new(clock.now());
        let node = || {
            let timeout = Duration::from_secs(8);
            Node::start(Arc::new(store.clone()), clock.clone(), quota.clone(), timeout)
        };
        let a = node();
        let key = a.first_key.clone().expect("the first to start makes the key");
        assert_eq!(a.ask(&key, "active", json!({ "type": "phone" }))["result"], "success");
        let b = node();
        assert_eq!(b.first_key, None, "it was used, and the second makes no other");
        Two { a, b, clock, key }
    }

    fn done(&self, node: &Node, verb: &str, body: Value) -> Value {
        let answer = node.ask(&self.key, verb, body);
        assert_eq!(answer["result"], "success", "{verb}: {answer}");
        answer
    }

    fn promote(&self, node: &Node, mac: &str) {
        self.done(node, "promote", phone(mac));
    }

    /// A user who can administer everything, and the key.
    fn admin(&self, login: &str) -> String {
        let values = json!({ "login": login, "role": "System-Admin", "key": true });
        let made = self.done(&self.a, "create", json!({ "type": "user", "values": values }));
        made["key"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }
}

fn phone(mac: &str) -> Value {
    json!({ "type": "phone", "scope": { "phoneid": format!("{mac}0") } })
}

fn inactive(node: &Node, key: &str) -> Vec<String> {
    let answer = node.ask(key, "inactive", json!({ "type": "phone" }));
    let rows = answer["values"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
    rows.map(|row| row["phoneid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_phone_promoted_at_one_is_served_by_the_other_until_it_is_deleted() {
    let two = Two::start();
    assert_eq!(two.a.get(PHONE).status, 404);
    eventually("the other lists it", || inactive(&two.b, &two.key).len() == 1);
    two.promote(&two.b, PHONE);
    assert_eq!(two.b.get(PHONE).status, 200);
    eventually("the first serves it", || two.a.get(PHONE).status == 200);
    two.done(&two.a, "delete", phone(PHONE));
    assert_eq!(two.a.get(PHONE).status, 404);
    eventually("the other refuses it", || two.b.get(PHONE).status == 404);
    // It asked again, is inactive anew, and becomes another's.
    eventually("it is there once", || inactive(&two.a, &two.key) == [format!("{PHONE}0")]);
    two.promote(&two.a, PHONE);
    eventually("it is served again", || two.b.get(PHONE).status == 200);
}

#[test]
fn both_meet_the_same_unknown_phone_and_have_it_once() {
    let two = Two::start();
    thread::scope(|scope| {
        for node in [&two.a, &two.b, &two.a, &two.b] {
            scope.spawn(|| assert_eq!(node.get(PHONE).status, 404));
        }
    });
    for node in [&two.a, &two.b] {
        eventually("both have it", || inactive(node, &two.key) == [format!("{PHONE}0")]);
    }
}

#[test]
fn what_a_company_is_given_at_one_the_other_serves() {
    let two = Two::start();
    two.a.get(PHONE);
    two.promote(&two.a, PHONE);
    eventually("the other serves it", || two.b.get(PHONE).status == 200);
    let before = two.b.get(PHONE).body;
    let settings = json!({ "language": "de" });
    let body = json!({
        "type": "company", "scope": { "company": "default" }, "values": { "settings": settings },
    });
    two.done(&two.a, "update", body);
    eventually("its file is made anew", || {
        let now = two.b.get(PHONE);
        now.status == 200 && now.body != before && now.body == two.a.get(PHONE).body
    });
}

#[test]
fn a_company_with_phones_of_the_other_is_not_deleted() {
    let two = Two::start();
    for number in 0..10 {
        let (company, mac) = (format!("c{number}"), format!("0015654ab00{number}"));
        let scope = json!({ "company": company });
        let create = json!({ "type": "company", "values": scope });
        two.done(&two.a, "create", create);
        two.a.get(&mac);
        let mut promote = phone(&mac);
        promote["values"] = scope.clone();
        two.done(&two.a, "promote", promote);
        // The other may have heard of the company by now, of the phone, of both or of none.
        let delete = json!({ "type": "company", "scope": scope });
        let answer = two.b.ask(&two.key, "delete", delete);
        let message = answer["message"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let still = format!("Company {company} still has phones");
        assert!(message == still || message == "No such company", "{message}");
    }
}

#[test]
fn a_key_revoked_at_one_is_dead_at_the_other() {
    let two = Two::start();
    let key = two.admin("ann");
    let alive =
        |node: &Node| node.ask(&key, "active", json!({ "type": "phone" }))["result"] == "success";
    assert!(alive(&two.a));
    eventually("it is known at the other", || alive(&two.b));
    let values = json!({ "revoke_keys": true });
    let body = json!({ "type": "user", "scope": { "login": "ann" }, "values": values });
    two.done(&two.a, "update", body);
    assert!(!alive(&two.a));
    eventually("it is dead at the other", || !alive(&two.b));
}

#[test]
fn of_two_last_admins_one_cannot_be_deleted() {
    for _ in 0..5 {
        let two = Two::start();
        let ann = two.admin("ann");
        eventually("the other knows her", || {
            two.b.ask(&ann, "active", json!({ "type": "phone" }))["result"] == "success"
        });
        let delete = |node: &Node, key: &str, login: &str| {
            let body = json!({ "type": "user", "scope": { "login": login } });
            node.ask(key, "delete", body)["result"] == "success"
        };
        let (first, second) = thread::scope(|scope| {
            let first = scope.spawn(|| delete(&two.a, &two.key, "ann"));
            let second = scope.spawn(|| delete(&two.b, &ann, "admin"));
            (first.join().unwrap(), second.join().unwrap())
        });
        assert!(first != second, "one went: {first} {second}");
        let left = if first { &two.key } else { &ann };
        let users = two.a.ask(left, "read", json!({ "type": "user" }));
        assert_eq!(users["values"].as_array().map(Vec::len), Some(1), "{users}");
    }
}

#[test]
fn a_phone_seen_by_one_is_not_expired_by_the_other() {
    let two = Two::start();
    assert_eq!(two.a.get(PHONE).status, 404);
    assert_eq!(two.a.get(OTHER).status, 404);
    eventually("the other knows both", || inactive(&two.b, &two.key).len() == 2);
    two.clock.advance(31 * DAY);
    assert_eq!(two.a.get(PHONE).status, 404);
    let seen = || {
        let answer =
            two.done(&two.b, "read", json!({ "type": "phone", "scope": { "mac": PHONE } }));
        answer["values"][0]["sighting"]["last"].as_i64()
    };
    eventually("it is noted", || seen() == Some(two.clock.now().seconds()));
    assert_eq!(two.b.expire(), 1, "the one nobody saw");
    for node in [&two.a, &two.b] {
        eventually("one is left", || inactive(node, &two.key) == [format!("{PHONE}0")]);
    }
    two.clock.advance(31 * DAY);
    assert_eq!(two.a.expire(), 1);
    eventually("none is left", || inactive(&two.b, &two.key).is_empty());
}

#[test]
fn of_two_that_expire_the_same_devices_one_tells_of_each() {
    let two = Two::start();
    for round in 0..8 {
        let number = 20;
        for mac in 0..number {
            two.a.get_only(&format!("0004f2{round:02x}{mac:04x}"));
        }
        two.a.settle();
        eventually("the other knows all", || inactive(&two.b, &two.key).len() == number);
        two.clock.advance(31 * DAY);
        let gone: usize = thread::scope(|scope| {
            let expire = |node| scope.spawn(move || Node::expire(node));
            [&two.a, &two.b].map(expire).into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(gone, number);
        let events = two.done(&two.a, "events", json!({ "type": "phone" }));
        let told = events["values"].as_array().into_iter().flatten();
        let told: u64 = told.filter_map(|event| event["before"]["devices"].as_u64()).sum();
        assert_eq!(told, (round + 1) * number as u64, "{events}");
        eventually("none is left", || inactive(&two.b, &two.key).is_empty());
    }
}

#[test]
fn the_quota_counts_what_both_recorded() {
    let two = Two::start_with(Quota { inactive_devices: 2, ..Quota::default() });
    two.a.get(PHONE);
    two.b.get(OTHER);
    for (node, new) in [(&two.a, "0015654aa939"), (&two.b, "0015654aa93a")] {
        let of = |node| inactive(node, &two.key);
        eventually("both know the same two", || of(&two.a).len() == 2 && of(&two.a) == of(&two.b));
        // There is no room: the oldest goes, wherever it was recorded.
        node.get(new);
        assert!(of(node).contains(&format!("{new}0")));
        assert_eq!(of(node).len(), 2);
    }
}

/// However often both choose the same device to go for a new one.
#[test]
fn a_flood_at_both_does_not_grow_beyond_the_quota() {
    let quota = Quota {
        inactive_devices: 40,
        new_macs_per_address_per_hour: 1_000_000,
        ..Quota::default()
    };
    let two = Two::start_with(quota);
    let flood = |node: &Node, from: usize, number: usize| {
        for mac in from..from + number {
            node.get_only(&format!("0004f200{mac:04x}"));
        }
        node.settle();
    };
    flood(&two.a, 0, 40);
    let waiting = |node: &Node| node.registry.waiting_status().devices;
    eventually("the other knows all", || waiting(&two.b) == 40);
    thread::scope(|scope| {
        scope.spawn(|| flood(&two.a, 1_000, 200));
        scope.spawn(|| flood(&two.b, 2_000, 200));
    });
    eventually("both know the same", || {
        let (mut of_a, mut of_b) = (inactive(&two.a, &two.key), inactive(&two.b, &two.key));
        of_a.sort();
        of_b.sort();
        of_a == of_b
    });
    assert_eq!(inactive(&two.a, &two.key).len(), 40);
}

#[test]
fn each_counts_the_new_macs_of_a_network_for_itself() {
    let two = Two::start_with(Quota { new_macs_per_address_per_hour: 2, ..Quota::default() });
    let mut new = (0..).map(|number| format!("0015654ab00{number}"));
    for (node, expected) in [(&two.a, 2), (&two.b, 4)] {
        let known: Vec<String> = new.by_ref().take(3).collect();
        known.iter().for_each(|mac| drop(node.get(mac)));
        eventually("all know", || {
            [&two.a, &two.b].iter().all(|node| inactive(node, &two.key).len() == expected)
        });
        assert_eq!(node.registry.waiting_status().over_quota, 1);
    }
}

#[test]
fn a_session_is_of_one_gateway_and_the_other_asks_to_sign_in() {
    let two = Two::start();
    let values =
        json!({ "login": "ann", "role": "System-Admin", "password": "correct horse battery" });
    two.done(&two.a, "create", json!({ "type": "user", "values": values }));
    let ask = |node: &Node, cookie: Option<&str>, auth: Value| -> Value {
        let cookie = cookie.map(|id| format!("Red60urne={id}"));
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(cookie.as_deref().map(|cookie| ("Cookie", cookie)));
        let body = auth.to_string();
        let answer = http::request(node.admin, "POST", "/rest/auth", &headers, body.as_bytes());
        serde_json::from_slice(&answer.unwrap().body).unwrap()
    };
    let auth = json!({ "type": "auth", "username": "ann", "password": "correct horse battery" });
    let password = json!({ "auth": auth });
    let session = |node: &Node| {
        eventually("she is known", || ask(node, None, password.clone())["result"] == "success");
        let answer = ask(node, None, password.clone());
        answer["user"]["session"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    let (at_a, at_b) = (session(&two.a), session(&two.b));
    for (node, own, others) in [(&two.a, &at_a, &at_b), (&two.b, &at_b, &at_a)] {
        assert_eq!(ask(node, Some(own), json!({}))["result"], "success");
        let refused = ask(node, Some(others), json!({}));
        assert_eq!(refused["message"], "Not logged in", "{refused}");
    }
    // The key needs none.
    for node in [&two.a, &two.b] {
        let auth = json!({ "auth": { "type": "auth", "key": two.key } });
        assert_eq!(ask(node, None, auth)["result"], "success");
    }
}

/// The second gateway has not heard yet of what the first one changed.
#[test]
fn a_stale_gateway_changes_nothing_that_was_made_anew() {
    let two = Two::start();
    two.a.get(PHONE);
    eventually("the other knows it", || inactive(&two.b, &two.key).len() == 1);
    for _ in 0..20 {
        // Gone, and there again, of another company than the other remembers.
        two.promote(&two.a, PHONE);
        two.done(&two.a, "delete", phone(PHONE));
        let again = two.b.ask(&two.key, "promote", phone(PHONE));
        assert_eq!(again["message"], "Phone not found", "{again}");
        assert_eq!(two.a.get(PHONE).status, 404);
        let results: Vec<Value> = thread::scope(|scope| {
            let promote = |node| {
                let two = &two;
                scope.spawn(move || node_promote(two, node))
            };
            let both = [promote(&two.a), promote(&two.b)];
            both.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let won = results.iter().filter(|answer| answer["result"] == "success");
        assert_eq!(won.count(), 1, "{results:?}");
        two.done(&two.a, "delete", phone(PHONE));
        two.a.get(PHONE);
        eventually("it waits again", || inactive(&two.b, &two.key).len() == 1);
    }
}

fn node_promote(two: &Two, node: &Node) -> Value {
    node.ask(&two.key, "promote", phone(PHONE))
}
