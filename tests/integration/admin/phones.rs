//! create, read, update and delete of phones.

use serde_json::{Value, json};

use super::gateway::{Gateway, NOW, fail};

fn line(registrar: &str) -> Value {
    json!({ "lines": { "1": {
        "user": "100", "password": "s3cret-of-100", "registrar": registrar,
    } } })
}

fn read(gateway: &Gateway, scope: Value) -> Value {
    gateway.done("read/phone", json!({ "scope": scope }))
}

fn ids(answer: &Value) -> Vec<&str> {
    let rows = answer["values"].as_array().unwrap();
    assert_eq!(answer["numrows"], rows.len());
    rows.iter().map(|row| row["phoneid"].as_str().unwrap()).collect()
}

#[test]
fn a_new_device_is_active_at_once_and_read_back_without_its_secrets() {
    let gateway = Gateway::base();
    let values = json!({
        "mac": "00:04:13:99:99:99", "company": "acompany", "phone_type": "snom320",
        "name": "Reception", "settings": line("pbx.example.net"),
    });
    let created = gateway.done("create/phone", json!({ "values": values }));
    assert_eq!(created, json!({ "result": "success", "numrows": 1 }));
    assert_eq!(
        read(&gateway, json!({ "mac": "000413999999" })),
        json!({
            "result": "success",
            "values": [{
                "phoneid": "0004139999990", "phone_type": "snom320", "type": "Snom 320",
                "state": "active", "created": NOW, "company": "acompany", "name": "Reception",
                "settings": { "lines": { "1": {
                    "user": "100", "password": "***", "registrar": "pbx.example.net",
                } } },
                "sighting": null, "wanted_firmware": null, "served": null,
                "admission": { "armed": NOW, "pins": null, "locked": null },
                "claims": [{
                    "phone_type": "snom320", "strength": "operator",
                    "first": NOW, "last": NOW, "user_agent": "",
                }],
            }],
            "numrows": 1,
        })
    );
    gateway.refused("create/phone", json!({ "values": values }), "Phone already activated");
}

#[test]
fn a_phoneid_counts_only_without_a_mac_and_brings_its_port() {
    let gateway = Gateway::base();
    let create = |mut values: Value| {
        values["company"] = json!("default");
        values["phone_type"] = json!("pap2t");
        gateway.ask("sysadmin", "create/phone", json!({ "values": values }))
    };
    assert_eq!(create(json!({ "mac": "", "phoneid": "00049f7777771" }))["numrows"], 1);
    assert_eq!(create(json!({ "mac": "00049f777777", "phoneid": "nonsense" }))["numrows"], 1);
    assert_eq!(
        ids(&read(&gateway, json!({ "mac": "00049f777777" }))),
        ["00049f7777770", "00049f7777771"]
    );
    assert_eq!(
        create(json!({ "mac": "00049f777777", "port": 2 })),
        fail("port: pap2t has ports 0 to 1, not 2")
    );
    assert_eq!(create(json!({})), fail("mac or phoneid required"));
    let broadcast = "mac: ffffffffffff is the address of no phone";
    assert_eq!(create(json!({ "mac": "ffffffffffff" })), fail(broadcast));
}

#[test]
fn creating_an_inactive_port_activates_it_alone_and_keeps_its_created() {
    let gateway = Gateway::base();
    let values =
        json!({ "phoneid": "00049f0000011", "company": "bcompany", "phone_type": "pap2t" });
    gateway.done("create/phone", json!({ "values": values }));
    let both = read(&gateway, json!({ "mac": "00049f000001" }));
    assert_eq!(
        (&both["values"][0]["state"], &both["values"][1]["state"]),
        (&json!("inactive"), &json!("active"))
    );
    assert_eq!(both["values"][1]["created"], 1_500_000_100);
}

#[test]
fn creating_a_phone_says_better_what_an_inactive_device_is() {
    let gateway = Gateway::base();
    let values = json!({ "mac": "00087b0a0b0c", "company": "default", "phone_type": "pap2t", "other_maker": true });
    gateway.done("create/phone", json!({ "values": values }));
    let phones = read(&gateway, json!({ "mac": "00087b0a0b0c" }));
    assert_eq!(ids(&phones), ["00087b0a0b0c0", "00087b0a0b0c1"], "the ports of the type said now");
    assert_eq!(phones["values"][1]["phone_type"], "pap2t");
}

