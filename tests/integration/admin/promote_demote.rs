//! The commands promote and demote, as the published API has them.

use std::thread;

use serde_json::{Value, json};

use super::gateway::{Gateway, fail, user};

fn promote(gateway: &Gateway, id: &str, values: Value) -> Value {
    let body = json!({ "scope": { "phoneid": id }, "values": values });
    gateway.ask("sysadmin", "promote/phone", body)
}

fn company_of(gateway: &Gateway, id: &str) -> Value {
    let (_, active) = gateway.lists();
    let rows = active["values"].as_array().unwrap().clone();
    rows.into_iter()
        .find(|row| row["phoneid"] == id)
        .map_or(Value::Null, |row| row["company"].clone())
}

#[test]
fn every_way_of_naming_no_company_means_default() {
    for values in [
        json!(null),
        json!({}),
        json!([]),
        json!({ "company": null }),
        json!({ "company": "" }),
        json!({ "company": "default" }),
    ] {
        let gateway = Gateway::base();
        let answer = promote(&gateway, "0123456789ab0", values.clone());
        assert_eq!(answer, json!({ "result": "success", "numrows": 1 }), "{values}");
        assert_eq!(company_of(&gateway, "0123456789ab0"), "default");
    }
}

#[test]
fn any_port_names_the_device_and_all_its_inactive_ports_move() {
    let gateway = Gateway::base();
    let answer = promote(&gateway, "00087b0a0b0c11", json!({ "company": "bcompany" }));
    assert_eq!(answer["numrows"], 12);
    for id in ["00087b0a0b0c0", "00087b0a0b0c1", "00087b0a0b0c10", "00087b0a0b0c11"] {
        assert_eq!(company_of(&gateway, id), "bcompany", "{id}");
    }
}

#[test]
fn created_is_kept_through_promote_and_assign() {
    let gateway = Gateway::base();
    gateway.pass(1000);
    promote(&gateway, "0123456789ab0", json!({}));
    gateway.pass(1000);
    let body = json!({ "scope": { "mac": "0123456789ab" }, "values": { "company": "acompany" } });
    gateway.done("assign/phone", body);
    let scope = json!({ "scope": { "company": "acompany" } });
    let rows = gateway.done("active/phone", scope)["values"].clone();
    let row = rows.as_array().unwrap().iter().find(|row| row["phoneid"] == "0123456789ab0");
    assert_eq!(row.unwrap()["created"], 1_500_000_000);
}

#[test]
fn a_phoneid_is_one_whole_name() {
    let gateway = Gateway::base();
    let before = gateway.lists();
    for id in [
        "0123456789ab",
        "0123456789ab1",
        "0123456789ab00",
        "0123456789abc",
        "0123456789ab0 ",
        "00087b0a0b0c12",
        "00087b0a0b0c011",
        "%",
        "*",
    ] {
        for command in ["promote/phone", "demote/phone"] {
            let answer = gateway.ask("sysadmin", command, json!({ "scope": { "phoneid": id } }));
            assert_eq!(answer["result"], "fail", "{command} {id}");
        }
    }
    assert_eq!(gateway.lists(), before);
}

#[test]
fn case_and_separators_of_a_phoneid_do_not_matter() {
    for id in ["0123456789AB0", "01:23:45:67:89:ab0", "01-23-45-67-89-AB-0"] {
        assert_eq!(promote(&Gateway::base(), id, json!({}))["numrows"], 1, "{id}");
    }
}

#[test]
fn only_a_string_is_a_phoneid_and_a_mac_is_none() {
    let gateway = Gateway::base();
    let before = gateway.lists();
    for command in ["promote/phone", "demote/phone"] {
        for (scope, message) in [
            (json!({ "phoneid": 123_456_789 }), "phoneid: must be a string"),
            (json!({ "phoneid": ["0123456789ab0"] }), "phoneid: must be a string"),
            (json!({ "phoneid": "" }), "phoneid required"),
            (json!({ "phoneid": null }), "phoneid required"),
            (json!({ "mac": "0123456789ab" }), "phoneid required"),
            (json!({ "company": "default" }), "phoneid required"),
            (json!({}), "phoneid required"),
            (json!(null), "phoneid required"),
        ] {
            gateway.refused(command, json!({ "scope": scope }), message);
        }
    }
    assert_eq!(gateway.lists(), before);
}

