//! create, read, update and delete of users; keys and passwords.

use serde_json::{Value, json};

use super::gateway::{Gateway, JSON, NOW, fail, read, user};

fn row(gateway: &Gateway, login: &str) -> Value {
    gateway.done("read/user", json!({ "scope": { "login": login } }))["values"][0].clone()
}

fn update(gateway: &Gateway, login: &str, values: Value) -> Value {
    let body = json!({ "scope": { "login": login }, "values": values });
    gateway.ask("sysadmin", "update/user", body)
}

/// What a key may do: the login it belongs to, or the failure.
fn with_key(gateway: &Gateway, key: &Value) -> Value {
    let answer = gateway.post("/rest/auth", &json!({ "auth": { "type": "auth", "key": key } }));
    answer.pointer("/user/login").or(answer.get("message")).unwrap().clone()
}

fn with_password(gateway: &Gateway, login: &str, password: &str) -> Value {
    let auth = json!({ "type": "auth", "username": login, "password": password });
    gateway.post("/rest/auth", &json!({ "auth": auth }))["result"].clone()
}

#[test]
fn a_new_user_signs_in_with_password_and_key_and_shows_neither() {
    let gateway = Gateway::base();
    let values = json!({
        "login": "anna", "name": "Anna", "role": "Company-Admin", "company": "acompany",
        "companies": ["acompany", "default", "acompany"], "password": "correct horse", "key": true,
    });
    let created = gateway.done("create/user", json!({ "values": values }));
    let key = created["key"].as_str().unwrap();
    assert!(key.starts_with("dt_") && key.len() == 46, "256 bits and a prefix: {key}");
    assert_eq!(created["numrows"], 1);

    assert_eq!(with_key(&gateway, &json!(key)), "anna");
    assert_eq!(with_password(&gateway, "anna", "correct horse"), "success");
    let shown = row(&gateway, "anna");
    let print = shown["keys"][0].as_str().unwrap().to_owned();
    assert_eq!(
        shown,
        json!({
            "id": 6, "login": "anna", "name": "Anna", "role": "Company-Admin",
            "company": "acompany", "companies": ["acompany", "default"], "password": true,
            "second_factor": false, "keys": [print], "created": NOW,
        })
    );
    assert_eq!(print.len(), 8);
    gateway.refused("create/user", json!({ "values": values }), "User anna already exists");
}

#[test]
fn a_user_is_an_ordinary_one_unless_said_otherwise() {
    let gateway = Gateway::base();
    let created = gateway.done("create/user", json!({ "values": { "login": "bob" } }));
    assert_eq!(created.get("key"), None);
    let shown = row(&gateway, "bob");
    assert_eq!((&shown["role"], &shown["company"]), (&json!("User"), &json!("default")));
    assert_eq!((&shown["password"], &shown["keys"]), (&json!(false), &json!([])));
    assert_eq!(with_password(&gateway, "bob", ""), "fail");
}

#[test]
fn keys_are_added_and_revoked_one_by_one_or_all() {
    let gateway = Gateway::base();
    let old = json!("KEY-ca_a");
    let second = update(&gateway, "caa", json!({ "key": true }))["key"].clone();
    assert_eq!(
        (with_key(&gateway, &old), with_key(&gateway, &second)),
        (json!("caa"), json!("caa"))
    );
    let prints = row(&gateway, "caa")["keys"].clone();
    assert_eq!(update(&gateway, "caa", json!({ "revoke_keys": [prints[0]] }))["numrows"], 1);
    assert_eq!(with_key(&gateway, &old), "Login incorrect.");
    assert_eq!(with_key(&gateway, &second), "caa");
    let third = update(&gateway, "caa", json!({ "key": true, "revoke_keys": true }))["key"].clone();
    assert_eq!(with_key(&gateway, &second), "Login incorrect.");
    assert_eq!(with_key(&gateway, &third), "caa");
    let unknown = update(&gateway, "caa", json!({ "revoke_keys": ["00000000"] }));
    assert_eq!(unknown, fail("revoke_keys: no key of the user is 00000000"));
    for _ in 1..16 {
        assert_eq!(update(&gateway, "caa", json!({ "key": true }))["result"], "success");
    }
    let over = update(&gateway, "caa", json!({ "key": true }));
    assert_eq!(over, fail("key: a user has at most 16; revoke one first"));
}

#[test]
fn a_new_password_ends_the_sessions_of_the_old_one() {
    let gateway = Gateway::base();
    let cookie = format!("Red60urne={}", gateway.sign_in("ca_a"));
    let types = || {
        let headers = [JSON, ("Cookie", cookie.as_str())];
        read(&gateway.send("POST", "/rest/dialplan/readtypes/phone", &headers, "{}"))["result"]
            .clone()
    };
    assert_eq!(types(), "success");
    update(&gateway, "caa", json!({ "name": "Still the same" }));
    assert_eq!(types(), "success");
    update(&gateway, "caa", json!({ "password": "another one" }));
    assert_eq!(types(), "fail");
    assert_eq!(with_password(&gateway, "caa", "another one"), "success");
    update(&gateway, "caa", json!({ "password": null }));
    assert_eq!(with_password(&gateway, "caa", "another one"), "fail");
}

