//! Who may do what, as docs/api.md says of each command, and the order of checks.

use serde_json::{Value, json};

use super::gateway::{Gateway, fail};

const DENIED: &str = "Permission denied";

/// Whether each of System-Admin, Company-Admin with default, with default and
/// acompany, with acompany only, and User may.
type Row = (&'static str, Value, [bool; 5]);

fn rows() -> Vec<Row> {
    let inactive = json!({ "phoneid": "0123456789ab0" });
    let to_a = json!({ "scope": inactive, "values": { "company": "acompany" } });
    let assign = json!({ "scope": { "mac": "0004f2222222" }, "values": { "company": "default" } });
    let own = json!({ "scope": { "phoneid": "0004f22222220" } });
    let rename =
        json!({ "scope": { "phoneid": "0004f22222220" }, "values": { "name": "Reception" } });
    let create = json!({ "values": {
        "mac": "000413999999", "company": "acompany", "phone_type": "snom320",
    } });
    let company = json!({ "scope": { "company": "acompany" }, "values": { "name": "A" } });
    let new_user = json!({ "values": { "login": "new" } });
    vec![
        ("inactive/phone", json!({}), [true, true, true, false, false]),
        ("active/phone", json!({}), [true, true, true, false, false]),
        ("promote/phone", json!({ "scope": inactive }), [true, true, true, false, false]),
        ("promote/phone", to_a, [true, false, true, false, false]),
        ("demote/phone", json!({ "scope": inactive }), [true, true, true, false, false]),
        ("assign/phone", assign, [true, false, false, false, false]),
        ("readtypes/phone", json!({}), [true, true, true, true, false]),
        ("create/phone", create, [true, false, false, false, false]),
        ("read/phone", json!({}), [true, true, true, true, false]),
        ("requests/phone", json!({}), [true, true, true, true, false]),
        ("delete/phone", own, [true, false, false, false, false]),
        ("events/phone", json!({}), [true, true, true, true, false]),
        (
            "create/company",
            json!({ "values": { "company": "d" } }),
            [true, false, false, false, false],
        ),
        ("read/company", json!({}), [true, true, true, true, false]),
        (
            "delete/company",
            json!({ "scope": { "company": "ccompany" } }),
            [true, false, false, false, false],
        ),
        ("events/company", json!({}), [true, true, true, true, false]),
        ("create/user", new_user, [true, false, false, false, false]),
        ("read/user", json!({}), [true, false, false, false, false]),
        (
            "delete/user",
            json!({ "scope": { "login": "plain" } }),
            [true, false, false, false, false],
        ),
        ("events/user", json!({}), [true, false, false, false, false]),
        ("read/settings", json!({}), [true, false, false, false, false]),
        ("read/ban", json!({}), [true, false, false, false, false]),
        ("events/ban", json!({}), [true, false, false, false, false]),
        (
            "create/ban",
            json!({ "values": { "network": "192.0.2.7" } }),
            [true, false, false, false, false],
        ),
        (
            "update/settings",
            json!({ "values": { "settings": {} } }),
            [true, false, false, false, false],
        ),
        ("events/settings", json!({}), [true, false, false, false, false]),
        // What is another company's is not there, rather than denied.
        ("update/phone", rename, [true, false, true, true, false]),
        (
            "preview/phone",
            json!({ "scope": { "phoneid": "0004f22222220" } }),
            [true, false, true, true, false],
        ),
        (
            "reveal/phone",
            json!({ "scope": { "phoneid": "0004f22222220" } }),
            [true, false, true, true, false],
        ),
        ("update/company", company, [true, false, true, true, false]),
    ]
}

#[test]
fn each_role_may_what_the_table_says() {
    let roles = ["sysadmin", "ca_default", "ca_default_a", "ca_a", "user"];
    for (command, body, may) in rows() {
        for (role, may) in roles.iter().zip(may) {
            let gateway = Gateway::base();
            let before = gateway.lists();
            let answer = gateway.ask(role, command, body.clone());
            let done = answer["result"] == "success";
            assert_eq!(done, may, "{command} by {role}: {answer}");
            if !may {
                assert_eq!(gateway.lists(), before, "{command} by {role} changed something");
            }
            let foreign = *role == "ca_default"
                && matches!(
                    command,
                    "update/phone" | "preview/phone" | "reveal/phone" | "update/company"
                );
            if !may && !foreign {
                assert_eq!(answer, fail(DENIED), "{command} by {role}");
            }
        }
    }
}

#[test]
fn the_role_is_checked_before_the_fields_are_looked_at() {
    let gateway = Gateway::base();
    for command in ["promote/phone", "demote/phone", "assign/phone", "create/phone", "delete/user"]
    {
        assert_eq!(gateway.ask("user", command, json!({ "scope": 5 })), fail(DENIED), "{command}");
    }
    let denied = gateway.ask("ca_a", "active/phone", json!({ "scope": { "company": "nosuch" } }));
    assert_eq!(denied, fail(DENIED));
}

#[test]
fn the_fields_are_checked_before_the_company_and_that_before_the_phone() {
    let gateway = Gateway::base();
    let promote = |scope: Value, company: &str| {
        let body = json!({ "scope": scope, "values": { "company": company } });
        gateway.ask("sysadmin", "promote/phone", body)
    };
    assert_eq!(promote(json!({}), "nosuch"), fail("phoneid required"));
    assert_eq!(promote(json!({ "phoneid": "00aabbccddee0" }), "nosuch"), fail("No such company"));
    assert_eq!(promote(json!({ "phoneid": "00aabbccddee0" }), "default"), fail("Phone not found"));
}

#[test]
fn a_company_admin_cannot_tell_a_foreign_company_from_an_unknown_one() {
    let gateway = Gateway::base();
    let ask = |command: &str, body: Value| gateway.ask("ca_default_a", command, body);
    let scope = json!({ "phoneid": "0123456789ab0" });
    for (command, body) in [
        (
            "active/phone",
            (|company| json!({ "scope": { "company": company } })) as fn(&str) -> Value,
        ),
        ("read/phone", |company| json!({ "scope": { "company": [company, "default"] } })),
        ("read/company", |company| json!({ "scope": { "company": company } })),
        ("update/company", |company| json!({ "scope": { "company": company }, "values": {} })),
        ("events/phone", |company| json!({ "scope": { "company": company } })),
        ("events/company", |company| json!({ "scope": { "company": company } })),
    ] {
        for company in ["bcompany", "nosuch", "not a company!"] {
            assert_eq!(ask(command, body(company)), fail("No such company"), "{command} {company}");
        }
    }
    for company in ["bcompany", "nosuch", "not a company!"] {
        let body = json!({ "scope": scope, "values": { "company": company } });
        assert_eq!(ask("promote/phone", body), fail(DENIED), "{company}");
    }
}
