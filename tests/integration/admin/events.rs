//! The audit record.

use serde_json::{Value, json};

use super::gateway::{Gateway, NOW};

fn events(gateway: &Gateway, role: &str, of: &str, scope: Value) -> Vec<Value> {
    let answer = gateway.ask(role, &format!("events/{of}"), json!({ "scope": scope }));
    assert_eq!(answer["result"], "success", "{answer}");
    let rows = answer["values"].as_array().unwrap().clone();
    assert_eq!(answer["numrows"], rows.len());
    rows
}

fn promote(gateway: &Gateway, id: &str, company: &str) {
    let body = json!({ "scope": { "phoneid": id }, "values": { "company": company } });
    gateway.done("promote/phone", body);
}

#[test]
fn a_change_is_recorded_with_who_when_what_and_from_where() {
    let gateway = Gateway::base();
    promote(&gateway, "00049f0000010", "acompany");
    let recorded = events(&gateway, "sysadmin", "phone", json!({ "mac": "00:04:9F:00:00:01" }));
    let id = recorded[0]["id"].clone();
    assert_eq!(
        recorded,
        [json!({
            "id": id, "at": NOW, "who": "root", "from": "127.0.0.1", "action": "promote",
            "subject": "phone", "name": "00049f0000010", "company": "acompany",
            "before": { "state": "inactive" },
            "after": { "state": "active", "company": "acompany", "ports": 2 },
        })]
    );
    assert_eq!(
        events(&gateway, "sysadmin", "phone", json!({ "phoneid": "00049f0000010" })),
        recorded
    );
    for scope in
        [json!({ "phoneid": "00049f0000011" }), json!({ "phoneid": "x" }), json!({ "mac": "x" })]
    {
        assert!(events(&gateway, "sysadmin", "phone", scope).is_empty());
    }
}

#[test]
fn no_secret_is_in_any_record() {
    let gateway = Gateway::base();
    let lines = |password: &str| {
        json!({ "lines": { "1": {
        "user": "100", "password": password, "registrar": "pbx.example.net",
    } } })
    };
    let phone = json!({ "phoneid": "0004f22222220" });
    for password in ["s3cret-one", "s3cret-two"] {
        let values = json!({ "settings": lines(password) });
        gateway.done("update/phone", json!({ "scope": phone, "values": values }));
        gateway.done(
            "update/company",
            json!({ "scope": { "company": "acompany" }, "values": values }),
        );
        gateway.done("update/settings", json!({ "values": values }));
    }
    gateway.done("delete/phone", json!({ "scope": phone }));
    let values = json!({ "company": "d", "settings": lines("s3cret-three") });
    gateway.done("create/company", json!({ "values": values }));
    gateway.done("delete/company", json!({ "scope": { "company": "d" } }));
    let values = json!({ "login": "anna", "password": "s3cret-four", "key": true });
    gateway.done("create/user", json!({ "values": values }));
    let values = json!({ "password": "s3cret-five", "key": true, "revoke_keys": true });
    gateway.done("update/user", json!({ "scope": { "login": "anna" }, "values": values }));
    gateway.done("delete/user", json!({ "scope": { "login": "anna" } }));

    let mut all = Vec::new();
    for (of, count) in [("phone", 3), ("company", 4), ("user", 3), ("settings", 2)] {
        let recorded = events(&gateway, "sysadmin", of, json!({}));
        assert_eq!(recorded.len(), count, "{of}");
        all.extend(recorded);
    }
    let text = Value::from(all.clone()).to_string();
    for secret in ["s3cret", "dt_", "argon2"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let update = all.iter().find(|event| event["action"] == "update").unwrap();
    assert_eq!(
        update["before"],
        json!({ "settings": { "lines": { "1": { "password": "***" } } } })
    );
    assert_eq!(
        update["after"],
        json!({ "settings": { "lines": { "1": { "password": "*** (changed)" } } } })
    );
}

#[test]
fn pages_go_back_in_time() {
    let gateway = Gateway::base();
    for id in ["0123456789ab0", "00049f0000010", "00087b0a0b0c0"] {
        promote(&gateway, id, "default");
    }
    let page = |scope: Value| gateway.done("events/phone", json!({ "scope": scope }));
    let first = page(json!({ "limit": 2 }));
    assert_eq!(
        (&first["values"][0]["name"], &first["values"][1]["name"]),
        (&json!("00087b0a0b0c0"), &json!("00049f0000010"))
    );
    let second = page(json!({ "limit": 2, "before": first["next"] }));
    assert_eq!(second["values"][0]["name"], "0123456789ab0");
    assert_eq!((second["numrows"].clone(), second.get("next")), (json!(1), None));
}

#[test]
fn a_company_admin_reads_its_companies_and_learns_of_no_other() {
    let gateway = Gateway::base();
    promote(&gateway, "0123456789ab0", "bcompany");
    promote(&gateway, "00049f0000010", "acompany");
    let body = json!({ "scope": { "mac": "00049f222222" }, "values": { "company": "acompany" } });
    gateway.done("assign/phone", body);
    gateway.done("demote/phone", json!({ "scope": { "phoneid": "00087b0a0b0c0" } }));
    gateway.done(
        "update/company",
        json!({ "scope": { "company": "bcompany" }, "values": { "name": "B" } }),
    );
    gateway.done(
        "update/company",
        json!({ "scope": { "company": "acompany" }, "values": { "name": "A" } }),
    );

    let seen = events(&gateway, "ca_a", "phone", json!({}));
    let names: Vec<&Value> = seen.iter().map(|event| &event["name"]).collect();
    assert_eq!(names, ["00049f2222220", "00049f0000010"]);
    assert_eq!(seen[0]["before"], json!({ "company": { "0": null, "1": null } }));
    assert_eq!(events(&gateway, "ca_a", "company", json!({})).len(), 1);
    assert_eq!(events(&gateway, "ca_default_a", "phone", json!({})).len(), 3, "and the demoted");
    assert_eq!(events(&gateway, "sysadmin", "phone", json!({ "company": "bcompany" })).len(), 1);
    let all = events(&gateway, "sysadmin", "phone", json!({ "mac": "00049f222222" }));
    assert_eq!(all[0]["before"], json!({ "company": { "0": "bcompany", "1": "bcompany" } }));
}
