//! Files that an operator lays out: which phone gets which, whole, in part, and nothing else.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use dialtone::files::{MAX_STREAMS, MAX_STREAMS_PER_PHONE};
use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::support::http::{self, Answer};
use crate::support::{Gateway, eventually};

const YEALINK: &str = "Yealink SIP-T46S 66.86.0.15 00:15:65:00:00:01";
const MAC: &str = "001565000001";

/// A gateway with these files, and active T46S phones of the companies.
fn start(files: &[(&str, &[u8])], phones: &[(&str, &str)]) -> Gateway {
    let gateway = Gateway::start_with(|config, dir| {
        lay_out(&dir.join("files"), files);
        config.files.dir = Some(dir.join("files"));
        config.handset.public_url = Some("http://gw.example/p/".parse().unwrap());
    });
    create_phones(&gateway, phones);
    gateway
}

fn create_phones(gateway: &Gateway, phones: &[(&str, &str)]) {
    for (mac, company) in phones {
        if *company != "default" {
            let body = json!({ "type": "company", "values": { "company": company } });
            gateway.done("create", body);
        }
        let line = json!({ "1": { "user": "1", "password": "p", "registrar": "a.example" } });
        let settings = json!({ "lines": line });
        let values =
            json!({ "mac": mac, "company": company, "phone_type": "t46s", "settings": settings });
        gateway.done("create", json!({ "type": "phone", "values": values }));
    }
}

fn lay_out(dir: &Path, files: &[(&str, &[u8])]) {
    fs::create_dir_all(dir).unwrap();
    for (path, bytes) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn dir(gateway: &Gateway) -> PathBuf {
    gateway.dir().join("files")
}

fn ask(gateway: &Gateway, target: &str, headers: &[(&str, &str)]) -> Answer {
    let headers: Vec<_> = headers.iter().copied().chain([("User-Agent", YEALINK)]).collect();
    http::request(gateway.http(), "GET", target, &headers, b"").expect("the gateway answers")
}

fn url(mac: &str, name: &str) -> String {
    format!("/p/files/{mac}/{name}")
}

#[test]
fn the_most_particular_file_counts() {
    let gateway = start(
        &[
            ("families/yealink/a", b"family"),
            ("families/yealink/b", b"family"),
            ("families/yealink/c", b"family"),
            ("families/yealink/t46s/b", b"type"),
            ("families/snom/only", b"snom"),
            ("companies/acme/c", b"company"),
            ("companies/acme/d", b"company"),
            ("companies/acme/yealink/d", b"company, family"),
            ("companies/acme/yealink/e", b"company, family"),
            ("companies/acme/yealink/t46s/e", b"company, type"),
            ("companies/acme/tones/f", b"company, below"),
        ],
        &[(MAC, "acme"), ("001565000002", "default")],
    );
    let got = |mac: &str, name: &str| {
        let answer = ask(&gateway, &url(mac, name), &[]);
        (answer.status == 200).then(|| answer.text().to_owned())
    };
    for (name, of_acme, of_other) in [
        ("a", Some("family"), Some("family")),
        ("b", Some("type"), Some("type")),
        ("c", Some("company"), Some("family")),
        ("d", Some("company, family"), None),
        ("e", Some("company, type"), None),
        ("tones/f", Some("company, below"), None),
        ("only", None, None),
        ("tones", None, None),
    ] {
        assert_eq!(got(MAC, name).as_deref(), of_acme, "{name}");
        assert_eq!(got("001565000002", name).as_deref(), of_other, "{name} of the other");
    }
}

#[test]
fn who_gets_no_file_hears_nothing_of_it() {
    let gateway = start(&[("families/yealink/a.rom", b"rom")], &[(MAC, "default")]);
    assert_eq!(ask(&gateway, &url(MAC, "a.rom"), &[]).status, 200);
    assert_eq!(gateway.last_outcome(MAC), "served");
    let refusal = ask(&gateway, "/p/nothing", &[]);
    let refused = |target: &str| {
        let answer = ask(&gateway, target, &[]);
        assert_eq!(answer, refusal, "{target}");
    };
    refused(&url("001565000009", "a.rom"));
    refused(&url("001565000009", "none.rom"));
    refused(&url(MAC, "none.rom"));
    assert_eq!(gateway.last_outcome(MAC), "no_such_file");
    refused("/p/files/a.rom");
    // Who asks for one is listed like any phone.
    assert_eq!(gateway.inactive(), [("0015650000090".to_owned(), "t46s".to_owned())]);
}

#[test]
fn nothing_outside_of_the_folder_is_sent() {
    let gateway = start(&[("families/yealink/a", b"a")], &[(MAC, "default")]);
    let (files, outside) = (dir(&gateway), gateway.dir().join("outside"));
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), b"secret").unwrap();
    let family = files.join("families/yealink");
    symlink(outside.join("secret"), family.join("link")).unwrap();
    symlink("../../../outside/secret", family.join("relative")).unwrap();
    symlink(&outside, family.join("folder")).unwrap();
    symlink("a", family.join("inside")).unwrap();
    symlink(".", family.join("circle")).unwrap();
    fs::create_dir(family.join("t46s")).unwrap();
    symlink("../a", family.join("t46s/up")).unwrap();
    gateway.reload();
    for name in [
        "link",
        "relative",
        "folder/secret",
        "../../../../outside/secret",
        "%2e%2e/%2e%2e/outside/secret",
        "..%2f..%2foutside%2fsecret",
        "/etc/passwd",
        ".",
        "",
        "circle",
    ] {
        let answer = ask(&gateway, &url(MAC, name), &[]);
        assert_eq!(answer.status, 404, "{name}: {answer:?}");
    }
    assert_eq!(ask(&gateway, &url(MAC, "inside"), &[]).text(), "a", "a link that stays inside");
    assert_eq!(ask(&gateway, &url(MAC, "up"), &[]).text(), "a", "one that leads to another folder");
    // What stood there when the folder was looked through may be a link when it is opened.
    fs::remove_file(family.join("a")).unwrap();
    symlink(outside.join("secret"), family.join("a")).unwrap();
    assert_eq!(ask(&gateway, &url(MAC, "a"), &[]).status, 503);
    assert_eq!(gateway.last_outcome(MAC), "not_sent");
}