#[test]
fn a_company_is_a_string_and_exists_exactly_so() {
    let gateway = Gateway::base();
    let before = gateway.lists();
    for (company, message) in [
        (json!(5), "company: must be a string"),
        (json!(["acompany"]), "company: must be a string"),
        (json!("Acompany"), "No such company"),
        (json!(" acompany"), "No such company"),
        (json!("nosuch"), "No such company"),
    ] {
        let answer = promote(&gateway, "0123456789ab0", json!({ "company": company }));
        assert_eq!(answer, fail(message), "{company}");
    }
    assert_eq!(gateway.lists(), before);
}

#[test]
fn what_is_active_or_gone_is_not_found() {
    let gateway = Gateway::base();
    for id in ["0004f22222220", "00aabbccddee0", "00049f2222222"] {
        assert_eq!(promote(&gateway, id, json!({})), fail("Phone not found"), "{id}");
        gateway.refused("demote/phone", json!({ "scope": { "phoneid": id } }), "Phone not found");
    }
    let demote = json!({ "scope": { "phoneid": "00087b0a0b0c7" } });
    assert_eq!(
        gateway.done("demote/phone", demote.clone()),
        json!({ "result": "success", "numrows": 12 })
    );
    gateway.refused("demote/phone", demote, "Phone not found");
}

#[test]
fn active_ports_of_the_device_stay_as_they_are() {
    let document = json!({
        "version": 2,
        "companies": [{ "company": "acompany" }, { "company": "bcompany" }],
        "users": [{ "login": "root", "role": "System-Admin", "key": "KEY-sysadmin" }],
        "devices": [{ "mac": "00049f000001", "phone_type": "pap2t", "ports": [
            { "port": 0, "company": "acompany" }, { "port": 1 },
        ] }],
    });
    let document = serde_json::to_vec(&document).unwrap();
    let gateway = Gateway::with_document(&document);
    assert_eq!(promote(&gateway, "00049f0000010", json!({})), fail("Phone not found"));
    assert_eq!(promote(&gateway, "00049f0000011", json!({ "company": "bcompany" }))["numrows"], 1);
    assert_eq!(company_of(&gateway, "00049f0000010"), "acompany");
    assert_eq!(company_of(&gateway, "00049f0000011"), "bcompany");

    let gateway = Gateway::with_document(&document);
    let demoted = gateway.done("demote/phone", json!({ "scope": { "phoneid": "00049f0000011" } }));
    assert_eq!(demoted["numrows"], 1);
    assert_eq!(company_of(&gateway, "00049f0000010"), "acompany");
}

#[test]
fn of_promotes_at_the_same_time_one_succeeds() {
    for _ in 0..5 {
        let gateway = Gateway::base();
        let answers: Vec<Value> = thread::scope(|scope| {
            let one = |company: &'static str| {
                let gateway = &gateway;
                scope.spawn(move || {
                    let body = json!({
                        "scope": { "phoneid": "00087b0a0b0c0" }, "values": { "company": company },
                        "auth": { "type": "auth", "key": user("sysadmin")["key"] },
                    });
                    gateway.post("/rest/dialplan/promote/phone", &body)
                })
            };
            let both = [one("acompany"), one("bcompany"), one("acompany"), one("bcompany")];
            both.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let won: Vec<usize> = (0..4)
            .filter(|&at| answers[at] == json!({ "result": "success", "numrows": 12 }))
            .collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        let lost = answers.iter().filter(|answer| **answer == fail("Phone not found"));
        assert_eq!(lost.count(), 3, "{answers:?}");
        let company = ["acompany", "bcompany"][won[0] % 2];
        let scope = json!({ "scope": { "company": company } });
        let active = gateway.done("active/phone", scope);
        let own = active["values"].as_array().unwrap().iter();
        let own = own.filter(|row| row["phoneid"].as_str().unwrap().starts_with("00087b0a0b0c"));
        assert_eq!(own.count(), 12);
    }
}

#[test]
fn a_phone_whose_file_cannot_be_made_is_not_promoted() {
    let gateway = Gateway::base();
    let before = gateway.lists();
    // A line without a registrar: no family can write it.
    let values =
        json!({ "settings": { "lines": { "1": { "user": "100", "password": "s3cret" } } } });
    gateway.done("update/company", json!({ "scope": { "company": "acompany" }, "values": values }));
    let answer = promote(&gateway, "0123456789ab0", json!({ "company": "acompany" }));
    let message = answer["message"].as_str().unwrap();
    assert!(message.starts_with("0123456789ab0 cannot be configured: "), "{message}");
    assert!(message.contains("lines.1.registrar"), "{message}");
    assert_eq!(gateway.lists(), before);
}
