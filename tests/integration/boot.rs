//! From first contact to configuration, as a handset and its operator see it.

use serde_json::json;

use crate::support::http::{self, Answer};
use crate::support::{Gateway, ManualClock};

const SOUNDPOINT: &str = "FileTransport PolycomSoundPointIP-SPIP_450-UA/3.2.1.0078";
const PAP2T: &str = "Linksys/PAP2T-5.1.6(LS)";
const T46G: &str = "Yealink SIP-T46G 28.83.0.120 00:15:65:4a:a9:37";

fn line(user: &str) -> serde_json::Value {
    json!({ "lines": { "1": { "user": user, "password": "s3cret", "registrar": "sip.example.com" } } })
}

fn refused(answer: &Answer) {
    assert_eq!(answer.status, 404, "{answer:?}");
}

#[test]
fn a_phone_is_seen_promoted_and_configured() {
    let gateway = Gateway::start();
    refused(&gateway.get("/0015654aa937.cfg", Some(T46G)));
    assert_eq!(gateway.inactive(), [("0015654aa9370".to_owned(), "t46g".to_owned())]);

    gateway.promote("0015654aa9370");
    gateway.set("0015654aa9370", line("1001"));
    let config = gateway.get("/0015654aa937.cfg", Some(T46G));
    assert_eq!(config.status, 200);
    assert!(config.text().starts_with("#!version:1.0.0.1\n"), "{}", config.text());
    for expected in ["account.1.user_name = 1001", "account.1.password = s3cret"] {
        assert!(config.text().contains(expected), "{expected} is not in\n{}", config.text());
    }
    assert_eq!(gateway.inactive(), []);
    assert_eq!(gateway.get("/0015654aa937.cfg", Some(T46G)), config, "same inputs, same bytes");
}

#[test]
fn every_port_of_the_type_is_recorded() {
    let gateway = Gateway::start();
    gateway.get("/0018f8123456.xml", Some(PAP2T));
    gateway.get("/0013d1000001-config.xml", None);
    let ids: Vec<String> = gateway.inactive().into_iter().map(|(id, _)| id).collect();
    let of = |mac: &str| ids.iter().filter(|id| id.starts_with(mac)).count();
    assert_eq!((of("0018f8123456"), of("0013d1000001")), (2, 12), "{ids:?}");
    assert!(ids.contains(&"0013d100000111".to_owned()));
}

#[test]
fn every_refusal_is_the_same_bytes() {
    let gateway = Gateway::start_with(|config, _| config.quota.inactive_devices = 2);
    let first = gateway.get("/0004f2000001.cfg", Some(SOUNDPOINT));
    refused(&first);
    let inactive = gateway.get("/0004f2000001.cfg", Some(SOUNDPOINT));
    gateway.get("/0004f2000002.cfg", Some(SOUNDPOINT));
    gateway.promote("0004f20000020");
    let no_such_file = gateway.get("/0004f2000002-calls.xml", Some(SOUNDPOINT));
    gateway.get("/0004f2000003.cfg", Some(SOUNDPOINT));
    let over_quota = gateway.get("/0004f2000004.cfg", Some(SOUNDPOINT));
    let without_mac = gateway.get("/favicon.ico", Some("curl/8.5.0"));
    let traversal = gateway.get("/../../etc/passwd", None);
    let upload =
        http::request(gateway.http(), "PUT", "/0004f2000002-app.log", &[], b"log").unwrap();
    for (what, answer) in [
        ("inactive", inactive),
        ("no such file", no_such_file),
        ("over quota", over_quota),
        ("without a MAC", without_mac),
        ("traversal", traversal),
        ("upload", upload),
    ] {
        assert_eq!(answer, first, "{what}");
    }
    assert_eq!(gateway.inactive().len(), 2, "the quota holds");
}

#[test]
fn a_request_without_a_usable_mac_creates_nothing() {
    let gateway = Gateway::start();
    for (target, user_agent) in [
        ("/001565zz1234.cfg", Some("Yealink SIP-T20P 9.72.0.30 00:15:6525ef16a7c")),
        ("/ffffffffffff.cfg", Some("curl/8.5.0")),
        ("/01005e000001.cfg", None),
        ("/e434d7jabd", Some("curl/8.5.0")),
        ("/spa942.cfg", Some("Linksys/SPA-942-6.1.5(a) (88019FA42805)")),
    ] {
        gateway.get(target, user_agent);
        assert_eq!(gateway.inactive(), [], "{target}");
    }
}