#[test]
fn parts_and_conditions_are_those_of_http() {
    let rom: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
    let gateway = start(&[("families/yealink/a.rom", &rom)], &[(MAC, "default")]);
    let target = url(MAC, "a.rom");
    let whole = ask(&gateway, &target, &[]);
    assert_eq!((whole.status, whole.body == rom), (200, true));
    assert_eq!(whole.header("content-length"), Some("200000"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("content-type"), Some("application/octet-stream"));
    let (tag, date) = (whole.header("etag").unwrap(), whole.header("last-modified").unwrap());

    let part = ask(&gateway, &target, &[("Range", "bytes=65530-131080")]);
    assert_eq!((part.status, &part.body[..]), (206, &rom[65_530..=131_080]));
    assert_eq!(part.header("content-range"), Some("bytes 65530-131080/200000"));
    let rest = ask(&gateway, &target, &[("Range", "bytes=199990-"), ("If-Range", tag)]);
    assert_eq!((rest.status, &rest.body[..]), (206, &rom[199_990..]));
    let anew = ask(&gateway, &target, &[("Range", "bytes=199990-"), ("If-Range", "\"old\"")]);
    assert_eq!((anew.status, anew.body.len()), (200, 200_000));
    assert_eq!(ask(&gateway, &target, &[("Range", "bytes=200000-")]).status, 416);

    // What is no range that makes sense gives the file, as does a date that cannot be read.
    let many = format!("bytes={}", vec!["0-0"; 2_000].join(","));
    for (name, value) in [
        ("Range", &*many),
        ("Range", "bytes=-0"),
        ("Range", "bytes=-200000"),
        ("Range", "bytes=-200001"),
        ("Range", "bytes=+0-5"),
        ("Range", "bytes=0-18446744073709551615"),
        ("Range", "lines=1-2"),
        ("If-Modified-Since", "0"),
        ("If-Unmodified-Since", "yesterday"),
    ] {
        let answer = ask(&gateway, &target, &[(name, value)]);
        assert_eq!((answer.status, answer.body.len()), (200, 200_000), "{name}: {value:.40}");
    }
    assert_eq!(ask(&gateway, &target, &[("If-None-Match", tag)]).status, 304);
    assert_eq!(ask(&gateway, &target, &[("If-Modified-Since", date)]).status, 304);
    // Of what is only asked about there are no parts (RFC 9110 section 14.2).
    let range = [("Range", "bytes=0-9")];
    let head = http::request(gateway.http(), "HEAD", &target, &range, b"").unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some("200000"));

    // Another file in its place is another file.
    let place = dir(&gateway).join("families/yealink/a.rom");
    fs::write(place.with_extension("new"), b"new").unwrap();
    fs::rename(place.with_extension("new"), &place).unwrap();
    let new = ask(&gateway, &target, &[("If-None-Match", tag)]);
    assert_eq!((new.status, new.text()), (200, "new"));
}

