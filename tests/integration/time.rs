//! What happens because time passes: sightings are noted anew, the forgotten go.

use dialtone::ambient::Clock;
use dialtone::domain::Sighting;
use serde_json::{Value, json};

use crate::support::{Gateway, ManualClock, eventually};

const FILE: &str = "/0015654aa937.cfg";
const MAC: &str = "0015654aa937";
const ID: &str = "0015654aa9370";
const OLD: &str = "Yealink SIP-T46G 28.72.0.1 00:15:65:4a:a9:37";
const NEW: &str = "Yealink SIP-T46G 28.83.0.120 00:15:65:4a:a9:37";

const DAY: i64 = 24 * 3600;

#[test]
fn what_a_known_phone_says_anew_is_noted_after_ten_seconds() {
    let clock = ManualClock::new();
    let gateway = Gateway::start_at(clock.clone(), |_, _| {});
    gateway.get(FILE, Some(OLD));
    gateway.promote(ID);
    let sighting = || gateway.phone(ID)["sighting"].take();
    let first = sighting();
    assert_eq!((&first["user_agent"], &first["firmware"]), (&json!(OLD), &json!("28.72.0.1")));

    clock.advance(9);
    assert_eq!(gateway.get(FILE, Some(NEW)).status, 200);
    clock.advance(2);
    assert_eq!(gateway.get(FILE, Some(NEW)).status, 200);
    eventually("the new firmware is on record", || sighting()["firmware"] == "28.83.0.120");
    let second = sighting();
    let at = |seen: &Value, name| seen[name].as_i64().unwrap();
    assert_eq!(second["user_agent"], NEW);
    assert_eq!(at(&second, "first"), at(&first, "first"));
    // The request after nine seconds was not noted.
    assert_eq!(at(&second, "last"), at(&first, "last") + 11);

    // The same again is noted once in each hour of its own.
    let hour = Sighting::hour_of(MAC.parse().unwrap(), clock.now());
    clock.advance(hour + 3599 - clock.now());
    gateway.get(FILE, Some(NEW));
    clock.advance(1);
    gateway.get(FILE, Some(NEW));
    let next = clock.now().seconds();
    eventually("in the next hour it is noted again", || at(&sighting(), "last") >= next);
    assert_eq!(at(&sighting(), "last"), next);
}

/// A flood of strangers leaves one line when it goes; what an operator touched leaves its own.
#[test]
fn an_inactive_device_nobody_asks_for_goes_and_an_active_one_stays() {
    let clock = ManualClock::new();
    let began = clock.now().seconds();
    let gateway = Gateway::start_at(clock.clone(), |config, _| {
        config.quota.inactive_max_age = std::time::Duration::from_secs(30 * 24 * 3600);
    });
    let waiting = ["0015654aa938", "0015654aa939", "0015654aa93a", "0015654aa93b", "0015654aa93c"];
    for mac in waiting.into_iter().chain(["0015654aa937"]) {
        gateway.get(&format!("/{mac}.cfg"), None);
    }
    gateway.promote(ID);
    let named = json!({ "phoneid": "0015654aa93c0" });
    let values = json!({ "name": "Reception" });
    gateway.done("update", json!({ "type": "phone", "scope": named, "values": values }));
    clock.advance(100);
    gateway.get("/0015654aa939.cfg", Some("Yealink SIP-T46G 28.72.0.1 00:15:65:4a:a9:39"));
    let last_seen = |id: &str| gateway.phone(id)["sighting"]["last"].as_i64();
    eventually("a later request is on record", || last_seen("0015654aa9390") == Some(began + 100));
    clock.advance(-100);
    clock.advance(29 * DAY);
    gateway.get("/0015654aa938.cfg", None);
    eventually("the second boot is on record", || {
        let seen = gateway.phone("0015654aa9380")["sighting"].take();
        seen["last"].as_i64() > seen["first"].as_i64()
    });
    assert_eq!(gateway.expire(), 0, "nobody is thirty days old");

    clock.advance(DAY + 101);
    assert_eq!(gateway.expire(), 4);
    assert_eq!(gateway.inactive(), [("0015654aa9380".to_owned(), "t46g".to_owned())]);
    assert_eq!(gateway.get(FILE, None).status, 200);
    assert!(gateway.phone("0015654aa9390").is_null());
    let told = || {
        let events = gateway.done("events", json!({ "type": "phone" }));
        let events = events["values"].as_array().cloned().unwrap_or_default();
        let expired = events.into_iter().filter(|event| event["action"] == "expired");
        expired.map(|event| json!([event["who"], event["name"], event["before"]])).collect()
    };
    let expected = [
        json!(["gateway", "0015654aa93c", { "phone_type": "t46g", "ports": 1 }]),
        json!(["gateway", "", {
            "devices": 3, "ports": 3, "last_seen": { "oldest": began, "newest": began + 100 },
        }]),
    ];
    let events: Vec<Value> = told();
    assert_eq!(events, expected);
    assert_eq!(gateway.expire(), 0);
    assert_eq!(told(), expected, "nothing went, and nothing is told");

    // Who comes back is new again.
    gateway.get("/0015654aa939.cfg", None);
    assert_eq!(gateway.inactive().len(), 2);
}