#[test]
fn a_device_with_active_ports_has_one_type() {
    let gateway = Gateway::base();
    let values =
        json!({ "phoneid": "0004f22222221", "company": "default", "phone_type": "kws300" });
    gateway.refused("create/phone", json!({ "values": values }), "Device is of another phone type");
}

#[test]
fn create_names_what_is_missing_or_wrong() {
    let gateway = Gateway::base();
    let before = gateway.lists();
    let whole = json!({ "mac": "000413999999", "company": "acompany", "phone_type": "snom320" });
    for (field, value, message) in [
        ("company", json!(null), "company required"),
        ("company", json!("nosuch"), "No such company"),
        ("phone_type", json!(null), "phone_type required"),
        ("phone_type", json!("snom999"), "No such phone type: snom999"),
        ("mac", json!(7), "mac: must be a string"),
        ("name", json!(7), "name: must be a string"),
        ("name", json!("x".repeat(129)), "name: must be at most 128 characters"),
        (
            "name",
            json!("a\nb"),
            "name: must have no control characters and none that are invisible or turn the \
             direction of writing, as U+000A is",
        ),
        (
            "name",
            json!("Reception \u{202e}eciffo"),
            "name: must have no control characters and none that are invisible or turn the \
             direction of writing, as U+202E is",
        ),
        (
            "settings",
            json!({ "lines": { "1": { "registrar_port": 0 } } }),
            "settings: lines.1.registrar_port: must be 1 to 65535, not 0",
        ),
        (
            "adress",
            json!(1),
            "values.\"adress\" is not known here: mac, port, phoneid, company, phone_type, name, settings, other_maker",
        ),
    ] {
        let mut values = whole.clone();
        values[field] = value;
        gateway.refused("create/phone", json!({ "values": values }), message);
    }
    assert_eq!(gateway.lists(), before);
}

#[test]
fn read_filters_narrow_and_find_nothing_for_what_is_not_known() {
    let gateway = Gateway::base();
    for (scope, count) in [
        (json!({}), 21),
        (json!({ "state": "active" }), 6),
        (json!({ "state": "inactive" }), 15),
        (json!({ "mac": "00087b0a0b0c" }), 12),
        (json!({ "mac": "00:08:7B:0A:0B:0C", "port": 11 }), 1),
        (json!({ "phoneid": "00087B0A0B0C-11" }), 0),
        (json!({ "phoneid": "00087b0a0b0c11" }), 1),
        (json!({ "phoneid": "00087b0a0b0c11", "mac": "0123456789ab" }), 0),
        (json!({ "phone_type": "pap2t" }), 6),
        (json!({ "phone_type": "pap2t", "company": "bcompany" }), 3),
        (json!({ "company": ["acompany", "default"] }), 3),
        (json!({ "company": "ccompany" }), 0),
        (json!({ "company": "acompany", "state": "inactive" }), 0),
        (json!({ "phoneid": "00aabbccddee0" }), 0),
        (json!({ "phoneid": "nonsense" }), 0),
        (json!({ "mac": "nonsense" }), 0),
        (json!({ "mac": "nonsense", "company": "acompany" }), 0),
        (json!({ "phone_type": "snom999" }), 0),
        (json!({ "phone_type": "no type!" }), 0),
    ] {
        assert_eq!(read(&gateway, scope.clone())["numrows"], count, "{scope}");
    }
    for (scope, message) in [
        (json!({ "company": "nosuch" }), "No such company"),
        (json!({ "mac": "nonsense", "company": "nosuch" }), "No such company"),
        (json!({ "state": "asleep" }), "state: must be active or inactive"),
        (json!({ "limit": 0 }), "limit: must be 1 to 1000"),
        (json!({ "mac": 5 }), "mac: must be a string"),
        (
            json!({ "phonid": "x" }),
            "scope.\"phonid\" is not known here: phoneid, mac, port, company, phone_type, state, firmware, limit, after",
        ),
    ] {
        gateway.refused("read/phone", json!({ "scope": scope }), message);
    }
}