#[test]
fn a_better_guess_improves_an_inactive_row() {
    let gateway = Gateway::start();
    gateway.get("/00d0f1123456.xml", None);
    let types: Vec<String> = gateway.inactive().into_iter().map(|(_, key)| key).collect();
    assert_eq!(types, ["generic"], "nothing tells more than the MAC");
    gateway.get("/00d0f1123456.xml", Some(PAP2T));
    let rows = gateway.inactive();
    let ids: Vec<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["00d0f11234560", "00d0f11234561"]);
    assert!(rows.iter().all(|(_, key)| key == "pap2t"), "{rows:?}");
}

#[test]
fn contradicting_user_agents_do_not_write_a_record_each() {
    let gateway = Gateway::start();
    for number in 0..40 {
        let model = if number % 2 == 0 { "T48G 35" } else { "T42G 29" };
        let user_agent = format!("Yealink SIP-{model}.83.0.120 00:15:65:4a:a9:37");
        gateway.get("/0015654aa937.cfg", Some(&user_agent));
    }
    let answer = gateway.done("events", json!({ "type": "phone" }));
    let records = answer["values"].as_array().unwrap();
    assert!(records.is_empty(), "{answer}");
    assert_eq!(gateway.inactive(), [("0015654aa9370".to_owned(), "t48g".to_owned())]);
}

#[test]
fn conditional_requests_are_answered_without_a_body() {
    let clock = ManualClock::new();
    let gateway = Gateway::start_at(clock.clone(), |_, _| {});
    gateway.get("/0015654aa937.cfg", Some(T46G));
    gateway.promote("0015654aa9370");
    clock.advance(2);
    let full = gateway.get("/0015654aa937.cfg", Some(T46G));
    let tag = full.header("etag").expect("a file has a tag");
    let modified = full.header("last-modified").expect("a file has a date");
    for header in [("If-None-Match", tag), ("If-Modified-Since", modified)] {
        let answer =
            http::request(gateway.http(), "GET", "/0015654aa937.cfg", &[header], b"").unwrap();
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{header:?}");
        assert_eq!(answer.header("etag"), Some(tag));
    }
    let head = http::request(gateway.http(), "HEAD", "/0015654aa937.cfg", &[], b"").unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), full.header("content-length"));
    assert_eq!(head.header("etag"), Some(tag));

    gateway.set("0015654aa9370", line("1002"));
    let changed =
        http::request(gateway.http(), "GET", "/0015654aa937.cfg", &[("If-None-Match", tag)], b"")
            .unwrap();
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), Some(tag));
}

/// A phone that asks by date alone, with whatever date the answer gave it: that of the file, or
/// else that of the answer, as RFC 9110 section 13.1.3 has it.
#[test]
fn no_change_is_missed_by_a_phone_that_asks_by_date() {
    let clock = ManualClock::new();
    let gateway = Gateway::start_at(clock.clone(), |_, _| {});
    gateway.get("/0015654aa937.cfg", Some(T46G));
    gateway.promote("0015654aa9370");
    let ask = |since: &str| {
        let since = [("If-Modified-Since", since)];
        http::request(gateway.http(), "GET", "/0015654aa937.cfg", &since, b"").unwrap()
    };
    for pause in [0, 1, 2, 3] {
        gateway.set("0015654aa9370", line("1001"));
        clock.advance(pause);
        let first = gateway.get("/0015654aa937.cfg", Some(T46G));
        let now = dialtone::ambient::Clock::now(&*clock);
        let of_answer = std::time::UNIX_EPOCH
            + std::time::Duration::from_secs(u64::try_from(now.seconds()).unwrap());
        let of_answer = httpdate::fmt_http_date(of_answer);
        let date = first.header("last-modified").unwrap_or(&of_answer).to_owned();
        gateway.set("0015654aa9370", line("1002"));
        for later in [0, 1, 1, 60] {
            clock.advance(later);
            let second = ask(&date);
            let text = String::from_utf8_lossy(&second.body).into_owned();
            assert!(
                second.status == 200 && text.contains("1002"),
                "{pause} {later} {date}: {text}"
            );
        }
        let date = ask("").header("last-modified").expect("by now it has a date").to_owned();
        assert_eq!(ask(&date).status, 304, "what did not change is not sent again");
    }
}