#[test]
fn settings_name_a_file_and_phones_get_where_it_is() {
    let gateway = start(&[("families/yealink/t46s.rom", b"rom")], &[(MAC, "default")]);
    let settings = json!({
        "firmware": { "url": "files:t46s.rom" },
        "vendor": { "yealink": { "gui_lang.url": "files:lang/de.lang" } },
    });
    gateway.set(&format!("{MAC}0"), settings);
    let config = gateway.get(&format!("/{MAC}.cfg"), Some(YEALINK));
    let at = |path: &str| format!("http://gw.example/p/files/{MAC}/{path}\n");
    for line in ["static.firmware.url = ", "gui_lang.url = "] {
        assert!(config.text().contains(line), "{}", config.text());
    }
    assert!(config.text().contains(&at("t46s.rom")), "{}", config.text());
    assert!(config.text().contains(&at("lang/de.lang")), "{}", config.text());
    assert_eq!(ask(&gateway, &url(MAC, "t46s.rom"), &[]).text(), "rom");
}

#[test]
fn what_a_phone_will_not_get_is_said() {
    let gateway = Gateway::start();
    let line = json!({ "1": { "user": "1", "password": "p", "registrar": "a.example" } });
    let values = json!({
        "mac": MAC, "company": "default", "phone_type": "t46s",
        "settings": { "lines": line, "firmware": { "url": "files:a.rom" } },
    });
    let answer = gateway.done("create", json!({ "type": "phone", "values": values }));
    let warnings = answer["warnings"].to_string();
    assert!(warnings.contains("this gateway hosts no files"), "{warnings}");
    assert!(warnings.contains("public_url"), "{warnings}");
    let config = gateway.get(&format!("/{MAC}.cfg"), Some(YEALINK));
    assert!(config.text().contains("static.firmware.url = %NULL%"), "{}", config.text());

    let gateway = start(&[("families/yealink/a.rom", b"a")], &[(MAC, "default")]);
    let warned = |of: &str, scope: serde_json::Value, settings: serde_json::Value| {
        let values = json!({ "settings": settings });
        let body = json!({ "type": of, "scope": scope, "values": values });
        gateway.done("update", body)["warnings"].to_string()
    };
    let phone = json!({ "phoneid": format!("{MAC}0") });
    let there = json!({ "firmware": { "url": "files:a.rom" } });
    let typo = json!({ "firmware": { "url": "files:b.rom" } });
    let blank = json!({ "vendor": { "yealink": { "gui_lang.url": "files:my de.lang" } } });
    assert_eq!(warned("phone", phone.clone(), there.clone()), "null");
    assert!(warned("phone", phone.clone(), typo.clone()).contains("has b.rom"));
    assert!(warned("phone", phone, blank).contains("is no name of a file"));
    let company = json!({ "company": "default" });
    assert!(!warned("company", company.clone(), there).contains("a.rom"));
    assert!(warned("company", company, typo).contains("no folder in [files] dir has b.rom"));
    let odd = json!({
        "type": "settings", "values": { "settings": { "firmware": { "url": "files:../a" } } },
    });
    let message = gateway.ask("update", odd)["message"].to_string();
    assert!(message.contains("files"), "{message}");
}

#[test]
fn what_is_laid_out_is_there_by_itself_and_what_goes_is_gone() {
    let gateway = start(&[], &[(MAC, "default")]);
    assert_eq!(ask(&gateway, &url(MAC, "a"), &[]).status, 404);
    lay_out(&dir(&gateway), &[("families/yealink/a", b"a")]);
    eventually("the file is found", || ask(&gateway, &url(MAC, "a"), &[]).status == 200);
    fs::remove_file(dir(&gateway).join("families/yealink/a")).unwrap();
    gateway.reload();
    assert_eq!(ask(&gateway, &url(MAC, "a"), &[]).status, 404);
}

/// The first bytes of a large answer, of which the rest is left in the connection.
fn begin(gateway: &Gateway, target: &str) -> (std::net::TcpStream, [u8; 12]) {
    let mut stream = http::connect(gateway.http()).unwrap();
    let head = format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\nUser-Agent: {YEALINK}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    (stream, status)
}