#[test]
fn pages_come_one_after_the_other_and_miss_nothing() {
    let gateway = Gateway::base();
    let all = read(&gateway, json!({}));
    assert_eq!(all.get("next"), None);
    let mut paged: Vec<String> = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = read(&gateway, json!({ "limit": 4, "after": after }));
        paged.extend(ids(&page).into_iter().map(str::to_owned));
        match page.get("next") {
            None => break,
            Some(next) => {
                assert_eq!(page["numrows"], 4);
                after = next.clone();
            }
        }
    }
    assert_eq!(paged, ids(&all));
    let mut sorted: Vec<(&str, u32)> =
        paged.iter().map(|id| (&id[..12], id[12..].parse().unwrap())).collect();
    sorted.sort_unstable();
    let found: Vec<(&str, u32)> =
        paged.iter().map(|id| (&id[..12], id[12..].parse().unwrap())).collect();
    assert_eq!(found, sorted);
}

#[test]
fn a_company_admin_reads_its_own_phones_and_with_default_the_inactive() {
    let gateway = Gateway::base();
    let count = |role: &str, scope: Value| {
        gateway.ask(role, "read/phone", json!({ "scope": scope }))["numrows"].clone()
    };
    assert_eq!(count("ca_a", json!({})), 2);
    assert_eq!(count("ca_a", json!({ "state": "inactive" })), 0);
    assert_eq!(count("ca_a", json!({ "mac": "00049f333333" })), 1, "not the port of bcompany");
    assert_eq!(count("ca_default", json!({})), 16);
    assert_eq!(count("ca_default_a", json!({})), 18);
}

#[test]
fn an_update_merges_and_says_nothing_of_what_it_leaves() {
    let gateway = Gateway::base();
    let update = |values: Value| {
        let body = json!({ "scope": { "phoneid": "0004f22222220" }, "values": values });
        gateway.done("update/phone", body)
    };
    let row = || read(&gateway, json!({ "phoneid": "0004f22222220" }))["values"][0].clone();
    assert_eq!(update(json!({ "name": "Hall", "settings": line("a.example.net") }))["numrows"], 1);
    update(
        json!({ "settings": { "lines": { "1": { "label": "100", "registrar": "b.example.net" } } } }),
    );
    let shown = row();
    assert_eq!(shown["name"], "Hall");
    assert_eq!(
        shown["settings"]["lines"]["1"],
        json!({ "user": "100", "password": "***", "label": "100", "registrar": "b.example.net" })
    );
    update(json!({ "settings": { "lines": null } }));
    assert_eq!(row()["settings"], json!({}));
    update(json!({ "settings": line("a.example.net") }));
    update(json!({ "settings": null, "name": "" }));
    assert_eq!((&row()["settings"], &row()["name"]), (&json!({}), &json!("")));
}

#[test]
fn the_marker_of_a_secret_is_not_taken_for_the_secret() {
    let gateway = Gateway::base();
    let settings = json!({ "lines": { "1": { "password": "***" } } });
    let body = json!({ "scope": { "mac": "0004f2222222" }, "values": { "settings": settings } });
    let answer = gateway.ask("sysadmin", "update/phone", body);
    assert!(
        answer["message"].as_str().unwrap().contains("how a hidden value is shown"),
        "{answer}"
    );
}

#[test]
fn an_update_that_no_file_can_be_made_of_changes_nothing() {
    let gateway = Gateway::base();
    let settings = json!({ "lines": { "1": { "user": "100", "password": "s3cret" } } });
    let body = json!({ "scope": { "mac": "0004f2222222" }, "values": { "settings": settings } });
    let answer = gateway.ask("sysadmin", "update/phone", body);
    let message = answer["message"].as_str().unwrap();
    assert!(message.starts_with("0004f22222220 cannot be configured: "), "{message}");
    assert_eq!(
        read(&gateway, json!({ "mac": "0004f2222222" }))["values"][0]["settings"],
        json!({})
    );
}

#[test]
fn an_update_is_refused_without_naming_what_another_companys_port_lacks() {
    let gateway = Gateway::base();
    let line = |user: &str| json!({ "lines": { "1": { "user": user, "password": "s3cret" } } });
    // Its port of the device cannot be configured any more.
    let values = json!({ "settings": line("b-100") });
    gateway.done("update/company", json!({ "scope": { "company": "bcompany" }, "values": values }));
    let update = |role: &str, values: Value| {
        let scope = json!({ "phoneid": "00049f3333330" });
        let answer = gateway.ask(role, "update/phone", json!({ "scope": scope, "values": values }));
        answer["message"].as_str().unwrap().to_owned()
    };
    let message = update("ca_a", json!({ "name": "Reception" }));
    assert!(message.starts_with("00049f3333330 cannot be configured: "), "{message}");
    assert!(!message.contains("registrar") && !message.contains("lines"), "{message}");
    // Who sees the port is told what it lacks, and anyone what is wrong with one's own.
    let message = update("sysadmin", json!({ "name": "Reception" }));
    assert!(message.contains("lines.1.registrar"), "{message}");
    let message = update("ca_a", json!({ "settings": line("a-100") }));
    assert!(message.contains("lines.1.registrar"), "{message}");
}

