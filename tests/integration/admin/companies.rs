//! create, read, update and delete of companies.

use serde_json::{Value, json};

use super::gateway::{Gateway, NOW, fail};

fn read(gateway: &Gateway, company: &str) -> Value {
    let body = json!({ "scope": { "company": company } });
    gateway.done("read/company", body)["values"][0].clone()
}

#[test]
fn a_company_is_made_changed_and_deleted() {
    let gateway = Gateway::base();
    let settings = json!({
        "language": "de", "access": { "admin_password": "s3cret-of-d" },
    });
    let values = json!({ "company": "dcompany", "name": "D Inc.", "settings": settings });
    let created = gateway.done("create/company", json!({ "values": values }));
    assert_eq!(created, json!({ "result": "success", "numrows": 1 }));
    assert_eq!(
        read(&gateway, "dcompany"),
        json!({
            "company": "dcompany", "name": "D Inc.", "created": NOW,
            "settings": { "language": "de", "access": { "admin_password": "***" } },
        })
    );
    gateway.refused(
        "create/company",
        json!({ "values": values }),
        "Company dcompany already exists",
    );

    let scope = json!({ "company": "dcompany" });
    let values = json!({ "settings": { "language": null, "tones": "DE" } });
    gateway.done("update/company", json!({ "scope": scope, "values": values }));
    assert_eq!(
        read(&gateway, "dcompany")["settings"],
        json!({ "tones": "DE", "access": { "admin_password": "***" } })
    );
    assert_eq!(read(&gateway, "dcompany")["name"], "D Inc.");

    assert_eq!(gateway.done("delete/company", json!({ "scope": scope }))["numrows"], 1);
    gateway.refused("read/company", json!({ "scope": scope }), "No such company");
    gateway.refused("delete/company", json!({ "scope": scope }), "No such company");
}

#[test]
fn a_new_company_can_be_promoted_into_at_once() {
    let gateway = Gateway::base();
    gateway.done("create/company", json!({ "values": { "company": "d_2" } }));
    let body = json!({ "scope": { "phoneid": "0123456789ab0" }, "values": { "company": "d_2" } });
    assert_eq!(gateway.done("promote/phone", body)["numrows"], 1);
}

#[test]
fn a_company_that_is_named_anywhere_stays() {
    let gateway = Gateway::base();
    let delete = |company: &str| {
        let body = json!({ "scope": { "company": company } });
        gateway.ask("sysadmin", "delete/company", body)
    };
    assert_eq!(delete("default"), fail("The company default cannot be deleted"));
    assert_eq!(delete("bcompany"), fail("Company bcompany still has phones"));
    for mac in ["0004f2222222", "00049f333333"] {
        let body = json!({ "scope": { "mac": mac }, "values": { "company": "bcompany" } });
        gateway.done("assign/phone", body);
    }
    assert_eq!(delete("acompany"), fail("Company acompany is still a company of user cadefa"));
    let values = json!({ "login": "member", "company": "ccompany" });
    gateway.done("create/user", json!({ "values": values }));
    assert_eq!(delete("ccompany"), fail("Company ccompany is still a company of user member"));
    gateway.done("delete/user", json!({ "scope": { "login": "member" } }));
    assert_eq!(delete("ccompany")["result"], "success");
}

#[test]
fn what_can_be_no_company_is_refused() {
    let gateway = Gateway::base();
    let wrong = "company: not a company id: 1 to 32 letters, digits and `_`";
    for id in ["a b", "a-b", "abcdefghijklmnopqrstuvwxyz_0123456", "ä"] {
        gateway.refused("create/company", json!({ "values": { "company": id } }), wrong);
    }
    gateway.refused("create/company", json!({ "values": {} }), "company required");
    for command in ["update/company", "delete/company"] {
        gateway.refused(command, json!({ "scope": {} }), "company required");
    }
    let values = json!({ "company": "d", "settings": { "language": "klingonisch", "x": 1 } });
    let answer = gateway.ask("sysadmin", "create/company", json!({ "values": values }));
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("x: is not a setting") && message.contains("language: "), "{message}");
    let body = json!({ "scope": { "company": "d" } });
    gateway.refused("read/company", body, "No such company");
}

#[test]
fn each_sees_the_companies_it_administers() {
    let gateway = Gateway::base();
    let names = |role: &str| -> Vec<String> {
        let answer = gateway.ask(role, "read/company", json!({}));
        let rows = answer["values"].as_array().unwrap();
        rows.iter().map(|row| row["company"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("sysadmin"), ["acompany", "bcompany", "ccompany", "default"]);
    assert_eq!(names("ca_default_a"), ["acompany", "default"]);
    assert_eq!(names("ca_a"), ["acompany"]);
    let body = json!({ "scope": { "company": "acompany" }, "values": { "name": "Ours" } });
    assert_eq!(gateway.ask("ca_a", "update/company", body)["numrows"], 1);
    assert_eq!(read(&gateway, "acompany")["name"], "Ours");
}
