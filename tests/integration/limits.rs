//! A gateway that somebody wants to himself: connections and descriptors run short.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{iter, thread};

use serde_json::json;

use crate::support::Gateway;
use crate::support::http;

const FILE: &str = "/0015654aa937.cfg";

/// One answer on a kept connection: its status line, and its body.
fn answer(stream: &mut TcpStream) -> std::io::Result<(String, String)> {
    let mut reader = BufReader::new(stream);
    let (mut status, mut line, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut status)?;
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().expect("a length");
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((status.trim().to_owned(), String::from_utf8(body).expect("text")))
}

/// `count` connections from each address, kept after a useless request.
fn crowd(gateway: SocketAddr, sources: &[IpAddr], count: usize) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for _ in 0..count {
        for &source in sources {
            let mut stream = http::connect_from(source, gateway).expect("the kernel takes it");
            let _ = stream.write_all(b"GET /nothing.cfg HTTP/1.1\r\nHost: gw\r\n\r\n");
            crowd.push(stream);
        }
    }
    crowd
}

#[test]
fn eight_addresses_that_hold_all_connections_do_not_keep_phones_from_their_files() {
    let gateway = Gateway::start_with(|config, _| {
        config.handset.max_connections = 64;
        config.handset.max_connections_per_address = 8;
        config.handset.newcomer_grace = Duration::from_millis(50);
    });
    gateway.get(FILE, None);
    gateway.promote("0015654aa9370");
    let sources: Vec<IpAddr> = (1..=8).map(|last| IpAddr::from([127, 0, 1, last])).collect();
    let _held = crowd(gateway.http(), &sources, 8);
    let mut phones = Vec::new();
    for last in 1..=20 {
        let source = IpAddr::from([127, 0, 2, last]);
        let mut phone = http::connect_from(source, gateway.http()).unwrap();
        // As phones do: first what is not there, then its file, on one connection.
        for (path, status) in [("/x.cfg", "HTTP/1.1 404 Not Found"), (FILE, "HTTP/1.1 200 OK")] {
            write!(phone, "GET {path} HTTP/1.1\r\nHost: gw\r\n\r\n").unwrap();
            assert_eq!(answer(&mut phone).expect("an answer").0, status);
        }
        phones.push(phone);
    }
    let _more = crowd(gateway.http(), &sources, 8);
    for phone in &mut phones {
        write!(phone, "GET {FILE} HTTP/1.1\r\nHost: gw\r\n\r\n").unwrap();
        assert_eq!(answer(phone).expect("still open").0, "HTTP/1.1 200 OK");
    }
}

/// A new connection of a phone, from the first byte to the last of its file.
fn time_of_a_boot(gateway: SocketAddr) -> Duration {
    let begun = Instant::now();
    let mut phone = http::connect_from(IpAddr::from([127, 0, 2, 1]), gateway).unwrap();
    write!(phone, "GET {FILE} HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(answer(&mut phone).expect("an answer").0, "HTTP/1.1 200 OK");
    begun.elapsed()
}

#[test]
fn a_thousand_idle_and_two_hundred_dripping_connections_keep_no_phone_waiting() {
    let gateway = Gateway::start();
    gateway.get(FILE, None);
    gateway.promote("0015654aa9370");
    let sources: Vec<IpAddr> = (1..=12).map(|last| IpAddr::from([127, 0, 1, last])).collect();
    let _idle = crowd(gateway.http(), &sources[..10], 100);
    let mut dripping: Vec<TcpStream> = (0..200)
        .map(|number| http::connect_from(sources[10 + number % 2], gateway.http()).unwrap())
        .collect();
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| {
            // A byte of each head at a time, and never the last.
            let head =
                b"GET /a.cfg HTTP/1.1\r\nHost: gw\r\nX-Drip: ".iter().chain(iter::repeat(&b'a'));
            for byte in head.take_while(|_| !stop.load(Ordering::Relaxed)) {
                for stream in &mut dripping {
                    let _ = stream.write_all(&[*byte]);
                }
                thread::sleep(Duration::from_millis(50));
            }
        });
        // A machine that does other things has slow moments of its own.
        let quick_enough = (0..5).any(|_| {
            let mut times: Vec<_> = (0..200).map(|_| time_of_a_boot(gateway.http())).collect();
            times.sort_unstable();
            times[197] < Duration::from_millis(100)
        });
        stop.store(true, Ordering::Relaxed);
        assert!(quick_enough, "one phone of a hundred waits for longer than 100 ms");
    });
}

#[test]
fn one_address_that_opens_256_admin_connections_does_not_keep_operators_out() {
    let gateway = Gateway::start();
    let here = [IpAddr::from([127, 0, 0, 1])];
    let ask = json!({ "type": "phone", "auth": { "type": "auth", "key": gateway.key() } });
    let ask = ask.to_string();
    let ask = format!(
        "POST /rest/dialplan/inactive/phone HTTP/1.1\r\nHost: gw\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{ask}",
        ask.len()
    );
    let mut operator = http::connect(gateway.admin()).unwrap();
    let mut is_answered = || {
        operator.write_all(ask.as_bytes()).unwrap();
        let (_, body) = answer(&mut operator).expect("it is kept");
        body.contains("\"success\"")
    };
    assert!(is_answered());
    let _held = crowd(gateway.admin(), &here, 256);
    assert!(is_answered(), "who is signed in keeps the connection");
    // Another one, of the very address.
    gateway.done("inactive", json!({ "type": "phone" }));
    let sources: Vec<IpAddr> = (1..=8).map(|last| IpAddr::from([127, 0, 1, last])).collect();
    let _held = crowd(gateway.admin(), &sources, 64);
    gateway.done("inactive", json!({ "type": "phone" }));
    assert!(is_answered());
}

#[test]
fn with_few_descriptors_it_says_so_and_phones_are_answered() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut gateway = Command::new("sh")
        .args(["-c", "ulimit -Sn 300; ulimit -Hn 400; exec \"$0\"", env!("CARGO_BIN_EXE_dialtone")])
        .current_dir(dir.path())
        .env("DIALTONE_HANDSET_HTTP", "127.0.0.1:0")
        .env("DIALTONE_HANDSET_HTTPS", "none")
        .env("DIALTONE_ADMIN_LISTEN", "127.0.0.1:0")
        .env("DIALTONE_LOG_LEVEL", "warn")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = None;
    for line in BufReader::new(gateway.stdout.take().unwrap()).lines().map_while(Result::ok) {
        if let Some((_, url)) = line.split_once("handsets  http://") {
            address = Some(url.parse().expect("an address"));
        }
        if line == "ready" {
            break;
        }
    }
    let address: SocketAddr = address.expect("it announces where it listens");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.id()));
    let sources: Vec<IpAddr> = (1..=8).map(|last| IpAddr::from([127, 0, 1, last])).collect();
    let held = crowd(address, &sources, 50);
    let answered = http::request(address, "GET", FILE, &[], b"");
    drop(held);
    gateway.kill().unwrap();
    let mut log = String::new();
    gateway.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    gateway.wait().unwrap();
    assert!(log.contains("LimitNOFILE=16704"), "{log}");
    assert!(log.contains("max_connections is 16384"), "{log}");
    assert_eq!(answered.expect("a phone is answered").status, 404);
    if let Ok(limits) = limits {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let of = |name| limits.lines().find(|line| line.starts_with(name)).map(words).unwrap();
        assert_eq!(of("Max open files")[3..5], ["400", "400"], "raised as far as it may");
        assert_eq!(of("Max core file size")[4..6], ["0", "0"]);
    }
}
