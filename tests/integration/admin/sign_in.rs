//! Keys, passwords, sessions.

use std::io::{Read, Write};

use serde_json::{Value, json};

use super::gateway::{Gateway, JSON, fail, read, user};
use crate::support::http::{Answer, connect};

const LOGIN_INCORRECT: &str = "Login incorrect.";
const NOT_LOGGED_IN: &str = "Not logged in";

const FOREIGN: &str = "Not logged in: a page of another site sent this, where no session counts";

fn password(role: &str) -> Value {
    let user = user(role);
    json!({ "type": "auth", "username": user["login"], "password": user["password"] })
}

fn auth(gateway: &Gateway, cookie: Option<&str>, body: &Value) -> Answer {
    let cookie = cookie.map(|id| format!("Red60urne={id}"));
    let mut headers = vec![JSON];
    headers.extend(cookie.as_deref().map(|cookie| ("Cookie", cookie)));
    gateway.send("POST", "/rest/auth", &headers, body.to_string())
}

/// Whether a session is alive.
fn lives(gateway: &Gateway, id: &str) -> bool {
    let answer = read(&auth(gateway, Some(id), &json!({})));
    if answer["result"] == "success" {
        assert_eq!(answer["user"]["session"], id);
        return true;
    }
    assert_eq!(answer, fail(NOT_LOGGED_IN));
    false
}

#[test]
fn the_bytes_of_a_real_client_sign_in() {
    let gateway = Gateway::base();
    let body = r#"{"auth":{"type":"auth","key":"KEY-ca_default_a"}}"#;
    let headers = [("accept", "application/json"), ("content-type", "application/json")];
    for path in ["/rest/auth", "/rest/auth/", "//rest/auth"] {
        let answer = gateway.send("POST", path, &headers, body);
        assert_eq!(answer.header("set-cookie"), None, "a key makes no session");
        assert_eq!(
            read(&answer),
            json!({
                "result": "success",
                "user": {
                    "id": 3, "login": "cadefa", "name": "", "company": "default",
                    "home": "default", "companies": ["default", "acompany"], "session": null,
                    "role": "Company-Admin", "perms": { "user": "yes", "company_admin": "yes" },
                },
            })
        );
    }
    let next = r#"{"type":"nm","auth":{"type":"auth","key":"KEY-ca_default_a"}}"#;
    let answer = gateway.send("POST", "/rest/dialplan/readcal", &headers, next);
    assert_eq!(read(&answer), fail("Unknown command"));
}

#[test]
fn a_password_makes_a_session_and_its_cookie() {
    let gateway = Gateway::base();
    let answer = auth(&gateway, None, &json!({ "auth": password("sysadmin") }));
    let json = read(&answer);
    let id = json["user"]["session"].as_str().unwrap();
    assert_eq!(id.len(), 24);
    assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{id}");
    let cookie = format!("Red60urne={id}; Path=/; HttpOnly; SameSite=Strict");
    assert_eq!(answer.header("set-cookie"), Some(cookie.as_str()));
    assert_eq!(json["user"]["login"], "root");
    assert_eq!(
        json["user"]["companies"],
        json!(["acompany", "bcompany", "ccompany", "default"]),
        "a System-Admin administers all"
    );
    assert!(lives(&gateway, id));
}

#[test]
fn an_ordinary_user_signs_in_and_administers_nothing() {
    let gateway = Gateway::base();
    let json = read(&auth(&gateway, None, &json!({ "auth": password("user") })));
    assert_eq!(json["user"]["companies"], json!([]));
    assert_eq!(json["user"]["perms"], json!({ "user": "yes" }));
}

#[test]
fn wrong_credentials_all_fail_alike_and_set_no_cookie() {
    let gateway = Gateway::base();
    for wrong in [
        json!({ "type": "auth", "username": "root", "password": "pw-roo" }),
        json!({ "type": "auth", "username": "nobody", "password": "pw-root" }),
        json!({ "type": "auth", "username": "Root", "password": "pw-root" }),
        json!({ "type": "auth", "username": "root" }),
        json!({ "type": "auth", "password": "pw-root" }),
        json!({ "type": "auth", "username": "root", "password": 1 }),
        json!({ "type": "auth", "username": "", "password": "" }),
        json!({ "type": "auth", "key": "" }),
        json!({ "type": "auth", "key": 5 }),
        json!({ "type": "auth", "key": "KEY-sysadmi" }),
        json!({ "type": "auth", "key": "KEY-none", "username": "root", "password": "pw-root" }),
    ] {
        let answer = auth(&gateway, None, &json!({ "auth": wrong }));
        assert_eq!(read(&answer), fail(LOGIN_INCORRECT), "{wrong}");
        assert_eq!(answer.header("set-cookie"), None);
    }
}