#[test]
fn a_phone_of_another_company_is_not_found() {
    let gateway = Gateway::base();
    for (role, id) in [
        ("ca_a", "0004131111110"),
        ("ca_a", "00049f3333331"),
        ("ca_a", "0123456789ab0"),
        ("ca_default_a", "00049f2222220"),
    ] {
        let body = json!({ "scope": { "phoneid": id }, "values": { "name": "Mine" } });
        assert_eq!(gateway.ask(role, "update/phone", body), fail("Phone not found"), "{role} {id}");
    }
    let inactive = json!({ "scope": { "phoneid": "0123456789ab0" }, "values": { "name": "New" } });
    assert_eq!(gateway.ask("ca_default", "update/phone", inactive)["numrows"], 1);
}

#[test]
fn the_type_of_a_device_is_changed_by_a_system_admin_as_far_as_its_ports_fit() {
    let gateway = Gateway::base();
    let body = |mac: &str, key: &str| json!({ "scope": { "mac": mac }, "values": { "phone_type": key, "other_maker": true } });
    let denied = gateway.ask("ca_a", "update/phone", body("0004f2222222", "kws300"));
    assert_eq!(denied, fail("Permission denied"));
    gateway.done("update/phone", body("0004f2222222", "snom320"));
    assert_eq!(
        read(&gateway, json!({ "mac": "0004f2222222" }))["values"][0]["phone_type"],
        "snom320"
    );
    let message = "Port 1 is active and the phone type has no such port";
    gateway.refused("update/phone", body("00049f222222", "snom320"), message);
    gateway.refused("update/phone", body("0004f2222222", "snom999"), "No such phone type: snom999");
    gateway.done("update/phone", body("00087b0a0b0c", "pap2t"));
    assert_eq!(read(&gateway, json!({ "mac": "00087b0a0b0c" }))["numrows"], 2);
}

#[test]
fn update_and_delete_need_one_phone_and_known_fields() {
    let gateway = Gateway::base();
    let before = gateway.lists();
    for command in ["update/phone", "delete/phone", "preview/phone"] {
        for scope in [json!(null), json!({}), json!({ "mac": "", "phoneid": "" })] {
            gateway.refused(command, json!({ "scope": scope }), "mac or phoneid required");
        }
    }
    let scope = json!({ "mac": "0004f2222222", "company": "acompany" });
    let known = "scope.\"company\" is not known here: mac, port, phoneid";
    gateway.refused("delete/phone", json!({ "scope": scope }), known);
    let values = json!({ "company": "bcompany" });
    let body = json!({ "scope": { "mac": "0004f2222222" }, "values": values });
    let known = "values.\"company\" is not known here: name, settings, phone_type, other_maker";
    gateway.refused("update/phone", body, known);
    assert_eq!(gateway.lists(), before);
}

#[test]
fn delete_removes_one_active_phone() {
    let gateway = Gateway::base();
    let delete = |scope: Value| gateway.ask("sysadmin", "delete/phone", json!({ "scope": scope }));
    assert_eq!(
        delete(json!({ "phoneid": "00049f3333331" })),
        json!({ "result": "success", "numrows": 1 })
    );
    assert_eq!(ids(&read(&gateway, json!({ "mac": "00049f333333" }))), ["00049f3333330"]);
    assert_eq!(delete(json!({ "phoneid": "00049f3333331" })), fail("Phone not found"));
    assert_eq!(delete(json!({ "mac": "00049f333333" }))["numrows"], 1);
    assert_eq!(read(&gateway, json!({ "mac": "00049f333333" }))["numrows"], 0);
    assert_eq!(delete(json!({ "phoneid": "0123456789ab0" })), fail("Phone not found"), "inactive");
}
