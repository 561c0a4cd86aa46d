//! Export and import of the whole registry, and the first key.

use std::io::Cursor;

use serde_json::{Value, json};

use dialtone::ambient::SystemRandom;
use dialtone::registry::{Document, ImportError};

use super::gateway::{CATALOGUE, Gateway, NOW, document};

fn import(gateway: &Gateway, document: &Value) -> Result<Vec<String>, ImportError> {
    let document = Document::read(Cursor::new(document.to_string()))?.check(NOW)?;
    let importing = dialtone::registry::import(&gateway.store, &CATALOGUE, document, &SystemRandom);
    Ok(gateway.block_on(importing)?.warnings)
}

fn problems(document: &Value) -> Vec<String> {
    let gateway = Gateway::new();
    let error = import(&gateway, document).unwrap_err();
    assert!(import(&gateway, &json!({ "version": 1 })).is_ok(), "nothing was kept");
    let problems = error.to_string();
    // The documents here are of one line.
    problems.lines().map(|problem| problem.trim_end_matches(" at line 1").to_owned()).collect()
}

/// A registry with something of everything.
fn full() -> Gateway {
    let gateway = Gateway::base();
    let settings = json!({ "access": { "admin_password": "s3cret-of-all" }, "language": "de" });
    gateway.done("update/settings", json!({ "values": { "settings": settings } }));
    let body = json!({ "scope": { "company": "acompany" }, "values": {
        "name": "A", "settings": { "tones": "DE" },
    } });
    gateway.done("update/company", body);
    let line = json!({ "user": "100", "password": "s3cret", "registrar": "pbx.example.net", "label": "***" });
    let body = json!({ "scope": { "mac": "0004f2222222" }, "values": {
        "name": "Reception", "settings": { "lines": { "1": line } },
    } });
    gateway.done("update/phone", body);
    gateway
}

#[test]
fn what_is_exported_with_secrets_and_imported_is_exported_alike() {
    let first = full().export(true);
    let text = String::from_utf8(first.clone()).unwrap();
    for part in ["s3cret-of-all", "$argon2id$", "key_hashes"] {
        assert!(text.contains(part), "{part}");
    }
    let second = Gateway::with_document(&first);
    assert_eq!(String::from_utf8(second.export(true)).unwrap(), text);
    assert_eq!(second.lists(), full().lists());
    second.sign_in("ca_a");
}

#[test]
fn an_export_without_secrets_has_none_and_no_markers_in_their_place() {
    let text = String::from_utf8(full().export(false)).unwrap();
    for part in ["s3cret", "$argon2id$", "key_hashes"] {
        assert!(!text.contains(part), "{part} in {text}");
    }
    // The audit record says which secrets were changed.
    let (registry, _) = text.split_once("\"events\"").unwrap();
    assert!(!registry.contains("password"), "{registry}");
    assert!(text.contains(r#""label":"***""#), "a text that looks like a marker stays: {text}");
    let mut document: Value = serde_json::from_str(&text).unwrap();
    let refused = problems(&document);
    assert_eq!(refused.len(), 1);
    assert!(refused[0].starts_with("users: no System-Admin can sign in"), "{refused:?}");
    document["users"][0]["key"] = json!("KEY-sysadmin");
    let gateway = Gateway::with_document(document.to_string().as_bytes());
    assert_eq!(gateway.done("active/phone", json!({}))["numrows"], 6);
}

#[test]
fn only_an_empty_registry_takes_a_document() {
    for gateway in [Gateway::base(), Gateway::empty()] {
        let before = gateway.export(true);
        let error = import(&gateway, &document("base")).unwrap_err();
        assert!(error.to_string().starts_with("the registry is not empty"), "{error}");
        assert_eq!(gateway.export(true), before);
    }
}

#[test]
fn every_problem_is_reported_with_its_place() {
    let found = problems(&json!({
        "version": 2,
        "settings": { "language": 5 },
        "companies": [{ "company": "a b" }, { "company": "acompany" },
                      { "company": "acompany" }, { "company": "other", "instance": "0" }],
        "users": [
            { "login": "root", "role": "System-Admin", "key": "k" },
            { "login": "root", "role": "Chief", "key": "k", "company": "nosuch" },
            { "login": "x y", "role": "User", "password_hash": "plain", "companies": ["default", "b"] },
        ],
        "devices": [
            { "mac": "0004f2222222", "phone_type": "ip450", "ports": [] },
            { "mac": "0004f2222222", "phone_type": "no type", "ports": [
                { "port": 0, "company": "nosuch" }, { "port": 1000 },
                { "port": 2, "settings": { "lines": { "1": { "transport": "smoke" } } } },
            ] },
            { "mac": "ffffffffffff", "phone_type": "ip450", "ports": [{ "port": 0 }, { "port": 0 }],
              "sighting": { "first": 0, "last": 0, "address": "here", "user_agent": "a\nb" } },
            { "mac": "0004f2222223", "phone_type": "ip450", "ports": [{ "port": 0 }], "written": {
                "groups": ["vlan", "vlans"], "lines": 65,
                "parameters": { "snom": ["dhcp", "a b", "x=1\ny"], "Of Snom": ["dhcp"] },
            } },
            { "mac": "0004f2222224", "phone_type": "ip450", "ports": [{ "port": 0 }],
              "written": { "group": [] } },
        ],
    }));
    let places: Vec<&str> = found.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "companies[0].company",
            "companies[2].company",
            "companies[3].instance",
            "settings.language",
            "users[1].login",
            "users[1].role",
            "users[1].company",
            "users[1]",
            "users[2]",
            "users[2].companies[1]",
            "users[2].password_hash",
            "devices[0].ports",
            "devices[1].mac",
            "devices[1].phone_type",
            "devices[1].ports[0].company",
            "devices[1].ports[1].port",
            "devices[1].ports[2].settings.lines.1.transport",
            "devices[2].mac",
            "devices[2].ports[1].port",
            "devices[2].sighting.address",
            "devices[2].sighting.user_agent",
            "devices[3].written.groups[1]",
            "devices[3].written.lines",
            "devices[3].written.parameters",
            "devices[3].written.parameters.snom",
            "devices[3].written.parameters.snom",
            "devices[4].written",
        ],
        "{found:#?}"
    );
}

