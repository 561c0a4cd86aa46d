//! What phones asked last, and to whom that is shown.

use serde_json::{Value, json};

use super::cases;
use super::gateway::user;
use crate::support::Gateway;
use crate::support::gateway::call;

fn targets(gateway: &Gateway, role: &str, scope: Value) -> Vec<String> {
    let auth = json!({ "type": "auth", "key": user(role)["key"] });
    let body = json!({ "type": "phone", "scope": scope, "auth": auth });
    let answer = call(gateway.admin(), "requests", &body);
    assert_eq!(answer["result"], "success", "{answer}");
    let rows = answer["values"].as_array().unwrap().iter();
    rows.map(|row| row["target"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn callers_see_the_requests_of_the_devices_they_see() {
    let gateway = cases::gateway("base");
    // Of acompany, of bcompany, of both, waiting, and unknown without a type.
    let macs =
        ["0004f2222222", "00049f222222", "00049f333333", "00087b0a0b0c", "0004f2999999", "nothing"];
    for mac in macs {
        gateway.get(&format!("/{mac}-none.xyz"), None);
    }
    for (role, seen) in [
        ("sysadmin", [true, true, true, true, true, true]),
        ("ca_default", [false, false, false, true, true, true]),
        ("ca_default_a", [true, false, true, true, true, true]),
        ("ca_a", [true, false, true, false, false, false]),
    ] {
        for (mac, seen) in macs.into_iter().zip(seen) {
            let scope = if mac == "nothing" { json!({}) } else { json!({ "mac": mac }) };
            let shown = targets(&gateway, role, scope);
            let own = format!("/{mac}-none.xyz");
            assert_eq!(shown.contains(&own), seen, "{mac} by {role}: {shown:?}");
            assert!(seen || shown.is_empty(), "{mac} by {role}: {shown:?}");
        }
    }
}

#[test]
fn what_went_wrong_with_another_companys_port_is_not_told() {
    let gateway = cases::gateway("base");
    let ask = |role: &str, verb: &str, mut body: Value| {
        body["auth"] = json!({ "type": "auth", "key": user(role)["key"] });
        let answer = call(gateway.admin(), verb, &body);
        assert_eq!(answer["result"], "success", "{answer}");
        answer
    };
    // The adapter's file holds a port of each company, and bcompany loses what its port needs.
    let registrar = |settings: Value| {
        let scope = json!({ "company": "bcompany" });
        let body = json!({ "scope": scope, "values": { "settings": settings } });
        ask("sysadmin", "update/company", body);
    };
    registrar(json!({ "lines": { "1": { "registrar": "sip.example.com" } } }));
    let line = json!({ "lines": { "1": { "user": "2001", "password": "s3cret" } } });
    let scope = json!({ "phoneid": "00049f3333331" });
    let body = json!({ "scope": scope, "values": { "settings": line } });
    ask("sysadmin", "update/phone", body);
    registrar(Value::Null);
    gateway.get("/00049f333333.xml", Some("Linksys/PAP2T-5.1.6(LS)"));
    let detail = |role: &str| {
        let answer = ask(role, "requests/phone", json!({ "scope": { "mac": "00049f333333" } }));
        answer["values"][0]["detail"].as_str().unwrap().to_owned()
    };
    let told = detail("sysadmin");
    assert!(told.contains("lines.1.registrar is not set"), "{told}");
    assert_eq!(detail("ca_a"), "");
}