#[test]
fn a_phone_takes_a_few_files_at_a_time_and_others_go_on() {
    // More than the buffers of a connection hold.
    let rom = vec![7; 64 << 20];
    let gateway =
        start(&[("families/yealink/a.rom", &rom)], &[(MAC, "default"), ("001565000002", "acme")]);
    let mut slow: Vec<_> = (0..4).map(|_| begin(&gateway, &url(MAC, "a.rom"))).collect();
    assert!(slow.iter().all(|(_, status)| status == b"HTTP/1.1 200"));
    let answer = ask(&gateway, &url(MAC, "a.rom"), &[]);
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert_eq!(gateway.last_outcome(MAC), "not_sent");
    let other = ask(&gateway, &url("001565000002", "a.rom"), &[("Range", "bytes=0-9")]);
    assert_eq!(other.status, 206);
    // Who asks about one takes none.
    let about = http::request(gateway.http(), "HEAD", &url(MAC, "a.rom"), &[], b"").unwrap();
    assert_eq!((about.status, about.header("content-length")), (200, Some("67108864")));
    assert_eq!(gateway.get(&format!("/{MAC}.cfg"), Some(YEALINK)).status, 200);
    // Read to its end one is whole, and another may begin.
    let (mut stream, _) = slow.pop().unwrap();
    let (head, mut bytes) = (read_head(&mut stream), vec![0; rom.len()]);
    stream.read_exact(&mut bytes).unwrap();
    assert!(bytes == rom, "{head}");
    eventually("its turn is free", || {
        ask(&gateway, &url(MAC, "a.rom"), &[("Range", "bytes=0-9")]).status == 206
    });
}

fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// An answer of which nothing is read but its status, in a connection that holds little.
fn stall(gateway: &Gateway, source: [u8; 4], target: &str) -> (std::net::TcpStream, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&gateway.http().into()).unwrap();
    let mut stream = std::net::TcpStream::from(socket);
    let head = format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\nUser-Agent: {YEALINK}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    (stream, String::from_utf8_lossy(&status).into_owned())
}

/// A file of that length that takes no room on the disk.
fn lay_out_long(gateway: &Gateway, path: &str, bytes: u64) {
    let path = dir(gateway).join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::File::create(&path).unwrap().set_len(bytes).unwrap();
    gateway.reload();
}

#[test]
fn slow_readers_of_one_network_hold_their_turns_and_neither_boots_nor_other_networks_wait() {
    let macs: Vec<String> = (1..=33).map(|number| format!("0015650000{number:02}")).collect();
    let phones: Vec<_> = macs.iter().map(|mac| (mac.as_str(), "default")).collect();
    let gateway = start(&[], &phones);
    lay_out_long(&gateway, "families/yealink/a.rom", 16 << 20);
    let (last, slow) = macs.split_last().unwrap();
    let held: Vec<_> = slow
        .iter()
        .flat_map(|mac| [mac; MAX_STREAMS_PER_PHONE])
        .map(|mac| stall(&gateway, [127, 0, 0, 1], &url(mac, "a.rom")))
        .collect();
    assert_eq!(held.len(), MAX_STREAMS / 2);
    assert!(held.iter().all(|(_, status)| status == "HTTP/1.1 200"));
    let (_stream, more) = stall(&gateway, [127, 0, 0, 1], &url(last, "a.rom"));
    assert_eq!(more, "HTTP/1.1 503");
    assert_eq!(gateway.last_outcome(last), "not_sent");
    let (_stream, elsewhere) = stall(&gateway, [127, 0, 0, 2], &url(last, "a.rom"));
    assert_eq!(elsewhere, "HTTP/1.1 200");
    for mac in &macs {
        let config = http::get(gateway.http(), &format!("/{mac}.cfg"), Some(YEALINK));
        assert_eq!(config.status, 200);
    }
}

#[test]
fn a_turn_that_gets_on_no_more_is_given_to_another() {
    let gateway = Gateway::start_with(|config, dir| {
        lay_out(&dir.join("files"), &[]);
        config.files.dir = Some(dir.join("files"));
        config.handset.request_timeout = Duration::from_secs(2);
        config.handset.answer_timeout = Duration::from_secs(1);
    });
    create_phones(&gateway, &[(MAC, "default")]);
    lay_out_long(&gateway, "families/yealink/a.rom", 16 << 20);
    let target = url(MAC, "a.rom");
    let begin = || stall(&gateway, [127, 0, 0, 1], &target);
    let held = [(); MAX_STREAMS_PER_PHONE].map(|()| begin());
    assert!(held.iter().all(|(_, status)| status == "HTTP/1.1 200"));
    assert_eq!(begin().1, "HTTP/1.1 503");
    eventually("their turns are free", || begin().1 == "HTTP/1.1 200");
}

