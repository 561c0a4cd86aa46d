//! What handsets and others do with HTTP, byte by byte.

use std::io::{Read, Write};
use std::time::Duration;

use crate::support::Gateway;
use crate::support::http::{self, Answer};

const FILE: &str = "/0015654aa937.cfg";

fn with_active_phone(adapt: fn(&mut dialtone::config::Config)) -> Gateway {
    let gateway = Gateway::start_with(|config, _| adapt(config));
    gateway.get(FILE, None);
    gateway.promote("0015654aa9370");
    gateway
}

/// The statuses of the answers on one connection, which ends.
fn statuses(gateway: &Gateway, bytes: &str) -> Vec<String> {
    let answers = http::raw(gateway.http(), bytes.as_bytes());
    let of = |line: &str| line.starts_with("HTTP/1.").then(|| line[..12].to_owned());
    answers.lines().filter_map(of).collect()
}

#[test]
fn http_1_0_is_answered_and_the_connection_closed() {
    let gateway = with_active_phone(|_| {});
    let answer = http::raw(gateway.http(), format!("GET {FILE} HTTP/1.0\r\n\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\nContent-Length: "), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, gateway.get(FILE, None).text());
    assert_eq!(statuses(&gateway, "GET /x.cfg HTTP/1.0\r\n\r\n"), ["HTTP/1.0 404"]);
}

#[test]
fn one_connection_serves_one_request_after_the_other_and_several_at_once() {
    let gateway = with_active_phone(|_| {});
    let one = format!("GET {FILE} HTTP/1.1\r\nHost: gw\r\n\r\n");
    let mut stream = http::connect(gateway.http()).unwrap();
    let length = gateway.get(FILE, None).body.len();
    let mut first = None;
    for _ in 0..2 {
        stream.write_all(one.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert_eq!(first.get_or_insert(body.clone()), &body);
    }

    let last = "GET /x.cfg HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n";
    assert_eq!(
        statuses(&gateway, &format!("{one}{one}{last}")),
        ["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 404"]
    );
}

#[test]
fn garbage_behind_a_request_ends_the_connection_and_not_the_answer() {
    let gateway = with_active_phone(|_| {});
    for garbage in
        ["\u{16}\u{3}\u{1} hello\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "<xml>\r\n\r\n"]
    {
        let bytes = format!("GET {FILE} HTTP/1.1\r\nHost: gw\r\n\r\n{garbage}");
        assert_eq!(statuses(&gateway, &bytes), ["HTTP/1.1 200", "HTTP/1.1 400"], "{garbage:?}");
        // A connection that begins as TLS does gets an alert.
        let alone: &[&str] = if garbage.starts_with('\u{16}') { &[] } else { &["HTTP/1.1 400"] };
        assert_eq!(statuses(&gateway, garbage), alone, "{garbage:?}");
    }
    assert_eq!(gateway.get(FILE, None).status, 200);
}

#[test]
fn head_has_the_headers_of_get_also_on_a_refusal() {
    let gateway = with_active_phone(|_| {});
    for target in [FILE, "/0015654aa938.cfg", "/favicon.ico", "/../../etc/passwd"] {
        let ask = |method| http::request(gateway.http(), method, target, &[], b"").unwrap();
        let (get, head): (Answer, Answer) = (ask("GET"), ask("HEAD"));
        assert!(!get.body.is_empty());
        assert_eq!(head, Answer { body: Vec::new(), ..get }, "{target}");
    }
}

#[test]
fn a_log_that_is_too_long_is_refused_and_the_phone_hears_it() {
    let gateway = with_active_phone(|_| {});
    let put = |length| {
        let body = vec![b'x'; length];
        http::request(gateway.http(), "PUT", "/0015654aa937-app.log", &[], &body)
    };
    let refusal = http::get(gateway.http(), "/favicon.ico", None);
    for length in [10, 64 * 1024, 64 * 1024 + 1, 256 * 1024] {
        assert_eq!(put(length).as_ref(), Some(&refusal), "{length} bytes");
    }
}

#[test]
fn who_is_slow_with_a_head_is_cut_off_and_the_others_are_served() {
    let gateway = with_active_phone(|config| {
        config.handset.header_timeout = Duration::from_millis(300);
        config.handset.idle_timeout = Duration::from_millis(300);
    });
    let mut slow = http::connect(gateway.http()).unwrap();
    slow.write_all(b"GET /0015654aa937.cfg HTTP/1.1\r\nHost: g").unwrap();
    let silent = http::connect(gateway.http()).unwrap();
    let mut idle = http::connect(gateway.http()).unwrap();
    idle.write_all(b"GET /x.cfg HTTP/1.1\r\nHost: gw\r\n\r\n").unwrap();
    assert_eq!(gateway.get(FILE, None).status, 200);
    for (what, mut stream, answered) in
        [("slow", slow, false), ("silent", silent, false), ("idle", idle, true)]
    {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer.starts_with("HTTP/1.1 404"), answered, "{what}: {answer}");
        assert!(answered || answer.is_empty(), "{what}: {answer}");
    }
}
