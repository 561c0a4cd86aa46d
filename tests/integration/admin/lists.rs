//! inactive, active, readtypes (contract, sections 4 and 6.2 to 6.26).

use serde_json::{Value, json};

use super::gateway::{Gateway, fail};

#[test]
fn rows_have_exactly_the_documented_keys() {
    let gateway = Gateway::base();
    let (inactive, active) = gateway.lists();
    assert_eq!(
        inactive["values"][0],
        json!({
            "phoneid": "0123456789ab0", "phone_type": "snom320", "type": "Snom 320",
            "created": 1_500_000_000,
        })
    );
    assert_eq!(
        active["values"][0],
        json!({
            "phoneid": "0004131111110", "phone_type": "snom320-1",
            "type": "Snom 320 with 1 expansion module", "created": 1_400_000_000,
            "company": "default",
        })
    );
}

#[test]
fn rows_come_in_order_of_created_mac_and_port_with_two_digits() {
    let gateway = Gateway::base();
    let (inactive, _) = gateway.lists();
    let ids: Vec<&str> = inactive["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["phoneid"].as_str().unwrap())
        .collect();
    assert_eq!(ids[..3], ["0123456789ab0", "00049f0000010", "00049f0000011"]);
    assert_eq!(ids[11..], ["00087b0a0b0c8", "00087b0a0b0c9", "00087b0a0b0c10", "00087b0a0b0c11"]);
}

#[test]
fn inactive_ignores_scope_columns_and_order() {
    let gateway = Gateway::base();
    for body in [
        json!({ "scope": { "company": "nosuch" } }),
        json!({ "scope": "nonsense", "columns": 5, "order": [] }),
    ] {
        assert_eq!(gateway.done("inactive/phone", body)["numrows"], 15);
    }
}

#[test]
fn active_filters_by_company() {
    let gateway = Gateway::base();
    let numrows = |company: Value| {
        gateway.done("active/phone", json!({ "scope": { "company": company } }))["numrows"].clone()
    };
    assert_eq!(numrows(json!("bcompany")), 3);
    assert_eq!(numrows(json!(["bcompany"])), 3);
    assert_eq!(numrows(json!(["acompany", "acompany", "default"])), 3);
    assert_eq!(numrows(json!("ccompany")), 0);
    assert_eq!(numrows(json!([])), 0);
    assert_eq!(numrows(json!("")), 6);
    assert_eq!(numrows(json!(null)), 6);
    assert_eq!(gateway.done("active/phone", json!({ "scope": [] }))["numrows"], 6, "PHP's {{}}");
}

#[test]
fn active_fails_for_what_is_no_company() {
    let gateway = Gateway::base();
    for company in [json!("nosuch"), json!("Acompany"), json!(["acompany", "nosuch"]), json!([""])]
    {
        let body = json!({ "scope": { "company": company } });
        assert_eq!(gateway.ask("sysadmin", "active/phone", body), fail("No such company"));
    }
    for company in [json!(5), json!({}), json!(["acompany", 5])] {
        let body = json!({ "scope": { "company": company } });
        let message = "company: must be a string or a list of strings";
        assert_eq!(gateway.ask("sysadmin", "active/phone", body), fail(message));
    }
    let body = json!({ "scope": "acompany" });
    assert_eq!(gateway.ask("sysadmin", "active/phone", body), fail("scope: must be an object"));
}

#[test]
fn readtypes_is_sorted_and_names_key_group_and_description() {
    let gateway = Gateway::base();
    let types = gateway.done("readtypes/phone", json!({}));
    assert_eq!(types["numrows"], 5);
    let keys: Vec<&str> = types["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let names: Vec<&String> = row.as_object().unwrap().keys().collect();
            assert_eq!(names, ["phone_type", "pgroup", "description"]);
            row["phone_type"].as_str().unwrap()
        })
        .collect();
    assert_eq!(keys, ["ip450", "kws300", "pap2t", "snom320", "snom320-1"]);
}

#[test]
fn a_type_the_catalogue_does_not_have_shows_its_key() {
    let document = json!({
        "version": 1,
        "users": [{ "login": "root", "role": "System-Admin", "key": "KEY-sysadmin" }],
        "devices": [{ "mac": "000413000001", "phone_type": "newYeaVP2009", "ports": [{ "port": 0 }] }],
    });
    let gateway = Gateway::with_document(&serde_json::to_vec(&document).unwrap());
    let (inactive, _) = gateway.lists();
    let row = &inactive["values"][0];
    assert_eq!(
        (&row["phone_type"], &row["type"]),
        (&json!("newYeaVP2009"), &json!("newYeaVP2009"))
    );
}
