//! The settings all phones share.

use serde_json::{Value, json};

use super::gateway::{Gateway, NOW};

fn update(gateway: &Gateway, patch: Value) -> Value {
    gateway.ask("sysadmin", "update/settings", json!({ "values": { "settings": patch } }))
}

#[test]
fn they_are_merged_and_shown_without_secrets() {
    let gateway = Gateway::base();
    let row = || gateway.done("read/settings", json!({}))["values"].clone();
    assert_eq!(row(), json!([{ "settings": {}, "changed": 0 }]));
    let access = json!({ "admin_password": "s3cret-of-all", "web_ui": true });
    update(&gateway, json!({ "language": "de", "access": access }));
    gateway.pass(5);
    update(&gateway, json!({ "language": "fr" }));
    let settings =
        json!({ "language": "fr", "access": { "admin_password": "***", "web_ui": true } });
    assert_eq!(row(), json!([{ "settings": settings, "changed": NOW + 5 }]));
    update(&gateway, json!(null));
    assert_eq!(row()[0]["settings"], json!({}));
}

#[test]
fn every_problem_is_named_and_nothing_kept() {
    let gateway = Gateway::base();
    let answer = update(&gateway, json!({ "language": 5, "lines": { "0": {} }, "colour": "red" }));
    let message = answer["message"].as_str().unwrap();
    for part in ["language: ", "lines.0: ", "colour: is not a setting"] {
        assert!(message.contains(part), "{message}");
    }
    let body = json!({ "values": {} });
    gateway.refused("update/settings", body, "settings required");
    assert_eq!(gateway.done("read/settings", json!({}))["values"][0]["changed"], 0);
}
