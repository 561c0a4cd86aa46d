//! Every case of `cases.json`, each against a whole gateway with a store of its own.

use std::collections::HashMap;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use dialtone::ambient::SystemRandom;
use dialtone::domain::Timestamp;
use dialtone::registry::{Document, import};
use dialtone::store::{SqliteStore, Store};
use serde_json::{Value, json};

use super::gateway::{CASES, CATALOGUE, document, user};
use crate::support::Gateway;
use crate::support::http::{self, Answer};

/// The store's file for each fixture, made once.
static FILES: LazyLock<HashMap<&str, Vec<u8>>> =
    LazyLock::new(|| ["base", "empty"].map(|name| (name, file(name))).into());

const FILE: &str = "dialtone.db";

fn file(fixture: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(&path, Timestamp::from_seconds(0)).unwrap());
        let text = Cursor::new(document(fixture).to_string());
        let document = Document::read(text).unwrap().check(Timestamp::from_seconds(0)).unwrap();
        import(&store, &CATALOGUE, document, &SystemRandom).await.unwrap();
        store.close().await;
    });
    std::fs::read(path).unwrap()
}

/// A whole gateway with a fixture of the cases.
pub(super) fn gateway(fixture: &str) -> Gateway {
    Gateway::start_with(|config, dir: &Path| {
        std::fs::write(dir.join(FILE), &FILES[fixture]).unwrap();
        config.handset.https = Vec::new();
        config.catalogue.only_types =
            CATALOGUE.types().iter().map(|phone_type| phone_type.key.clone()).collect();
    })
}

