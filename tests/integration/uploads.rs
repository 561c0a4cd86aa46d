//! What phones send: who may, what is kept of it, who sees it, what they get back.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{self, Gateway, eventually, http};

const POLYCOM: &str = "FileTransport PolycomSoundPointIP-SPIP_335-UA/3.2.1.0078";
const LOG: &str = "/0004f2000002-app.log";
const OVERRIDES: &str = "/0004f2000002-phone.cfg";
const PHONE: &str = "0004f20000020";

fn start() -> Gateway {
    start_with(8 << 20, 10 << 30)
}

/// A gateway with an active Polycom phone, which takes in uploads.
fn start_with(bytes_per_phone: u64, total_bytes: u64) -> Gateway {
    let gateway = Gateway::start_with(|config, dir| {
        config.uploads.dir = Some(dir.join("uploads"));
        config.uploads.bytes_per_phone = bytes_per_phone;
        config.uploads.total_bytes = total_bytes;
    });
    create(&gateway, "0004f2000002", "default");
    gateway
}

fn create(gateway: &Gateway, mac: &str, company: &str) {
    let line =
        json!({ "lines": { "1": { "user": "1", "password": "p", "registrar": "a.example" } } });
    let values = json!({ "mac": mac, "company": company, "phone_type": "ip335", "settings": line });
    gateway.done("create", json!({ "type": "phone", "values": values }));
}