#[test]
fn a_user_id_that_leaves_none_for_the_next_user_is_refused() {
    let with_id = |id: u64| {
        json!({ "version": 2, "users": [
            { "id": 7, "login": "ann", "role": "System-Admin", "key": "KEY-sysadmin" },
            { "id": id, "login": "bob", "role": "User", "password": "correct horse" },
        ] })
    };
    let highest = 1 << 52;
    for id in [0, highest + 1, i64::MAX as u64, u64::MAX] {
        let said = format!("users[1].id: must be 1 to {highest}");
        assert_eq!(problems(&with_id(id)), [said], "{id}");
    }
    assert_eq!(problems(&with_id(7)), ["users[1].id: 7 is there twice"]);

    let gateway = Gateway::with_document(with_id(highest).to_string().as_bytes());
    let values = json!({ "login": "cy", "role": "User", "password": "correct horse" });
    gateway.done("create/user", json!({ "values": values }));
    let read = gateway.done("read/user", json!({ "scope": { "login": "cy" } }));
    assert_eq!(read["values"][0]["id"], json!(highest + 1), "{read}");
}

#[test]
fn what_is_no_such_document_is_said_with_its_place() {
    let read =
        |text: &str| Document::read(Cursor::new(text)).err().expect("it is none").to_string();
    assert_eq!(read(r#"{ "version": 3 }"#), "the document has version 3, and 1 to 2 can be read");
    let unknown = read(r#"{ "version": 2, "devices": [{ "mac": "0004f2222222", "typ": "x" }] }"#);
    assert!(unknown.starts_with("devices[0].typ: unknown field `typ`"), "{unknown}");
    assert!(read("[").starts_with("the document: "), "{}", read("["));
    assert!(read(r#"{ "version": 1 } x"#).contains("trailing characters"));
}

#[test]
fn an_unknown_type_is_a_warning() {
    let gateway = Gateway::new();
    let warnings = import(
        &gateway,
        &json!({ "version": 2, "devices": [
            { "mac": "0004f2222222", "phone_type": "snom999", "ports": [{ "port": 0 }] },
        ] }),
    );
    assert_eq!(
        warnings.unwrap(),
        ["no family has the type snom999: its phones are kept and get nothing"]
    );
}

#[test]
fn the_first_admin_is_made_once_and_only_where_nobody_is() {
    let gateway = Gateway::new();
    let first = gateway.block_on(gateway.registry.first_key(&SystemRandom)).unwrap().unwrap();
    assert!(first.starts_with("dt_"), "{first}");
    let auth = json!({ "auth": { "type": "auth", "key": first } });
    let answer = gateway.post("/rest/auth", &auth);
    assert_eq!(
        (&answer["user"]["login"], &answer["user"]["role"]),
        (&json!("admin"), &json!("System-Admin"))
    );
    let again = gateway.block_on(gateway.registry.first_key(&SystemRandom)).unwrap();
    assert_eq!(again, None);
    let base = Gateway::base();
    assert_eq!(base.block_on(base.registry.first_key(&SystemRandom)).unwrap(), None);
}