#[test]
fn what_is_no_file_is_neither_sent_nor_waited_for() {
    let gateway = start(&[("families/yealink/a", b"a")], &[(MAC, "default")]);
    let family = dir(&gateway).join("families/yealink");
    let pipe = |name: &str| {
        let made = std::process::Command::new("mkfifo").arg(family.join(name)).status().unwrap();
        assert!(made.success());
    };
    pipe("pipe");
    gateway.reload();
    assert_eq!(ask(&gateway, &url(MAC, "pipe"), &[]).status, 404);
    // More than a phone has turns: none is lost.
    fs::remove_file(family.join("a")).unwrap();
    pipe("a");
    for _ in 0..2 * MAX_STREAMS_PER_PHONE {
        assert_eq!(ask(&gateway, &url(MAC, "a"), &[]).status, 503);
    }
    fs::remove_file(family.join("a")).unwrap();
    fs::create_dir(family.join("a")).unwrap();
    assert_eq!(ask(&gateway, &url(MAC, "a"), &[]).status, 503);
    assert_eq!(gateway.last_outcome(MAC), "not_sent");
}

#[test]
fn a_file_that_is_cut_off_while_it_is_sent_is_not_taken_for_whole() {
    let gateway = start(&[], &[(MAC, "default")]);
    lay_out_long(&gateway, "families/yealink/a.rom", 16 << 20);
    let (mut stream, status) = stall(&gateway, [127, 0, 0, 1], &url(MAC, "a.rom"));
    assert_eq!(status, "HTTP/1.1 200");
    let file = fs::File::options().write(true).open(dir(&gateway).join("families/yealink/a.rom"));
    file.unwrap().set_len(1 << 20).unwrap();
    let head = read_head(&mut stream);
    assert!(head.to_lowercase().contains("content-length: 16777216"), "{head}");
    let mut rest = Vec::new();
    // The connection ends, in order or not, before what was announced has come.
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.len() < 16 << 20, "{}", rest.len());
}

#[test]
fn phones_boot_while_many_take_their_firmware() {
    let rom = vec![7; 8 << 20];
    let macs: Vec<String> = (1..=20).map(|number| format!("0015650000{number:02}")).collect();
    let phones: Vec<_> = macs.iter().map(|mac| (mac.as_str(), "default")).collect();
    let gateway = start(&[("families/yealink/a.rom", &rom)], &phones);
    thread::scope(|scope| {
        let taken: Vec<_> = macs
            .iter()
            .map(|mac| scope.spawn(|| ask(&gateway, &url(mac, "a.rom"), &[]).body.len()))
            .collect();
        for mac in &macs {
            let config = http::get(gateway.http(), &format!("/{mac}.cfg"), Some(YEALINK));
            assert_eq!(config.status, 200);
        }
        for taken in taken {
            assert_eq!(taken.join().unwrap(), rom.len());
        }
    });
}

#[test]
fn phones_that_run_another_version_than_they_should_are_found() {
    let gateway = start(
        &[
            ("families/yealink/VERSION", b"66.86.0.20\n"),
            ("companies/acme/yealink/t46s/VERSION", b"66.86.0.15"),
        ],
        &[(MAC, "default"), ("001565000002", "acme"), ("001565000003", "other")],
    );
    for mac in [MAC, "001565000002"] {
        let agent = YEALINK.replace("00:15:65:00:00:01", &spelled(mac));
        assert_eq!(gateway.get(&format!("/{mac}.cfg"), Some(&agent)).status, 200);
    }
    let listed = |scope: serde_json::Value| -> Vec<String> {
        let answer = gateway.done("read", json!({ "type": "phone", "scope": scope }));
        let rows = answer["values"].as_array().unwrap().iter();
        rows.map(|row| format!("{} {}", row["phoneid"], row["wanted_firmware"])).collect()
    };
    let other = json!({ "firmware": "other" });
    // What phones showed is stored behind the answer.
    let found = [format!(r#""{MAC}0" "66.86.0.20""#)];
    eventually("it is found", || listed(other.clone()) == found);
    assert_eq!(listed(json!({ "mac": "001565000002" })), [r#""0015650000020" "66.86.0.15""#]);
    // A setting says it before the folder does; of a phone that was never seen nothing is known.
    gateway.set(&format!("{MAC}0"), json!({ "firmware": { "version": "66.86.0.15" } }));
    assert_eq!(listed(other), Vec::<String>::new());
}

fn spelled(mac: &str) -> String {
    let pairs: Vec<_> = mac.as_bytes().chunks(2).map(|two| str::from_utf8(two).unwrap()).collect();
    pairs.join(":")
}