/// The status, and the answer from then on.
fn send(gateway: &Gateway, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(gateway.http()).unwrap();
    let head = format!("{head}\r\nHost: gw\r\nConnection: close\r\nUser-Agent: {POLYCOM}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // Who is refused may not read all of it.
    let _ = stream.write_all(body);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

fn put(gateway: &Gateway, path: &str, body: &[u8]) -> u16 {
    // The folder is counted right after the start, and until then a phone is told to come again.
    let head = format!("PUT {path} HTTP/1.1\r\nContent-Length: {}", body.len());
    let status = Cell::new(0);
    eventually("the gateway takes something in", || {
        status.set(send(gateway, &head, body).0);
        status.get() != 503
    });
    status.get()
}

fn uploads(gateway: &Gateway, phone: &str) -> Vec<Value> {
    let body = json!({ "type": "phone", "scope": { "phoneid": phone } });
    gateway.done("uploads", body)["values"].as_array().unwrap().clone()
}

fn content(gateway: &Gateway, phone: &str, file: &str) -> Value {
    let body = json!({ "type": "phone", "scope": { "phoneid": phone, "file": file } });
    gateway.done("uploads", body)["values"][0].clone()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.ends_with(".lock") {
            continue;
        }
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

#[test]
fn a_log_is_kept_listed_and_shown_and_that_is_on_record() {
    let gateway = start();
    assert_eq!(uploads(&gateway, PHONE), Vec::<Value>::new());
    assert_eq!(put(&gateway, LOG, b"one\n"), 201);
    assert_eq!(put(&gateway, LOG, b"one\ntwo\n"), 204, "one of its name was there");
    assert_eq!(gateway.last_outcome("0004f2000002"), "received");
    let listed = uploads(&gateway, PHONE);
    assert_eq!(listed.len(), 1);
    let row = &listed[0];
    assert_eq!(
        (&row["file"], &row["kind"], &row["bytes"]),
        (&json!("0004f2000002-app.log"), &json!("log"), &json!(8))
    );
    assert_eq!(content(&gateway, PHONE, "0004F2000002-app.log")["content"], "one\ntwo\n");
    let events = gateway.done("events", json!({ "type": "phone", "scope": { "phoneid": PHONE } }));
    let event = &events["values"][0];
    assert_eq!(event["action"], "reveal", "{events}");
    assert_eq!(event["after"], json!({ "upload": "0004f2000002-app.log" }));
    // A log is not sent back: nothing asks for it but somebody who should not.
    assert_eq!(gateway.get(LOG, Some(POLYCOM)).status, 404);
}

#[test]
fn chunks_post_and_bytes_that_are_no_text() {
    let gateway = start();
    put(&gateway, OVERRIDES, b"x");
    let head = format!("POST {LOG} HTTP/1.1\r\nTransfer-Encoding: chunked");
    let (status, answer) = send(&gateway, &head, b"3\r\n\xff\0a\r\n2\r\nbc\r\n0\r\n\r\n");
    assert_eq!(status, 201, "{answer}");
    assert_eq!(content(&gateway, PHONE, "0004f2000002-app.log")["base64"], "/wBhYmM=");
}

#[test]
fn what_comes_together_with_its_head_is_kept_as_it_came() {
    let gateway = start();
    put(&gateway, OVERRIDES, b"x");
    let mut body: Vec<u8> = (0..=255).collect();
    body.extend(b"\r\n\r\n\x01\n\n\x7f");
    let head =
        |framing: &str| format!("PUT {LOG} HTTP/1.1\r\nHost: gw\r\n{framing}\r\n\r\n").into_bytes();
    let by_length = [head(&format!("Content-Length: {}", body.len())), body.clone()].concat();
    let first_chunk = format!("{:x}\r\n", body.len()).into_bytes();
    let chunked = head("Transfer-Encoding: chunked");
    let chunked = [&chunked, &first_chunk, &body, &b"\r\n0\r\n\r\n"[..]].concat();
    for request in [by_length, chunked] {
        let mut stream = http::connect(gateway.http()).unwrap();
        for _ in 0..2 {
            put(&gateway, LOG, b"another");
            stream.write_all(&request).unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).unwrap();
            assert_eq!(&status, b"HTTP/1.1 204");
            let kept = content(&gateway, PHONE, "0004f2000002-app.log");
            assert_eq!(kept["base64"], STANDARD.encode(&body), "{kept}");
            // A head after a body is one again, in which control characters pass.
            let ask = b"GET /x HTTP/1.1\r\nHost: gw\r\nUser-Agent: A\x17\r\n\r\n";
            stream.write_all(ask).unwrap();
            let mut answers = Vec::new();
            while !answers.ends_with(b"Not found\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                answers.push(byte[0]);
            }
        }
    }
}

#[test]
fn an_override_is_sent_back_to_the_phone_and_to_nobody_else() {
    let gateway = start();
    create(&gateway, "0004f2000003", "default");
    assert_eq!(gateway.get(OVERRIDES, Some(POLYCOM)).status, 404);
    let overrides = "<PHONE_CONFIG><OVERRIDES volume=\"3\"/></PHONE_CONFIG>";
    assert_eq!(put(&gateway, OVERRIDES, overrides.as_bytes()), 201);
    let answer = gateway.get(OVERRIDES, Some(POLYCOM));
    assert_eq!((answer.status, answer.text()), (200, overrides));
    assert_eq!(gateway.get("/0004f2000003-phone.cfg", Some(POLYCOM)).status, 404);

    // Another company's phone does not get what its user at the company before had set.
    gateway.done("create", json!({ "type": "company", "values": { "company": "next" } }));
    let scope = json!({ "mac": "0004f2000002" });
    let values = json!({ "company": "next" });
    gateway.done("assign", json!({ "type": "phone", "scope": scope, "values": values }));
    assert_eq!(gateway.get(OVERRIDES, Some(POLYCOM)).status, 404);
    assert_eq!(uploads(&gateway, PHONE), Vec::<Value>::new());
}

#[test]
fn who_may_not_send_gets_the_refusal_and_leaves_nothing() {
    let gateway = start();
    put(&gateway, OVERRIDES, b"x");
    let dir = gateway.dir().join("uploads");
    let before = files(&dir);
    let refusal = send(&gateway, "GET /000000000000.boot HTTP/1.1", b"").1;
    let body = vec![b'a'; 1000];
    let too_long = vec![b'a'; 300_000];
    for (path, body) in [
        // The configuration itself, and what the gateway makes.
        ("/0004f2000002.cfg", &body),
        ("/0004f2000002-dialtone.cfg", &body),
        // What no phone of the family sends.
        ("/0004f2000002-other.log", &body),
        ("/0004f2000002-phone.cfg/../../x", &body),
        ("/x%2f..%2f0004f2000002-app.log", &body),
        // Phones that are not there or not active.
        ("/0004f2000009-app.log", &body),
        ("/0004f2000009-phone.cfg", &body),
        ("/000000000000-app.log", &body),
        // More than a family allows, in all.
        (OVERRIDES, &too_long),
    ] {
        let head = format!("PUT {path} HTTP/1.1\r\nContent-Length: {}", body.len());
        let (status, answer) = send(&gateway, &head, body);
        let without_date = |answer: &str| {
            let lines = answer.lines().filter(|line| !line.to_lowercase().starts_with("date:"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        if path.starts_with("/x%2f") {
            // A slash that is part of a name is none, and the name is no other's.
            assert_ne!(status, 200, "{path}");
            continue;
        }
        assert_eq!(status, 404, "{path}");
        assert_eq!(without_date(&answer), without_date(&refusal), "{path}");
    }
    assert_eq!(gateway.last_outcome("0004f2000002"), "not_received");
    assert_eq!(files(&dir), before);
}

#[test]
fn an_upload_that_breaks_off_leaves_the_one_before() {
    let gateway = start();
    assert_eq!(put(&gateway, LOG, b"whole"), 201);
    let mut stream = TcpStream::connect(gateway.http()).unwrap();
    let head = format!(
        "PUT {LOG} HTTP/1.1\r\nHost: gw\r\nUser-Agent: {POLYCOM}\r\nContent-Length: 100\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"half").unwrap();
    drop(stream);
    // The phone can send again once that one is given up.
    assert_eq!(put(&gateway, OVERRIDES, b"x"), 201);
    assert_eq!(content(&gateway, PHONE, "0004f2000002-app.log")["content"], "whole");
    let incoming = files(&gateway.dir().join("uploads/.incoming"));
    assert_eq!(incoming, Vec::<PathBuf>::new());
}

#[test]
fn a_phone_a_company_and_all_have_so_much_room_and_no_more() {
    let gateway = start_with(65_536, 200_000);
    create(&gateway, "0004f2000003", "default");
    for (company, mac) in [("acme", "0004f2000004"), ("other", "0004f2000005")] {
        gateway.done("create", json!({ "type": "company", "values": { "company": company } }));
        create(&gateway, mac, company);
    }
    let most = vec![b'a'; 60_000];
    assert_eq!(put(&gateway, LOG, &most), 201);
    assert_eq!(put(&gateway, LOG, &most), 204, "its own place counts once");
    assert_eq!(put(&gateway, OVERRIDES, &most), 404, "the phone is full");
    assert_eq!(put(&gateway, OVERRIDES, b"small"), 201);
    let detail = |mac: &str| {
        let requests =
            gateway.done("requests", json!({ "type": "phone", "scope": { "mac": mac } }));
        requests["values"][0]["detail"].as_str().unwrap().to_owned()
    };
    assert_eq!(put(&gateway, "/0004f2000003-app.log", &most), 404, "its company is full");
    let full = "its company has no more room for uploads: as much as is left for others, of 200000 \
                bytes in all";
    assert_eq!(detail("0004f2000003"), full);
    assert_eq!(put(&gateway, "/0004f2000004-app.log", &most), 201, "another is not");
    assert_eq!(put(&gateway, "/0004f2000005-app.log", &[b'a'; 40_000]), 404);
    assert_eq!(put(&gateway, "/0004f2000005-app.log", &[b'a'; 30_000]), 201);
    assert_eq!(put(&gateway, LOG, &most), 204, "what takes no more room than before is kept");
    assert_eq!(put(&gateway, "/0004f2000003-app.log", &most), 404, "all is full");
    assert_eq!(detail("0004f2000003"), "there is no more room for uploads: 200000 bytes in all");
    let uploads = ready(&gateway)["uploads"].clone();
    let expected = json!({
        "state": "ready", "bytes": 150_005, "limit": 200_000, "without_room": 3,
    });
    assert_eq!(uploads, expected);
}

/// What `/ready` says of a gateway that is.
fn ready(gateway: &Gateway) -> Value {
    let answer = http::get(gateway.admin(), "/ready", None);
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn a_folder_that_cannot_be_used_is_said_and_phones_boot_on() {
    let gateway = start();
    assert_eq!(put(&gateway, LOG, b"one"), 201);
    assert_eq!(ready(&gateway)["uploads"]["state"], "ready");
    std::fs::remove_dir_all(gateway.dir().join("uploads/.incoming")).unwrap();
    let head = format!("PUT {LOG} HTTP/1.1\r\nContent-Length: 3");
    assert_eq!(send(&gateway, &head, b"two").0, 503);
    assert_eq!(gateway.last_outcome("0004f2000002"), "not_received");
    let said = ready(&gateway);
    assert_eq!((&said["ready"], &said["uploads"]["state"]), (&json!(true), &json!("unusable")));
    assert_eq!(content(&gateway, PHONE, "0004f2000002-app.log")["content"], "one");
}

#[test]
fn only_who_administers_the_whole_device_sees_what_it_sent() {
    let gateway = start();
    put(&gateway, LOG, b"secret");
    gateway.done("create", json!({ "type": "company", "values": { "company": "other" } }));
    let user = json!({
        "login": "eve", "role": "Company-Admin", "company": "other", "companies": ["other"], "key": true,
    });
    let key = gateway.done("create", json!({ "type": "user", "values": user }))["key"].clone();
    for file in [Value::Null, json!("0004f2000002-app.log")] {
        let mut scope = json!({ "phoneid": PHONE });
        if !file.is_null() {
            scope["file"] = file;
        }
        let auth = json!({ "type": "auth", "key": key });
        let body = json!({ "auth": auth, "type": "phone", "scope": scope });
        let answer = support::gateway::call(gateway.admin(), "uploads", &body);
        assert_eq!(answer["message"], "Phone not found", "{answer}");
    }
}

#[test]
fn what_a_deleted_phone_sent_goes_and_a_start_counts_the_rest() {
    let gateway = start();
    put(&gateway, LOG, b"old");
    create(&gateway, "0004f2000003", "default");
    put(&gateway, "/0004f2000003-app.log", b"kept");
    gateway.done("delete", json!({ "type": "phone", "scope": { "phoneid": PHONE } }));
    let dir = gateway.dir().to_owned();
    let uploads = |dir: &Path| files(&dir.join("uploads"));
    assert_eq!(uploads(&dir).len(), 2);
    let dir = gateway.stop();
    let gateway = Gateway::start_with(|config, _| {
        config.uploads.dir = Some(dir.path().join("uploads"));
        config.store.url =
            format!("sqlite:{}", dir.path().join("dialtone.db").display()).parse().unwrap();
    });
    assert_eq!(put(&gateway, "/0004f2000003-phone.cfg", b"x"), 201, "it is counted");
    let left = uploads(dir.path());
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.iter().all(|path| path.to_string_lossy().contains("0004f2000003")), "{left:?}");
}

#[test]
fn without_a_folder_nothing_is_taken_in() {
    let gateway = Gateway::start();
    create(&gateway, "0004f2000002", "default");
    let (status, _) = send(&gateway, &format!("PUT {LOG} HTTP/1.1\r\nContent-Length: 1"), b"a");
    assert_eq!(status, 404);
    let requests =
        gateway.done("requests", json!({ "type": "phone", "scope": { "mac": "0004f2000002" } }));
    let last = &requests["values"][0];
    let off = "uploads are off: [uploads] dir names no folder";
    assert_eq!((&last["outcome"], &last["detail"]), (&json!("not_received"), &json!(off)));
    assert_eq!(ready(&gateway)["uploads"], json!({ "state": "off" }));
    let answer = gateway.ask("uploads", json!({ "type": "phone", "scope": { "phoneid": PHONE } }));
    assert!(answer["message"].as_str().unwrap().contains("[uploads] dir"), "{answer}");
}

#[test]
fn an_upload_can_be_deleted_and_is_not_sent_back_then() {
    let gateway = start();
    put(&gateway, OVERRIDES, b"<a/>");
    let delete = |file: &str| {
        let scope = json!({ "phoneid": PHONE, "file": file });
        gateway.done("delete", json!({ "type": "upload", "scope": scope }))["numrows"].clone()
    };
    assert_eq!(delete("0004f2000002-web.cfg"), 0);
    assert_eq!(delete("0004f2000002-phone.cfg"), 1);
    assert_eq!(gateway.get(OVERRIDES, Some(POLYCOM)).status, 404);
    let events = gateway.done("events", json!({ "type": "phone", "scope": { "phoneid": PHONE } }));
    assert_eq!(events["values"][0]["before"], json!({ "upload": "0004f2000002-phone.cfg" }));
    // What is not there is not shown, and nobody is on record as having seen it.
    assert_eq!(content(&gateway, PHONE, "0004f2000002-web.cfg"), Value::Null);
    let after = gateway.done("events", json!({ "type": "phone", "scope": { "phoneid": PHONE } }));
    assert_eq!(after, events);
}

#[test]
fn what_a_phone_sent_is_not_its_that_was_made_anew_nor_its_companys() {
    let gateway = start();
    let company = |verb: &str| {
        let body = match verb {
            "create" => json!({ "type": "company", "values": { "company": "acme" } }),
            _ => json!({ "type": "company", "scope": { "company": "acme" } }),
        };
        gateway.done(verb, body);
    };
    let delete = |phone: &str| {
        gateway.done("delete", json!({ "type": "phone", "scope": { "phoneid": phone } }));
    };
    company("create");
    create(&gateway, "0004f2000003", "acme");
    assert_eq!(put(&gateway, "/0004f2000003-phone.cfg", b"<a/>"), 201);
    delete("0004f20000030");
    company("delete");
    company("create");
    create(&gateway, "0004f2000003", "acme");
    assert_eq!(uploads(&gateway, "0004f20000030"), Vec::<Value>::new());
    assert_eq!(gateway.get("/0004f2000003-phone.cfg", Some(POLYCOM)).status, 404);
}

#[test]
fn what_is_still_coming_counts_against_the_room_of_all() {
    let gateway = start_with(8 << 20, 2 << 20);
    create(&gateway, "0004f2000003", "default");
    put(&gateway, OVERRIDES, b"<a/>");
    // Who asks first whether to send hears "100 Continue" when the room is taken.
    let ask = |path: &str, bytes: usize| {
        let mut stream = TcpStream::connect(gateway.http()).unwrap();
        let head = format!(
            "PUT {path} HTTP/1.1\r\nHost: gw\r\nUser-Agent: {POLYCOM}\r\n\
             Expect: 100-continue\r\nContent-Length: {bytes}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let status = status(&mut stream);
        (stream, status)
    };
    let (mut first, called_for) = ask(LOG, 1_000_000);
    assert_eq!(called_for, "HTTP/1.1 100");
    first.write_all(&[b'a'; 500_000]).unwrap();
    let (_, refused) = ask("/0004f2000003-app.log", 60_000);
    assert_eq!(refused, "HTTP/1.1 404");
    first.write_all(&[b'a'; 500_000]).unwrap();
    // The rest of "100 Continue" and the empty line behind it stand before the answer.
    let mut rest = [0; " Continue\r\n\r\n".len()];
    first.read_exact(&mut rest).unwrap();
    assert_eq!(status(&mut first), "HTTP/1.1 201");
}

/// Version and status, the first twelve bytes of an answer.
fn status(stream: &mut TcpStream) -> String {
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn what_is_no_whole_file_leaves_the_one_before() {
    let gateway = start();
    assert_eq!(put(&gateway, LOG, b"whole"), 201);
    let refusal = send(&gateway, "PUT /0004f2000002-other.log HTTP/1.1", b"").1;
    for (framing, why) in [
        ("X: y", "neither Content-Length nor chunks"),
        ("Content-Range: bytes 0-2/10\r\nContent-Length: 3", "Content-Range"),
    ] {
        let head = format!("PUT {LOG} HTTP/1.1\r\n{framing}");
        let (status, answer) = send(&gateway, &head, if framing == "X: y" { b"" } else { b"abc" });
        assert_eq!((status, answer.len()), (404, refusal.len()), "{answer}");
        let scope = json!({ "mac": "0004f2000002" });
        let requests = gateway.done("requests", json!({ "type": "phone", "scope": scope }));
        let last = &requests["values"][0];
        assert_eq!(last["outcome"], "not_received");
        assert!(last["detail"].as_str().unwrap().contains(why), "{last}");
        assert_eq!(content(&gateway, PHONE, "0004f2000002-app.log")["content"], "whole");
    }
    // One that is said to be empty is.
    assert_eq!(put(&gateway, LOG, b""), 204);
    assert_eq!(content(&gateway, PHONE, "0004f2000002-app.log")["content"], "");
}

#[test]
fn a_second_gateway_does_not_start_on_the_folder() {
    let gateway = start();
    let dir = gateway.dir().join("uploads");
    let options =
        dialtone::uploads::UploadOptions { dir, bytes_per_phone: 65_536, total_bytes: 1 << 20 };
    let error = dialtone::uploads::Uploads::open(options).unwrap_err();
    assert!(error.to_string().contains("another gateway"), "{error}");
}

#[test]
fn a_page_in_a_browser_sends_nothing() {
    let gateway = start();
    put(&gateway, OVERRIDES, b"<a/>");
    let head = format!("POST {LOG} HTTP/1.1\r\nOrigin: http://evil.example\r\nContent-Length: 1");
    assert_eq!(send(&gateway, &head, b"a").0, 404);
    assert_eq!(uploads(&gateway, PHONE).len(), 1);
}
