//! Files that phones ask for with a form (POST): who gets one, and who is refused.

use serde_json::json;

use crate::support::{Gateway, http};

const FORM: &[u8] = b"username=ann&password=hunter2";

fn post(gateway: &Gateway, target: &str, headers: &[(&str, &str)], body: &[u8]) -> http::Answer {
    http::request(gateway.http(), "POST", target, headers, body).unwrap()
}

fn create(gateway: &Gateway, mac: &str, phone_type: &str) {
    let line =
        json!({ "lines": { "1": { "user": "1001", "password": "p", "registrar": "a.example" } } });
    let values =
        json!({ "mac": mac, "company": "default", "phone_type": phone_type, "settings": line });
    gateway.done("create", json!({ "type": "phone", "values": values }));
}

#[test]
fn a_program_that_posts_gets_its_file_and_nobody_else_does() {
    let gateway = Gateway::start();
    create(&gateway, "02005e100001", "bria");
    create(&gateway, "001565100001", "t46s");
    let path = "/bria-02005e100001.ini";
    let answer = post(&gateway, path, &[], FORM);
    assert_eq!(answer.status, 200);
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(text.starts_with("[DATA]\r\nSuccess=1\r\n") && text.contains("\"1001\""), "{text}");
    assert!(!text.contains("hunter2"));
    assert_eq!(answer.body, gateway.get(path, None).body, "the same as by GET");

    let refused = post(&gateway, "/nothing.ini", &[], FORM);
    assert_eq!(refused.status, 404);
    let long = vec![b'a'; 17 * 1024];
    for (why, target, headers, body) in [
        ("unknown", "/bria-02005e100002.ini", vec![], FORM),
        ("of another type", "/bria-001565100001.ini", vec![], FORM),
        ("not asked for so", "/001565100001.cfg", vec![], FORM),
        ("a browser's", path, vec![("Origin", "http://evil.example")], FORM),
        ("too long", path, vec![], &long[..]),
    ] {
        let answer = post(&gateway, target, &headers, body);
        assert_eq!((answer.status, &answer.body), (refused.status, &refused.body), "{why}");
    }
    let put = http::request(gateway.http(), "PUT", path, &[], FORM).unwrap();
    assert_eq!((put.status, &put.body), (refused.status, &refused.body), "put");
    assert_eq!(post(&gateway, path, &[], b"").status, 200, "still, and without a form");
}