#[test]
fn users_set_their_own_password_by_giving_the_one_they_have() {
    let gateway = Gateway::base();
    let ask = |login: &str, values: Value| {
        gateway.ask("user", "update/user", json!({ "scope": { "login": login }, "values": values }))
    };
    let both = json!({ "current_password": "pw-plain", "password": "my new one" });
    assert_eq!(ask("caa", both.clone()), fail("Permission denied"));
    let wrong = fail("current_password: is not your current password");
    assert_eq!(ask("plain", json!({ "password": "my new one" })), wrong);
    assert_eq!(ask("plain", json!({ "current_password": "x", "password": "my new one" })), wrong);
    for more in [json!({ "role": "System-Admin" }), json!({ "key": true }), json!({ "name": "X" })]
    {
        let mut values = both.clone();
        values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(ask("plain", values), fail("Permission denied"), "{more}");
    }
    assert_eq!(with_password(&gateway, "plain", "my new one"), "fail");
    assert_eq!(ask("plain", both)["numrows"], 1);
    assert_eq!(with_password(&gateway, "plain", "my new one"), "success");
}

#[test]
fn the_last_system_admin_who_can_sign_in_stays() {
    let gateway = Gateway::base();
    let last = fail("User root is the last System-Admin who can sign in");
    let delete = || gateway.ask("sysadmin", "delete/user", json!({ "scope": { "id": 1 } }));
    assert_eq!(delete(), last);
    assert_eq!(update(&gateway, "root", json!({ "role": "User" })), last);
    assert_eq!(update(&gateway, "root", json!({ "password": null, "revoke_keys": true })), last);
    // Another one who cannot sign in is none.
    let values = json!({ "login": "second", "role": "System-Admin" });
    gateway.done("create/user", json!({ "values": values }));
    assert_eq!(delete(), last);
    update(&gateway, "second", json!({ "password": "long enough" }));
    assert_eq!(delete()["numrows"], 1);
    assert_eq!(with_key(&gateway, &user("sysadmin")["key"]), "Login incorrect.");
    assert_eq!(with_password(&gateway, "second", "long enough"), "success");
}

#[test]
fn create_and_update_name_what_is_wrong() {
    let gateway = Gateway::base();
    let short = "password: must have at least 8 characters and at most 256 bytes";
    for (values, message) in [
        (json!({}), "login required"),
        (json!({ "login": "a b" }), "login: must be 1 to 64 printable characters without spaces"),
        (
            json!({ "login": "ro\u{200d}ot" }),
            "login: must be 1 to 64 printable characters without spaces",
        ),
        (
            json!({ "login": "ro\u{200b}ot" }),
            "login: must have no control characters and none that are invisible or turn the \
             direction of writing, as U+200B is",
        ),
        (
            json!({ "login": "x", "name": "a\u{2028}b" }),
            "name: must have no control characters and none that are invisible or turn the \
             direction of writing, as U+2028 is",
        ),
        (
            json!({ "login": "x", "role": "Admin" }),
            "role: must be System-Admin, Company-Admin or User",
        ),
        (json!({ "login": "x", "password": "short" }), short),
        (json!({ "login": "x", "company": "nosuch" }), "No such company"),
        (json!({ "login": "x", "companies": ["nosuch"] }), "No such company"),
        (
            json!({ "login": "x", "companies": 5 }),
            "companies: must be a string or a list of strings",
        ),
        (json!({ "login": "x", "key": "mine" }), "key: must be true or false"),
    ] {
        gateway.refused("create/user", json!({ "values": values }), message);
    }
    assert_eq!(gateway.done("read/user", json!({}))["numrows"], 5);
    gateway.refused("update/user", json!({}), "login or id required");
    assert_eq!(update(&gateway, "nobody", json!({ "name": "X" })), fail("No such user"));
    let login = update(&gateway, "caa", json!({ "login": "other" }));
    assert!(login["message"].as_str().unwrap().starts_with("values.\"login\" is not known here"));
    gateway.refused("delete/user", json!({ "scope": { "login": "nobody" } }), "No such user");
}

#[test]
fn users_are_found_by_what_they_are() {
    let gateway = Gateway::base();
    let logins = |scope: Value| -> Vec<String> {
        let answer = gateway.done("read/user", json!({ "scope": scope }));
        let rows = answer["values"].as_array().unwrap();
        rows.iter().map(|row| row["login"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(logins(json!({})), ["root", "cadef", "cadefa", "caa", "plain"]);
    assert_eq!(logins(json!({ "id": 4 })), ["caa"]);
    assert_eq!(logins(json!({ "role": "User" })), ["plain"]);
    assert_eq!(logins(json!({ "company": "acompany" })), ["cadefa", "caa"]);
    assert!(logins(json!({ "login": "nobody" })).is_empty());
    let scope = json!({ "scope": { "company": "nosuch" } });
    gateway.refused("read/user", scope, "No such company");
}