/// The cases whose ids begin so; in several tests, to run side by side.
fn hold(beginnings: &str, count: usize) {
    let cases = CASES["cases"].as_array().unwrap().iter();
    let cases: Vec<&Value> = cases
        .filter(|case| case["id"].as_str().unwrap().starts_with(|c| beginnings.contains(c)))
        .collect();
    assert_eq!(cases.len(), count);
    let mut failures = Vec::new();
    for case in cases {
        let gateway = gateway(case["setup"]["fixture"].as_str().unwrap());
        let id = &case["id"];
        if let Err(why) = step(&gateway, case) {
            failures.push(format!("{id}: {why}"));
        }
        for (at, then) in case["then"].as_array().unwrap().iter().enumerate() {
            if let Err(why) = step(&gateway, then) {
                failures.push(format!("{id}, step {at} after it: {why}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_case_of_the_lists_holds() {
    hold("IAT", 26);
}

#[test]
fn every_case_of_promote_and_demote_holds() {
    hold("PD", 23);
}

#[test]
fn every_case_of_assign_and_of_errors_holds() {
    hold("SE", 19);
    assert_eq!(CASES["cases"].as_array().unwrap().len(), 26 + 23 + 19);
}

fn sign_in(gateway: &Gateway, role: &str) -> String {
    let auth = json!({ "auth": {
        "type": "auth", "username": user(role)["login"], "password": user(role)["password"],
    } });
    let answer =
        http::request(gateway.admin(), "POST", "/rest/auth/", &[], auth.to_string().as_bytes());
    let answer = answer.expect("the gateway answers");
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// What a case and its later steps share: caller, request, expectation.
fn step(gateway: &Gateway, step: &Value) -> Result<(), String> {
    let answer = send(gateway, &step["caller"], &step["request"]);
    let expect = &step["expect"];
    if json!(answer.status) != expect["status"] {
        return Err(format!("status {}", answer.status));
    }
    let json: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    matches(&expect["json"], &json, "")?;
    for path in expect["absent"].as_array().into_iter().flatten() {
        let pointer = format!("/{}", path.as_str().unwrap().replace('.', "/"));
        if let Some(value) = json.pointer(&pointer) {
            return Err(format!("{path} is there: {value}"));
        }
    }
    Ok(())
}

fn send(gateway: &Gateway, caller: &Value, request: &Value) -> Answer {
    let mut body = request["body"].clone();
    let mut headers: Vec<(String, String)> = Vec::new();
    match request.get("headers").and_then(|headers| headers.get("Content-Type")) {
        None => headers.push(("Content-Type".into(), "application/json".into())),
        Some(Value::Null) => {}
        Some(value) => headers.push(("Content-Type".into(), value.as_str().unwrap().into())),
    }
    let auth = match (caller, request["auth_via"].as_str().unwrap_or("key")) {
        (Value::Null, _) => None,
        (Value::Object(_), _) => Some(json!({ "type": "auth", "key": "no such key" })),
        (Value::String(role), "key") => Some(json!({ "type": "auth", "key": user(role)["key"] })),
        (Value::String(role), "password") => Some(json!({
            "type": "auth", "username": user(role)["login"], "password": user(role)["password"],
        })),
        (Value::String(role), "cookie") => {
            headers.push(("Cookie".into(), sign_in(gateway, role)));
            None
        }
        other => panic!("no such way to sign in: {other:?}"),
    };
    let bytes = match &request["raw_body"] {
        Value::String(raw) => raw.clone(),
        _ => {
            if let Some(auth) = auth {
                body["auth"] = auth;
            }
            body.to_string()
        }
    };
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (method, path) = (&request["method"], &request["path"]);
    let (method, path) = (method.as_str().unwrap(), path.as_str().unwrap());
    http::request(gateway.admin(), method, path, &headers, bytes.as_bytes())
        .expect("the gateway answers")
}

/// The rules of the file's `meta.matching`.
fn matches(wanted: &Value, found: &Value, at: &str) -> Result<(), String> {
    let wrong = || Err(format!("{at}: wanted {wanted}, found {found}"));
    let Some(fields) = wanted.as_object() else {
        let (Some(wanted), Some(found)) = (wanted.as_array(), found.as_array()) else {
            return if wanted == found { Ok(()) } else { wrong() };
        };
        return if wanted.len() == found.len() { includes(wanted, found, at) } else { wrong() };
    };
    if let Some(items) = fields.get("$includes") {
        let Some(found) = found.as_array() else { return wrong() };
        return includes(items.as_array().unwrap(), found, at);
    }
    if let Some(item) = fields.get("$none") {
        let Some(found) = found.as_array() else { return wrong() };
        let any = found.iter().any(|found| matches(item, found, at).is_ok());
        return if any { wrong() } else { Ok(()) };
    }
    if let Some(kind) = fields.get("$type") {
        let fits = match kind.as_str().unwrap() {
            "int" => found.is_i64(),
            "string" => found.is_string(),
            "array" => found.is_array(),
            "object" => found.is_object(),
            "nonempty_string" => found.as_str().is_some_and(|text| !text.is_empty()),
            other => panic!("no type {other}"),
        };
        return if fits { Ok(()) } else { wrong() };
    }
    for (name, wanted) in fields {
        let Some(found) = found.get(name) else { return wrong() };
        matches(wanted, found, &format!("{at}.{name}"))?;
    }
    Ok(())
}

/// Each wanted item has one of its own among the found.
fn includes(wanted: &[Value], found: &[Value], at: &str) -> Result<(), String> {
    let mut left: Vec<&Value> = found.iter().collect();
    for item in wanted {
        let place = left.iter().position(|found| matches(item, found, at).is_ok());
        let Some(place) = place else { return Err(format!("{at}: {item} is not in {found:?}")) };
        left.remove(place);
    }
    Ok(())
}

#[test]
fn the_matcher_tells_right_from_wrong() {
    let fits = |wanted: Value, found: Value| matches(&wanted, &found, "").is_ok();
    assert!(fits(json!({ "a": [{ "b": 1 }, 2] }), json!({ "a": [2, { "b": 1, "c": 0 }], "d": 0 })));
    assert!(!fits(json!({ "a": [1] }), json!({ "a": [1, 1] })));
    assert!(!fits(json!({ "a": { "$includes": [1, 1] } }), json!({ "a": [1, 2] })));
    assert!(!fits(json!({ "$none": { "a": 1 } }), json!([{ "a": 1, "b": 2 }])));
    assert!(fits(json!({ "$none": { "a": 1 } }), json!([])));
    assert!(!fits(json!({ "$type": "int" }), json!(1.5)));
    assert!(!fits(json!({ "$type": "nonempty_string" }), json!("")));
}
