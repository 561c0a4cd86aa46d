//! Bodies that are long, and who may send them.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};

use serde_json::{Value, json};

use super::gateway::{Gateway, JSON, fail, read, user};
use crate::support::http::{Answer, connect, connect_from, exchange};

const LONG: usize = 1 << 20;
const NOT_HELD: &str =
    "a session's cookie, or a key as Authorization: Bearer KEY, is not held to this";

/// An object of nearly `LONG` bytes, most of which is `filling`, with `auth` at its very end.
fn long(member: &str, filling: &str, auth: Option<&Value>) -> String {
    let auth = auth.map(|auth| format!(r#","auth":{auth}"#)).unwrap_or_default();
    let count = (LONG - 200 - auth.len()) / (filling.len() + 1);
    let list = vec![filling; count].join(",");
    format!(r#"{{"type":"phone","{member}":[{list}]{auth}}}"#)
}

fn key(role: &str) -> Value {
    json!({ "type": "auth", "key": user(role)["key"] })
}

fn send_from(gateway: &Gateway, n: u8, headers: &[(&str, &str)], body: &str) -> Value {
    let source = IpAddr::V4(Ipv4Addr::new(127, 2, 0, n));
    let stream = connect_from(source, gateway.address).expect("the gateway accepts");
    let answer = exchange(stream, "POST", "/rest/dialplan/inactive", headers, body.as_bytes());
    read(&answer.expect("the gateway answers"))
}

#[test]
fn credentials_are_found_at_the_end_of_a_long_body() {
    let gateway = Gateway::base();
    let ask = |auth: Value| send_from(&gateway, 1, &[JSON], &long("extra", "{}", Some(&auth)));
    assert_eq!(ask(key("sysadmin"))["numrows"], 15);
    let sysadmin = user("sysadmin");
    let auth = json!({
        "type": "auth", "username": sysadmin["login"], "password": sysadmin["password"],
    });
    assert_eq!(ask(auth)["numrows"], 15);
    assert_eq!(ask(key("user")), fail("Permission denied"));
    assert_eq!(ask(json!({ "type": "auth", "key": "wrong" })), fail("Login incorrect."));
}

#[test]
fn what_a_command_would_have_to_keep_is_bounded() {
    let gateway = Gateway::base();
    let ask = |body: &str| send_from(&gateway, 1, &[JSON], body);
    let sysadmin = key("sysadmin");
    let many = ask(&long("scope", "{}", Some(&sysadmin)));
    assert_eq!(many, fail("the body: more than 20000 values"));
    let nested = "[".repeat(5000) + &"]".repeat(5000);
    let deep = ask(&format!(r#"{{"type":"phone","values":{nested},"auth":{sysadmin}}}"#));
    assert_eq!(deep, fail("the body: more than 16 levels"));
    let ignored = ask(&format!(r#"{{"type":"phone","extra":{nested},"auth":{sysadmin}}}"#));
    assert_eq!(ignored["numrows"], 15);
    let auth = ask(&format!(r#"{{"type":"phone","auth":[{}0]}}"#, "0,".repeat(100)));
    assert_eq!(auth, fail("auth and type: more than 32 values"));
    // Nobody's body is kept, however it is made.
    assert_eq!(ask(&long("scope", "{}", None)), fail("Not logged in"));
    assert_eq!(ask(&long("scope", "{}", Some(&key("user")))), fail("Permission denied"));
}

#[test]
fn long_bodies_without_credentials_are_counted_and_others_are_not() {
    let gateway = Gateway::base();
    let (in_vain, good) = (long("extra", "{}", None), long("extra", "{}", Some(&key("sysadmin"))));
    for _ in 0..20 {
        assert_eq!(send_from(&gateway, 1, &[JSON], &good)["numrows"], 15);
    }
    for _ in 0..20 {
        assert_eq!(send_from(&gateway, 1, &[JSON], &in_vain), fail("Not logged in"));
    }
    let message = format!(
        "too many bodies over 16384 bytes without valid credentials, try again in 10 s: {NOT_HELD}"
    );
    assert_eq!(send_from(&gateway, 1, &[JSON], &in_vain), fail(&message));
    assert_eq!(send_from(&gateway, 1, &[JSON], &good), fail(&message), "nobody can know");
    assert_eq!(send_from(&gateway, 2, &[JSON], &good)["numrows"], 15, "another network");
    let bearer = [JSON, ("Authorization", "Bearer KEY-sysadmin")];
    assert_eq!(send_from(&gateway, 1, &bearer, &in_vain)["numrows"], 15);
    let cookie = format!("Red60urne={}", gateway.sign_in("sysadmin"));
    assert_eq!(send_from(&gateway, 1, &[JSON, ("Cookie", &cookie)], &in_vain)["numrows"], 15);
    let short = json!({ "type": "phone", "auth": key("sysadmin") }).to_string();
    assert_eq!(send_from(&gateway, 1, &[JSON], &short)["numrows"], 15);
    gateway.pass(10);
    assert_eq!(send_from(&gateway, 1, &[JSON], &good)["numrows"], 15);
}

/// A long body of which all but the last byte has been sent.
fn stalled(gateway: &Gateway, auth: &Value) -> (TcpStream, String) {
    let mut body = long("extra", "{}", Some(auth));
    let mut stream = connect(gateway.address).unwrap();
    let head = format!(
        "POST /rest/dialplan/inactive HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let last = body.pop().unwrap().to_string();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    (stream, last)
}

#[test]
fn strangers_have_few_places_for_long_bodies_and_hold_them_from_nobody_else() {
    let gateway = Gateway::base();
    let mut held: Vec<(TcpStream, String)> =
        (0..2).map(|_| stalled(&gateway, &key("sysadmin"))).collect();
    let good = long("extra", "{}", Some(&key("sysadmin")));
    // Ones own network waits for its own, others for nothing.
    let (mut waiting, last) = stalled(&gateway, &key("sysadmin"));
    assert_eq!(send_from(&gateway, 1, &[JSON], &good)["numrows"], 15);
    let message = format!("too many bodies over 16384 bytes at once: {NOT_HELD}");
    waiting.write_all(last.as_bytes()).unwrap();
    assert_eq!(answer(waiting), fail(&message));
    let bearer = [JSON, ("Authorization", "Bearer KEY-sysadmin")];
    let known = exchange(
        connect(gateway.address).unwrap(),
        "POST",
        "/rest/dialplan/inactive",
        &bearer,
        good.as_bytes(),
    );
    assert_eq!(read(&known.unwrap())["numrows"], 15);
    let (mut first, last) = held.remove(0);
    first.write_all(last.as_bytes()).unwrap();
    assert_eq!(answer(first)["numrows"], 15, "a slow one is no worse than a quick one");
}

fn answer(mut stream: TcpStream) -> Value {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    read(&Answer {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: bytes[end + 4..].to_vec(),
    })
}

#[test]
fn a_key_in_the_head_is_a_key_in_the_body() {
    let gateway = Gateway::base();
    let ask = |bearer: &str, body: Value| {
        let headers = [JSON, ("Authorization", bearer)];
        read(&gateway.send("POST", "/rest/dialplan/inactive/phone", &headers, body.to_string()))
    };
    assert_eq!(ask("Bearer KEY-sysadmin", json!({}))["numrows"], 15);
    assert_eq!(ask("bearer  KEY-sysadmin ", json!({ "auth": { "type": "auth" } }))["numrows"], 15);
    assert_eq!(ask("Bearer KEY-user", json!({})), fail("Permission denied"));
    assert_eq!(ask("Bearer wrong", json!({})), fail("Login incorrect."));
    assert_eq!(ask("Basic cm9vdDpwdy1yb290", json!({})), fail("Not logged in"), "a proxy's");
    let both = json!({ "auth": { "type": "auth", "key": "KEY-user" } });
    assert_eq!(ask("Bearer KEY-sysadmin", both), fail("Permission denied"), "the body's counts");
    let cookie = format!("Red60urne={}", gateway.sign_in("sysadmin"));
    let headers = [JSON, ("Authorization", "Bearer wrong"), ("Cookie", cookie.as_str())];
    let answer = read(&gateway.send("POST", "/rest/dialplan/inactive/phone", &headers, "{}"));
    assert_eq!(answer, fail("Login incorrect."), "no falling back");
}
