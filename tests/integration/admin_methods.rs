//! The methods of the admin API: POST, and GET as a POST without a body.

use serde_json::{Value, json};

use crate::support::Gateway;
use crate::support::http::{self, Answer};

const INACTIVE: &str = "/rest/dialplan/inactive/phone";

fn ask(gateway: &Gateway, method: &str, target: &str, cookie: Option<&str>, body: &[u8]) -> Answer {
    let cookie: Vec<(&str, &str)> = cookie.map(|cookie| ("Cookie", cookie)).into_iter().collect();
    http::request(gateway.admin(), method, target, &cookie, body).expect("the admin port answers")
}

fn message(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["result"], "fail", "{answer}");
    answer["message"].clone()
}

/// The cookie of a session, `name=value`.
fn signed_in(gateway: &Gateway) -> String {
    let values = json!({ "login": "eve", "password": "a long password", "role": "System-Admin" });
    gateway.done("create", json!({ "type": "user", "values": values }));
    let auth = json!({ "type": "auth", "username": "eve", "password": "a long password" });
    let body = json!({ "auth": auth }).to_string();
    let answer = ask(gateway, "POST", "/rest/auth", None, body.as_bytes());
    let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("{answer:?}"));
    cookie.split(';').next().unwrap().to_owned()
}

#[test]
fn a_get_is_a_post_with_an_empty_object() {
    let gateway = Gateway::start();
    gateway.get("/0015654aa937.cfg", None);
    let cookie = signed_in(&gateway);
    for target in [
        INACTIVE,
        "/rest/auth",
        "/rest/dialplan/read/phone",
        "/rest/dialplan/inactive",
        "/rest/none",
    ] {
        let post = ask(&gateway, "POST", target, Some(&cookie), b"{}");
        let get = ask(&gateway, "GET", target, Some(&cookie), b"");
        assert_eq!(get, post, "{target}");
    }
    let listed = ask(&gateway, "GET", INACTIVE, Some(&cookie), b"");
    assert!(listed.text().contains("0015654aa9370"), "{}", listed.text());
    let head = ask(&gateway, "HEAD", INACTIVE, Some(&cookie), b"");
    assert_eq!((head.status, &head.headers, head.body.len()), (200, &listed.headers, 0));
}

#[test]
fn a_get_without_a_session_is_not_logged_in_and_its_body_is_not_read() {
    let gateway = Gateway::start();
    assert_eq!(message(&ask(&gateway, "GET", INACTIVE, None, b"")), "Not logged in");
    let body = json!({ "auth": { "type": "auth", "key": gateway.key() } }).to_string();
    assert_eq!(message(&ask(&gateway, "GET", INACTIVE, None, body.as_bytes())), "Not logged in");
}

#[test]
fn other_methods_drive_no_command() {
    let gateway = Gateway::start();
    gateway.get("/0015654aa937.cfg", None);
    let body = json!({
        "auth": { "type": "auth", "key": gateway.key() }, "scope": { "phoneid": "0015654aa9370" },
    });
    for method in ["PUT", "DELETE", "PATCH"] {
        let target = "/rest/dialplan/promote/phone";
        let answer = ask(&gateway, method, target, None, body.to_string().as_bytes());
        assert_eq!(message(&answer), "Use POST", "{method}");
    }
    assert_eq!(gateway.inactive().len(), 1);
}