#[test]
fn auth_must_be_an_object_of_the_type_auth() {
    let gateway = Gateway::base();
    let id = gateway.sign_in("sysadmin");
    for wrong in [
        json!("auth"),
        json!({}),
        json!({ "type": "login" }),
        json!({ "key": "KEY-sysadmin" }),
        json!({ "type": "token", "key": "KEY-sysadmin" }),
    ] {
        let answer = read(&auth(&gateway, Some(&id), &json!({ "auth": wrong })));
        assert_eq!(answer, fail("auth: must be an object with the type auth"), "{wrong}");
    }
}

#[test]
fn without_credentials_nobody_is_signed_in() {
    let gateway = Gateway::base();
    for body in [json!({}), json!({ "auth": null }), json!({ "auth": { "type": "auth" } })] {
        assert_eq!(read(&auth(&gateway, None, &body)), fail(NOT_LOGGED_IN));
        assert_eq!(read(&auth(&gateway, Some("nonsense"), &body)), fail(NOT_LOGGED_IN));
    }
    // Before the command is looked at.
    assert_eq!(gateway.post("/rest/dialplan/nothing", &json!({})), fail(NOT_LOGGED_IN));
}

#[test]
fn a_new_login_gets_a_new_id_and_ends_the_old_one() {
    let gateway = Gateway::base();
    let first = gateway.sign_in("ca_default");
    let body = json!({ "auth": password("sysadmin") });
    let second = read(&auth(&gateway, Some(&first), &body));
    let second = second["user"]["session"].as_str().unwrap();
    assert_ne!(first, second);
    assert!(lives(&gateway, second) && !lives(&gateway, &first));

    // An id from elsewhere is never taken over.
    let fixed = read(&auth(&gateway, Some("attackers-session-id-aaa"), &body));
    assert_ne!(fixed["user"]["session"], "attackers-session-id-aaa");
}

#[test]
fn a_failed_login_leaves_the_session_alone() {
    let gateway = Gateway::base();
    let id = gateway.sign_in("sysadmin");
    let wrong = json!({ "auth": { "type": "auth", "username": "root", "password": "x" } });
    let answer = auth(&gateway, Some(&id), &wrong);
    assert_eq!(read(&answer), fail(LOGIN_INCORRECT));
    assert_eq!(answer.header("set-cookie"), None);
    assert!(lives(&gateway, &id));
}

