//! The probes.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::gateway::{Gateway, fail};

fn get(gateway: &Gateway, path: &str) -> (u16, Value) {
    let answer = gateway.send("GET", path, &[], "");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

#[test]
fn a_gateway_that_answers_is_alive() {
    assert_eq!(get(&Gateway::new(), "/health"), (200, json!({ "status": "alive" })));
}

#[test]
fn it_is_ready_while_the_store_and_its_listeners_are() {
    let gateway = Gateway::new();
    let catalogue = gateway.registry.catalogue().digest().to_owned();
    let said = |ready: bool, store: &str, listener: &str| {
        json!({
            "ready": ready, "store": store, "catalogue": catalogue,
            "listeners": { "handset": listener },
            "inactive": {
                "devices": 0, "limit": 100_000, "full": false,
                "evicted": 0, "over_quota": 0, "dropped": 0,
            },
            "uploads": { "state": "off" },
        })
    };
    assert_eq!(get(&gateway, "/ready"), (200, said(true, "ready", "up")));
    gateway.listener_up.store(false, Ordering::SeqCst);
    assert_eq!(get(&gateway, "/ready"), (503, said(false, "ready", "down")));
    gateway.listener_up.store(true, Ordering::SeqCst);
    gateway.block_on(gateway.store.close());
    let mut not_ready = said(false, "not ready", "up");
    not_ready["reason"] = json!("the store is not available");
    assert_eq!(get(&gateway, "/ready"), (503, not_ready));
    assert_eq!(get(&gateway, "/health").0, 200);
}

#[test]
fn probes_are_asked_with_get() {
    let gateway = Gateway::new();
    let answer = gateway.send("POST", "/ready", &[], "{}");
    assert_eq!(answer.status, 405);
    let json: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json, fail("GET is answered here"));
}

#[test]
fn a_store_that_is_away_is_said_without_its_details() {
    let gateway = Gateway::base();
    gateway.block_on(gateway.store.close());
    let body = json!({ "scope": { "phoneid": "0123456789ab0" } });
    gateway.refused("promote/phone", body, "The store is not available, try again later");
    assert_eq!(gateway.done("inactive/phone", json!({}))["numrows"], 15, "lists are in memory");
}
