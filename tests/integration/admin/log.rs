//! What the gateway's own log says of an operator's request.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::gateway::call;
use crate::support::http::request;
use crate::support::process::Process;

#[test]
fn each_request_says_who_wanted_what_of_which_object_and_why_it_failed() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("log");
    let process = Process::start_as(dir.path(), "serve", File::create(&path).unwrap().into());
    let key = process.key.clone().expect("a new store");
    let ask = |verb: &str, mut body: Value| {
        body["auth"] = json!({ "type": "auth", "key": key });
        call(process.admin, verb, &body);
        let log = std::fs::read_to_string(&path).unwrap();
        let line = log.lines().rfind(|line| line.contains("admin request"));
        line.expect("it is logged before it is answered").to_owned()
    };
    let says = |line: String, parts: &[&str]| {
        for part in parts {
            assert!(line.contains(part), "{part} is not in {line}");
        }
    };
    let scope = json!({ "mac": "0004f2222222", "port": 1 });
    says(
        ask("delete/phone", json!({ "scope": scope })),
        &[
            r#"who="admin""#,
            r#"command="delete phone""#,
            r#"object="0004f2222222 port 1""#,
            r#"result="fail""#,
            r#"reason="Phone not found""#,
        ],
    );
    let values = json!({ "login": "anna", "password": "s3cret-of-anna", "key": true });
    let made = ask("create/user", json!({ "values": values }));
    says(made, &[r#"object="anna""#, r#"result="success""#, r#"reason="""#]);
    let scope = json!({ "phoneid": "a\nb\u{1b}[31m" });
    says(ask("promote/phone", json!({ "scope": scope })), &[r"a\nb\u{1b}[31m"]);

    let key = json!({ "auth": { "type": "auth", "key": "s3cret-key" } }).to_string();
    for content_type in ["application/json", "application/x-www-form-urlencoded"] {
        let headers = [("Content-Type", content_type)];
        request(process.admin, "POST", "/rest/dialplan/active/phone", &headers, key.as_bytes());
    }
    let log = std::fs::read_to_string(&path).unwrap();
    assert!(log.contains(r#"reason="Login incorrect.""#), "{log}");
    assert!(log.contains("Not logged in: the body was not read as JSON"), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn tls_that_is_spoken_to_a_port_of_http_is_logged() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("log");
    let process = Process::start_as(dir.path(), "serve", File::create(&path).unwrap().into());
    let mut stream = TcpStream::connect(process.http).unwrap();
    // The start of a hello.
    stream.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]).unwrap();
    let mut alert = Vec::new();
    stream.read_to_end(&mut alert).unwrap();
    assert_eq!(alert.first(), Some(&0x15));
    eventually("TLS to a port of HTTP is logged", || {
        let log = std::fs::read_to_string(&path).unwrap();
        log.contains("TLS was spoken to a port of plain HTTP; is a URL wrong there?")
    });
}
