//! The command assign, as the published API has it.

use serde_json::{Value, json};

use super::gateway::Gateway;

fn body(scope: Value) -> Value {
    json!({ "scope": scope, "values": { "company": "ccompany" } })
}

#[test]
fn the_reply_says_where_each_port_was() {
    let gateway = Gateway::base();
    let answer = gateway.done("assign/phone", body(json!({ "mac": "00049f333333" })));
    assert_eq!(
        answer,
        json!({
            "result": "success", "numrows": 2, "company": { "0": "acompany", "1": "bcompany" },
        })
    );
    let again = gateway.done("assign/phone", body(json!({ "mac": "00049f333333" })));
    assert_eq!(again["company"], json!({ "0": "ccompany", "1": "ccompany" }));
}

#[test]
fn a_port_is_a_number_or_its_digits_and_zero_is_one() {
    for (port, moved) in [
        (json!(0), json!({ "0": "acompany" })),
        (json!("0"), json!({ "0": "acompany" })),
        (json!(1), json!({ "1": "bcompany" })),
        (json!("1"), json!({ "1": "bcompany" })),
        (json!(""), json!({ "0": "acompany", "1": "bcompany" })),
        (json!(null), json!({ "0": "acompany", "1": "bcompany" })),
    ] {
        let scope = json!({ "mac": "00049f333333", "port": port });
        assert_eq!(Gateway::base().done("assign/phone", body(scope))["company"], moved, "{port}");
    }
}

#[test]
fn what_is_no_port_is_refused() {
    let gateway = Gateway::base();
    let before = gateway.lists();
    for port in
        [json!("01"), json!(-1), json!(1.5), json!(1000), json!("a"), json!(" 1"), json!([0])]
    {
        let scope = json!({ "mac": "00049f333333", "port": port });
        gateway.refused("assign/phone", body(scope), "Invalid port");
    }
    let scope = json!({ "mac": "00049f333333", "port": 2 });
    gateway.refused("assign/phone", body(scope), "Phone not found");
    assert_eq!(gateway.lists(), before);
}

#[test]
fn a_mac_wins_over_a_phoneid_even_one_that_is_none() {
    let gateway = Gateway::base();
    let scope = json!({ "mac": "00049f222222", "phoneid": "nonsense" });
    assert_eq!(gateway.done("assign/phone", body(scope))["numrows"], 2);
    let scope = json!({ "mac": "", "phoneid": "0004f22222220" });
    assert_eq!(gateway.done("assign/phone", body(scope))["company"], json!({ "0": "acompany" }));
}

#[test]
fn a_phoneid_selects_its_port_and_agrees_with_the_one_beside_it() {
    let gateway = Gateway::base();
    let scope = json!({ "phoneid": "00049f3333331", "port": "0" });
    gateway.refused("assign/phone", body(scope), "Invalid port");
    let scope = json!({ "phoneid": "00049f3333331", "port": 1 });
    assert_eq!(gateway.done("assign/phone", body(scope))["company"], json!({ "1": "bcompany" }));
}

#[test]
fn every_matched_phone_must_be_in_the_source_company() {
    let gateway = Gateway::base();
    let before = gateway.lists();
    let scope = json!({ "mac": "00049f333333", "company": "acompany" });
    gateway.refused("assign/phone", body(scope), "Source company mismatch");
    for source in ["nosuch", "Acompany"] {
        let scope = json!({ "mac": "0004f2222222", "company": source });
        gateway.refused("assign/phone", body(scope), "Source company mismatch");
    }
    assert_eq!(gateway.lists(), before);
    let scope = json!({ "mac": "00049f222222", "company": "bcompany" });
    assert_eq!(gateway.done("assign/phone", body(scope))["numrows"], 2);
}

#[test]
fn an_inactive_phone_is_not_assigned() {
    let gateway = Gateway::base();
    gateway.refused("assign/phone", body(json!({ "mac": "0123456789ab" })), "Phone not found");
    let scope = json!({ "phoneid": "00049f0000010" });
    gateway.refused("assign/phone", body(scope), "Phone not found");
}

#[test]
fn a_target_and_a_device_are_needed() {
    let gateway = Gateway::base();
    let before = gateway.lists();
    for values in [json!(null), json!({}), json!({ "company": "" }), json!({ "company": null })] {
        let body = json!({ "scope": { "mac": "0004f2222222" }, "values": values });
        gateway.refused("assign/phone", body, "Target company required");
    }
    for scope in [json!({}), json!(null), json!({ "mac": "" }), json!({ "port": 0 })] {
        gateway.refused("assign/phone", body(scope), "mac or phoneid required");
    }
    gateway.refused("assign/phone", body(json!({ "mac": 5 })), "mac: must be a string");
    let scope = json!({ "mac": "0004f222222" });
    let answer = gateway.ask("sysadmin", "assign/phone", body(scope));
    assert!(answer["message"].as_str().unwrap().starts_with("mac: not a MAC address"), "{answer}");
    let unknown = json!({ "scope": { "mac": "00aabbccddee" }, "values": { "company": "nosuch" } });
    gateway.refused("assign/phone", unknown, "No such company");
    assert_eq!(gateway.lists(), before);
}