#[test]
fn ports_of_one_device_have_each_their_company_and_an_inactive_one_is_off() {
    let gateway = Gateway::start();
    for company in ["acme", "bolt"] {
        let settings =
            json!({ "line_defaults": { "registrar": format!("{company}.example.com") } });
        let values = json!({ "company": company, "settings": settings });
        gateway.done("create", json!({ "type": "company", "values": values }));
    }
    gateway.get("/0018f8123456.xml", Some(PAP2T));
    let scope = json!({ "phoneid": "0018f81234560" });
    let values = json!({ "company": "acme" });
    gateway.done("promote", json!({ "type": "phone", "scope": scope, "values": values }));
    let scope = json!({ "mac": "0018f8123456", "port": 1 });
    let values = json!({ "company": "bolt" });
    gateway.done("assign", json!({ "type": "phone", "scope": scope, "values": values }));
    for (phone, user) in [("0018f81234560", "100"), ("0018f81234561", "200")] {
        gateway.set(phone, json!({ "lines": { "1": { "user": user, "password": "p" } } }));
    }
    let both = gateway.get("/0018f8123456.xml", Some(PAP2T));
    let has = |answer: &Answer, element: &str, value: &str| {
        answer
            .text()
            .lines()
            .any(|line| line.contains(element) && line.contains(&format!(">{value}<")))
    };
    assert!(has(&both, "<Proxy_1_", "acme.example.com"), "{}", both.text());
    assert!(has(&both, "<Proxy_2_", "bolt.example.com"), "{}", both.text());
    assert!(has(&both, "<User_ID_2_", "200") && has(&both, "<Line_Enable_2_", "Yes"));

    gateway.done("delete", json!({ "type": "phone", "scope": { "phoneid": "0018f81234561" } }));
    let one = gateway.get("/0018f8123456.xml", Some(PAP2T));
    assert!(
        has(&one, "<Line_Enable_1_", "Yes") && has(&one, "<Line_Enable_2_", "No"),
        "{}",
        one.text()
    );
    assert!(!one.text().contains("bolt.example.com"));
}

#[test]
fn promote_names_what_is_missing_and_changes_nothing() {
    let gateway = Gateway::start();
    gateway.get("/0015654aa937.cfg", Some(T46G));
    let settings = json!({ "lines": { "1": { "user": "1001", "password": "p" } } });
    gateway.done("update", json!({ "type": "company", "scope": { "company": "default" }, "values": { "settings": settings } }));
    let scope = json!({ "phoneid": "0015654aa9370" });
    let answer = gateway.ask("promote", json!({ "type": "phone", "scope": scope }));
    assert_eq!(answer["result"], "fail");
    let message = answer["message"].as_str().unwrap();
    for part in ["yealink/", ".j2:", "lines.1.registrar is not set"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert_eq!(gateway.inactive().len(), 1);
    refused(&gateway.get("/0015654aa937.cfg", Some(T46G)));
}

#[test]
fn the_last_requests_tell_why_a_phone_gets_nothing() {
    let gateway = Gateway::start();
    gateway.get("/0015654aa937.cfg", Some(T46G));
    gateway.get("/0015654aa937.boot", Some(T46G));
    let answer =
        gateway.done("requests", json!({ "type": "phone", "scope": { "mac": "0015654aa937" } }));
    let rows = answer["values"].as_array().unwrap();
    let outcomes: Vec<_> = rows
        .iter()
        .map(|row| (row["target"].as_str().unwrap(), row["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(outcomes, [("/0015654aa937.boot", "inactive"), ("/0015654aa937.cfg", "recorded")]);
    assert_eq!(rows[0]["model"], "T46G");
}

#[test]
fn secrets_are_in_the_config_and_nowhere_else() {
    let gateway = Gateway::start();
    gateway.get("/0015654aa937.cfg", Some(T46G));
    gateway.promote("0015654aa9370");
    let secret = "vEry-s3cret-w0rd";
    let settings = json!({ "lines": { "1": {
        "user": "1001", "password": secret, "registrar": "sip.example.com",
    } } });
    gateway.set("0015654aa9370", settings);
    assert!(gateway.get("/0015654aa937.cfg", Some(T46G)).text().contains(secret));
    let scope = json!({ "phoneid": "0015654aa9370" });
    for verb in ["read", "events", "preview", "requests", "active"] {
        let answer = gateway.done(verb, json!({ "type": "phone", "scope": scope }));
        assert!(!answer.to_string().contains(secret), "{verb}: {answer}");
    }
}