#[test]
fn logging_out_ends_the_session_and_its_cookie() {
    let gateway = Gateway::base();
    let id = gateway.sign_in("sysadmin");
    let log_out = |cookie: Option<&str>, body: &str| {
        let cookie = cookie.map(|id| format!("Red60urne={id}"));
        let mut headers = vec![JSON];
        headers.extend(cookie.as_deref().map(|cookie| ("Cookie", cookie)));
        gateway.send("POST", "/rest/auth/logout", &headers, body)
    };
    let answer = log_out(Some(&id), r#"{"auth":{"type":"auth"}}"#);
    assert_eq!(read(&answer), json!({ "result": "success" }));
    let expired = "Red60urne=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0";
    assert_eq!(answer.header("set-cookie"), Some(expired));
    assert!(!lives(&gateway, &id));
    assert_eq!(read(&log_out(Some(&id), "{}")), fail(NOT_LOGGED_IN));
    assert_eq!(read(&log_out(None, "{}")), fail(NOT_LOGGED_IN));
    let key = r#"{"auth":{"type":"auth","key":"KEY-sysadmin"}}"#;
    assert_eq!(read(&log_out(None, key)), fail(NOT_LOGGED_IN), "a key has no session to end");
}

#[test]
fn an_address_that_is_opened_logs_nobody_out() {
    let gateway = Gateway::base();
    let id = gateway.sign_in("sysadmin");
    let cookie = format!("Red60urne={id}");
    for method in ["GET", "HEAD"] {
        let answer = gateway.send(method, "/rest/auth/logout", &[("Cookie", &cookie)], "");
        assert_eq!(answer.header("set-cookie"), None);
        assert!(method == "HEAD" || read(&answer) == fail("Use POST"));
    }
    assert!(lives(&gateway, &id));
}

#[test]
fn a_session_ends_unused_after_half_an_hour_and_in_any_case_after_twelve() {
    let gateway = Gateway::base();
    let unused = gateway.sign_in("sysadmin");
    let used = gateway.sign_in("sysadmin");
    gateway.pass(1799);
    assert!(lives(&gateway, &used));
    gateway.pass(1);
    assert!(!lives(&gateway, &unused));
    // Used each twenty minutes: 1800 s are gone, 34 times 1200 s make it 42,600 s.
    for _ in 0..34 {
        gateway.pass(1200);
        assert!(lives(&gateway, &used));
    }
    gateway.pass(599);
    assert!(lives(&gateway, &used));
    gateway.pass(1);
    assert!(!lives(&gateway, &used), "twelve hours are over, used or not");
}

#[test]
fn a_clock_that_is_set_back_wakes_no_session_and_lengthens_none() {
    let gateway = Gateway::base();
    let id = gateway.sign_in("sysadmin");
    gateway.set_back(86_400);
    gateway.pass(1799);
    assert!(lives(&gateway, &id));
    gateway.pass(1800);
    assert!(!lives(&gateway, &id));
    gateway.set_back(86_400);
    assert!(!lives(&gateway, &id));
}

#[test]
fn credentials_in_the_body_beat_the_cookie_and_wrong_ones_do_not_fall_back() {
    let gateway = Gateway::base();
    let cookie = format!("Red60urne={}", gateway.sign_in("sysadmin"));
    let headers = [JSON, ("Cookie", cookie.as_str())];
    let ask = |auth: Value| {
        let body = json!({ "auth": auth }).to_string();
        read(&gateway.send("POST", "/rest/dialplan/inactive/phone", &headers, body))
    };
    assert_eq!(ask(password("user")), fail("Permission denied"));
    assert_eq!(ask(json!({ "type": "auth", "key": "KEY-user" })), fail("Permission denied"));
    assert_eq!(ask(json!({ "type": "auth", "key": "wrong" })), fail(LOGIN_INCORRECT));
    assert_eq!(ask(json!({ "type": "auth" }))["numrows"], 15);
}

#[test]
fn an_inline_password_counts_for_its_call_and_makes_no_session() {
    let gateway = Gateway::base();
    let body = json!({ "type": "phone", "auth": password("ca_default") });
    let answer = gateway.send("POST", "/rest/dialplan/inactive", &[JSON], body.to_string());
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(read(&answer)["numrows"], 15);
}

#[test]
fn a_cookie_that_another_site_sends_along_is_not_looked_at() {
    let gateway = Gateway::base();
    let cookie = format!("Red60urne={}", gateway.sign_in("sysadmin"));
    let here = format!("http://{}", gateway.address);
    let ask = |headers: &[(&str, &str)]| {
        let mut all = vec![("Content-Type", "text/plain"), ("Cookie", cookie.as_str())];
        all.extend(headers);
        let host = gateway.address.to_string();
        let mut stream = connect(gateway.address).unwrap();
        let mut head = format!("POST /rest/dialplan/inactive/phone HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in all {
            head += &format!("{name}: {value}\r\n");
        }
        head += "Connection: close\r\nContent-Length: 2\r\n\r\n{}";
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str::<Value>(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    for foreign in [
        ("Origin", "http://evil.example"),
        ("Origin", "http://127.0.0.1"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        assert_eq!(ask(&[foreign]), fail(FOREIGN), "{foreign:?}");
    }
    for own in [("Origin", here.as_str()), ("Sec-Fetch-Site", "same-origin")] {
        assert_eq!(ask(&[own])["numrows"], 15, "{own:?}");
    }
    assert_eq!(ask(&[])["numrows"], 15, "no browser");
}

#[test]
fn another_site_signs_nobody_in_but_whoever_has_the_key_may_be_a_page() {
    let gateway = Gateway::base();
    let ask = |auth: Value| {
        let headers = [JSON, ("Origin", "http://evil.example")];
        gateway.send("POST", "/rest/auth", &headers, json!({ "auth": auth }).to_string())
    };
    let answer = ask(password("sysadmin"));
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(read(&answer), fail("A page of another site cannot sign in"));
    let key = json!({ "type": "auth", "key": "KEY-sysadmin" });
    assert_eq!(read(&ask(key))["user"]["login"], "root");
}

#[test]
fn a_key_has_the_permissions_its_owner_has_now() {
    let gateway = Gateway::base();
    assert_eq!(gateway.ask("ca_default", "inactive/phone", json!({}))["result"], "success");
    let scope = json!({ "login": "cadef" });
    gateway.done("update/user", json!({ "scope": scope, "values": { "role": "User" } }));
    let refused = gateway.ask("ca_default", "inactive/phone", json!({}));
    assert_eq!(refused, fail("Permission denied"));
    gateway.done("delete/user", json!({ "scope": scope }));
    assert_eq!(gateway.ask("ca_default", "inactive/phone", json!({})), fail(LOGIN_INCORRECT));
}
