//! Files that phones ask for with a form (POST): who gets one, and who is refused.

use std::io::{Read, Write};
use std::net::TcpStream;

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

/// A form that is held back until it is asked for (RFC 9110 section 10.1.1) is asked for of those
/// who get the file.
#[test]
fn nobody_elses_form_is_waited_for() {
    let gateway = Gateway::start();
    create(&gateway, "02005e100001", "bria");
    let ask = |mac: &str| {
        let mut stream = TcpStream::connect(gateway.http()).unwrap();
        let head = format!(
            "POST /bria-{mac}.ini HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            FORM.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).unwrap();
        (String::from_utf8(answer).unwrap(), stream)
    };
    let (unknown, _) = ask("02005e100002");
    assert_eq!(unknown, "HTTP/1.1 404");
    let (known, mut stream) = ask("02005e100001");
    assert_eq!(known, "HTTP/1.1 100");
    stream.write_all(FORM).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("HTTP/1.1 200 OK") && rest.contains("\"1001\""), "{rest}");
}
