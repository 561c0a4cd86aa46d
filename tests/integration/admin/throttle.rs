//! Passwords that are tried over and over.

use serde_json::{Value, json};

use super::gateway::{Gateway, fail};

fn attempt(gateway: &Gateway, login: &str, password: &str) -> Value {
    let auth = json!({ "type": "auth", "username": login, "password": password });
    gateway.post("/rest/auth", &json!({ "auth": auth }))
}

#[test]
fn twenty_wrong_passwords_shut_out_an_address_for_a_while() {
    let gateway = Gateway::base();
    for n in 0..20 {
        let login = if n % 2 == 0 { "root" } else { "nobody" };
        assert_eq!(attempt(&gateway, login, "wrong"), fail("Login incorrect."));
    }
    let shut = fail("Too many failed logins, try again in 30 s");
    assert_eq!(attempt(&gateway, "root", "wrong"), shut);
    assert_eq!(attempt(&gateway, "root", "pw-root"), shut, "right or wrong");
    let inline = json!({ "auth": { "type": "auth", "username": "root", "password": "pw-root" } });
    assert_eq!(gateway.post("/rest/dialplan/inactive/phone", &inline), shut, "anywhere");
    assert_eq!(
        gateway.ask("sysadmin", "inactive/phone", json!({}))["result"],
        "success",
        "keys are not passwords"
    );
    gateway.pass(30);
    assert_eq!(attempt(&gateway, "root", "pw-root")["result"], "success");
}

#[test]
fn right_passwords_are_not_counted() {
    let gateway = Gateway::base();
    for _ in 0..25 {
        assert_eq!(attempt(&gateway, "root", "pw-root")["result"], "success");
    }
}
