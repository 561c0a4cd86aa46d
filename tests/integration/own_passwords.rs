//! A password that nobody set is the phone's own: made, sent, shown on demand, and never another's.

use serde_json::{Value, json};

use crate::support::Gateway;
use crate::support::gateway::call;
use crate::support::http;

const MAC: &str = "0015654aa937";

fn phone() -> Value {
    json!({ "phoneid": format!("{MAC}0") })
}

fn promoted(gateway: &Gateway) {
    http::get(gateway.http(), &format!("/{MAC}.cfg"), None);
    gateway.settle();
    gateway.done("promote/phone", json!({ "scope": phone() }));
    let line = json!({ "user": "100", "password": "hunter2", "registrar": "sip.example" });
    let settings = json!({ "lines": { "1": line } });
    gateway.done("update/phone", json!({ "scope": phone(), "values": { "settings": settings } }));
}

fn file(gateway: &Gateway) -> String {
    http::get(gateway.http(), &format!("/{MAC}.cfg"), None).text().to_owned()
}

fn reveal(gateway: &Gateway) -> Value {
    let answer = gateway.done("reveal/phone", json!({ "scope": phone() }));
    answer["values"][0].clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

#[test]
fn a_phone_has_passwords_of_its_own_that_an_operator_can_ask_for() {
    let gateway = Gateway::start();
    promoted(&gateway);
    let shown = reveal(&gateway);
    let admin = text(&shown["admin_password"]);
    assert_eq!(shown["lines"], json!({ "1": "hunter2" }));
    assert_eq!(admin.len(), 12);
    assert_ne!(admin, text(&shown["user_password"]));
    assert_eq!(shown["admin_name"], "admin");
    assert_eq!(shown["user_name"], "user");
    assert!(file(&gateway).contains(&admin), "{}", file(&gateway));
    assert_eq!(reveal(&gateway), shown, "it stays");

    // In nothing else that anybody gets.
    let scope = json!({ "scope": phone() });
    let preview = gateway.done("preview/phone", scope.clone());
    assert!(preview.to_string().contains("***") && !preview.to_string().contains(&admin));
    let read = gateway.done("read/phone", scope);
    assert!(!read.to_string().contains(&admin), "{read}");
    let events = gateway.done("events/phone", json!({}));
    let last = &events["values"][0];
    assert_eq!((&last["action"], &last["name"]), (&json!("reveal"), &phone()["phoneid"]));
    assert!(!events.to_string().contains(&admin) && !events.to_string().contains("hunter2"));

    // A company that it moves to gets one that the first never knew, and another phone another.
    gateway.done("create/company", json!({ "values": { "company": "acme" } }));
    let to = json!({ "scope": phone(), "values": { "company": "acme" } });
    gateway.done("assign/phone", to);
    let moved = text(&reveal(&gateway)["admin_password"]);
    assert_ne!(moved, admin);
    let now = file(&gateway);
    assert!(now.contains(&moved) && !now.contains(&admin));

    // What an operator sets counts.
    let settings = json!({ "access": { "admin_password": "chosen-one" } });
    gateway.done("update/phone", json!({ "scope": phone(), "values": { "settings": settings } }));
    assert_eq!(reveal(&gateway)["admin_password"], "chosen-one");
    assert!(!file(&gateway).contains(&moved));
}

#[test]
fn a_phone_without_settings_comes_back_to_the_public_url() {
    let url = "https://provisioning.example:8443/p/";
    let gateway = Gateway::start_with(|config, _| {
        config.handset.public_url = Some(url.parse().unwrap());
    });
    promoted(&gateway);
    assert!(file(&gateway).contains(url), "{}", file(&gateway));
    let settings = json!({ "provisioning": { "base_url": "http://other.example/" } });
    gateway.done("update/phone", json!({ "scope": phone(), "values": { "settings": settings } }));
    assert!(!file(&gateway).contains(url));
}

#[test]
fn what_is_set_for_all_companies_is_revealed_to_none_of_them() {
    let gateway = Gateway::start();
    promoted(&gateway);
    let all = json!({ "access": { "user_password": "of-all-companies" } });
    gateway.done("update/settings", json!({ "values": { "settings": all } }));
    assert_eq!(reveal(&gateway)["user_password"], "of-all-companies");
    let user = json!({ "values": { "login": "tenant", "name": "Tenant", "role": "Company-Admin", "company": "default", "companies": ["default"], "key": true } });
    let key = text(&gateway.done("create/user", user)["key"]);
    let body = json!({ "auth": { "type": "auth", "key": key }, "scope": phone() });
    let seen = call(gateway.admin(), "reveal/phone", &body);
    assert_eq!(seen["values"][0]["user_password"], Value::Null, "{seen}");
    assert_eq!(seen["values"][0]["lines"], json!({ "1": "hunter2" }), "{seen}");
}

/// What the Company-Admin of a company is shown of a phone, by that company's first such.
fn revealed_to(gateway: &Gateway, company: &str, scope: &Value) -> Value {
    let login = format!("admin-of-{company}");
    let user = json!({ "values": { "login": login, "name": "Tenant", "role": "Company-Admin", "company": company, "companies": [company], "key": true } });
    let key = text(&gateway.done("create/user", user)["key"]);
    let body = json!({ "auth": { "type": "auth", "key": key }, "scope": scope });
    call(gateway.admin(), "reveal/phone", &body)["values"][0].clone()
}

#[test]
fn a_company_is_shown_the_passwords_that_its_own_phones_were_made() {
    let gateway = Gateway::start();
    promoted(&gateway);
    let made = reveal(&gateway);
    assert_eq!(text(&made["admin_password"]).len(), 12);
    assert_eq!(revealed_to(&gateway, "default", &phone()), made, "names and all");
}

#[test]
fn a_company_is_not_shown_what_opens_the_ports_of_others() {
    let gateway = Gateway::start();
    for company in ["acme", "other"] {
        gateway.done("create/company", json!({ "values": { "company": company } }));
    }
    let mac = "000e08aabbcc";
    let line = json!({ "user": "100", "password": "hunter2", "registrar": "sip.example" });
    for (port, company) in [(0, "acme"), (1, "other")] {
        let settings = json!({ "lines": { "1": line } });
        let values = json!({ "mac": mac, "port": port, "company": company, "phone_type": "pap2t", "settings": settings });
        gateway.done("create/phone", json!({ "values": values }));
    }
    let scope = json!({ "mac": mac, "port": 0 });
    let all = gateway.done("reveal/phone", json!({ "scope": scope }))["values"][0].clone();
    assert_eq!(text(&all["admin_password"]).len(), 12);
    let own = revealed_to(&gateway, "acme", &scope);
    assert_eq!(own["admin_password"], Value::Null, "{own}");
    assert_eq!(own["admin_name"], Value::Null, "{own}");
    assert_eq!(own["lines"], json!({ "1": "hunter2" }), "{own}");
    let of_other = revealed_to(&gateway, "other", &scope);
    assert_eq!(of_other, Value::Null);
}

#[test]
fn a_company_that_is_made_again_does_not_get_the_passwords_of_the_one_before() {
    let gateway = Gateway::start();
    promoted(&gateway);
    let in_acme = || {
        gateway.done("create/company", json!({ "values": { "company": "acme" } }));
        let to = |company: &str| json!({ "scope": phone(), "values": { "company": company } });
        gateway.done("assign/phone", to("acme"));
        let shown = reveal(&gateway);
        assert!(file(&gateway).contains(&text(&shown["admin_password"])));
        gateway.done("assign/phone", to("default"));
        gateway.done("delete/company", json!({ "scope": { "company": "acme" } }));
        ["admin_password", "user_password"].map(|name| text(&shown[name]))
    };
    let default = reveal(&gateway);
    let (first, second) = (in_acme(), in_acme());
    assert!(first.iter().all(|password| !second.contains(password)), "{first:?} {second:?}");
    assert_eq!(reveal(&gateway), default, "`default` is always the same company");
}

#[test]
fn a_password_that_no_file_of_the_type_has_is_neither_made_nor_shown() {
    let gateway = Gateway::start();
    let scope = json!({ "mac": "000413241234" });
    for (phone_type, has_user) in [("snom320", false), ("snomD785", true)] {
        let values = json!({ "mac": scope["mac"], "company": "default", "phone_type": phone_type });
        gateway.done("create/phone", json!({ "values": values }));
        let reveal =
            || gateway.done("reveal/phone", json!({ "scope": scope }))["values"][0].clone();
        let shown = reveal();
        assert_eq!(text(&shown["admin_password"]).len(), 12);
        assert_eq!(shown["user_password"].is_string(), has_user, "{phone_type}: {shown}");
        let settings = json!({ "access": { "user_password": "chosen" } });
        let values = json!({ "settings": settings });
        gateway.done("update/phone", json!({ "scope": scope, "values": values }));
        assert_eq!(reveal()["user_password"] == "chosen", has_user, "{phone_type}");
        gateway.done("delete/phone", json!({ "scope": scope }));
    }
}
