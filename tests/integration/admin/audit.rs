//! That whatever changes or shows something leaves a record, and whoever signs in or tries to.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use regex::Regex;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::gateway::{Gateway, JSON, NOW, fail, read};
use crate::support::http::{connect_from, exchange, request};
use crate::support::{self, eventually};

/// The table of all commands.
const COMMANDS: &str = include_str!("../../../src/admin/commands/mod.rs");

/// A gateway each of whose commands is used, and which were so far.
struct Walk {
    gateway: support::Gateway,
    used: BTreeSet<String>,
}

impl Walk {
    fn newest(&self) -> u64 {
        let of = |subject: &str| {
            let answer = self.gateway.done(&format!("events/{subject}"), json!({}));
            answer["values"][0]["id"].as_u64().unwrap_or(0)
        };
        ["phone", "company", "user", "settings", "ban"].into_iter().map(of).max().unwrap()
    }

    fn used(&mut self, command: &str, body: Value) -> (Value, u64) {
        self.gateway.settle();
        let before = self.newest();
        let (verb, object) = command.split_once(' ').unwrap();
        let answer = self.gateway.done(&format!("{verb}/{object}"), body);
        self.used.insert(command.to_owned());
        (answer, self.newest() - before)
    }

    /// It changes or shows something.
    fn recorded(&mut self, command: &str, body: Value) -> Value {
        let (answer, records) = self.used(command, body);
        assert!(records > 0, "{command} left no record");
        answer
    }

    /// It lists what is no secret.
    fn only_reads(&mut self, command: &str, body: Value) {
        let (_, records) = self.used(command, body);
        assert_eq!(records, 0, "{command}");
    }
}

#[test]
fn every_command_that_changes_or_shows_something_leaves_a_record() {
    let gateway = support::Gateway::start_with(|config, dir| {
        config.uploads.dir = Some(dir.join("uploads"));
    });
    let mut walk = Walk { gateway, used: BTreeSet::new() };
    let settings = |password: &str| json!({ "lines": { "1": { "user": "1", "password": password, "registrar": "a.example" } } });
    let acme = json!({ "company": "acme" });
    walk.recorded("create company", json!({ "values": acme }));
    walk.only_reads("read company", json!({}));
    walk.recorded("update company", json!({ "scope": acme, "values": { "name": "Acme" } }));
    walk.recorded("token company", json!({ "scope": acme }));
    walk.only_reads("events company", json!({}));

    let phone = json!({ "phoneid": "0004f20000020" });
    let values = json!({
        "mac": "0004f2000002", "company": "acme", "phone_type": "ip335", "settings": settings("a"),
    });
    walk.recorded("create phone", json!({ "values": values }));
    let values = json!({ "settings": settings("b") });
    walk.recorded("update phone", json!({ "scope": phone, "values": values }));
    walk.recorded("reveal phone", json!({ "scope": phone }));
    walk.recorded("token phone", json!({ "scope": phone }));
    walk.recorded("rearm phone", json!({ "scope": phone }));
    for command in ["read phone", "preview phone", "requests phone", "uploads phone"] {
        walk.only_reads(command, json!({ "scope": phone }));
    }
    for command in ["inactive phone", "active phone", "readtypes phone", "events phone"] {
        walk.only_reads(command, json!({}));
    }
    let headers = [("User-Agent", "FileTransport PolycomSoundPointIP-SPIP_335-UA/3.2.1.0078")];
    eventually("the gateway takes something in", || {
        let target = "/0004f2000002-app.log";
        request(walk.gateway.http(), "PUT", target, &headers, b"log")
            .is_some_and(|answer| (200..300).contains(&answer.status))
    });
    let file = json!({ "phoneid": "0004f20000020", "file": "0004f2000002-app.log" });
    walk.recorded("uploads phone", json!({ "scope": file }));
    walk.recorded("delete upload", json!({ "scope": file }));

    for mac in ["0015654aa937", "0015654aa938"] {
        walk.gateway.get(&format!("/{mac}.cfg"), Some("Yealink SIP-T46G 28.72.0.1"));
    }
    let first = json!({ "phoneid": "0015654aa9370" });
    walk.recorded("promote phone", json!({ "scope": first }));
    walk.recorded("assign phone", json!({ "scope": first, "values": acme }));
    walk.recorded("demote phone", json!({ "scope": { "phoneid": "0015654aa9380" } }));
    for phone in [phone, first] {
        walk.recorded("delete phone", json!({ "scope": phone }));
    }
    walk.recorded("delete company", json!({ "scope": acme }));

    let anna = json!({ "login": "anna" });
    let values = json!({ "login": "anna", "password": "correct horse" });
    walk.recorded("create user", json!({ "values": values }));
    walk.only_reads("read user", json!({}));
    for values in [json!({ "key": true }), json!({ "revoke_keys": true }), json!({ "name": "A" })] {
        walk.recorded("update user", json!({ "scope": anna, "values": values }));
    }
    let made = walk.recorded("create second_factor", json!({ "scope": anna }));
    let secret = Secret::try_from_base32(made["values"][0]["secret"].as_str().unwrap()).unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let code = Builder::new().with_secret(secret).build().unwrap().generate(now).to_string();
    walk.recorded("confirm second_factor", json!({ "scope": anna, "values": { "code": code } }));
    walk.recorded("delete second_factor", json!({ "scope": anna }));
    walk.recorded("delete user", json!({ "scope": anna }));
    walk.only_reads("events user", json!({}));

    let network = json!({ "network": "203.0.113.9" });
    walk.recorded("create ban", json!({ "values": network }));
    walk.only_reads("read ban", json!({}));
    walk.recorded("delete ban", json!({ "scope": network }));
    walk.only_reads("events ban", json!({}));

    walk.only_reads("read settings", json!({}));
    walk.recorded("update settings", json!({ "values": { "settings": { "language": "de" } } }));
    walk.only_reads("events settings", json!({}));

    let network = json!({ "network": "192.0.2.7" });
    walk.recorded("create ban", json!({ "values": network }));
    walk.only_reads("read ban", json!({ "scope": network }));
    walk.recorded("delete ban", json!({ "scope": network }));
    walk.only_reads("events ban", json!({}));

    let row = Regex::new(r#"(?m)^    \w+ +"(\w+)" +"(\w+)" +\w+::\w+;$"#).unwrap();
    let all: BTreeSet<String> =
        row.captures_iter(COMMANDS).map(|found| format!("{} {}", &found[1], &found[2])).collect();
    assert!(all.len() > 30, "the table is recognised");
    assert_eq!(walk.used, all, "a command that this does not use");
}

fn events(gateway: &Gateway) -> Vec<Value> {
    gateway.done("events/user", json!({ "scope": { "limit": 1000 } }))["values"]
        .as_array()
        .unwrap()
        .clone()
}

fn password(login: &str, password: &str) -> Value {
    json!({ "type": "auth", "username": login, "password": password })
}

#[test]
fn who_signs_in_and_out_is_on_record() {
    let gateway = Gateway::base();
    let id = gateway.sign_in("ca_a");
    let cookie = format!("Red60urne={id}");
    gateway.send("POST", "/rest/auth", &[JSON, ("Cookie", &cookie)], "{}");
    gateway.send("POST", "/rest/auth/logout", &[JSON, ("Cookie", &cookie)], "{}");
    let found = events(&gateway);
    let ids = [found[0]["id"].clone(), found[1]["id"].clone()];
    let event = |id: &Value, action: &str, after: Value| {
        json!({
            "id": id, "at": NOW, "who": "caa", "from": "127.0.0.1", "action": action,
            "subject": "user", "name": "caa", "company": "", "before": null, "after": after,
        })
    };
    assert_eq!(
        found,
        [
            event(&ids[0], "logout", Value::Null),
            event(&ids[1], "login", json!({ "by": "password" }))
        ]
    );
    // A program that sends its password each time is there once a month.
    for _ in 0..3 {
        let body = json!({ "auth": password("cadef", "pw-cadef") });
        gateway.post("/rest/dialplan/inactive/phone", &body);
    }
    assert_eq!(events(&gateway).len(), 3);
}

#[test]
fn what_was_wrong_is_on_record_without_what_was_typed() {
    let gateway = Gateway::base();
    for (auth, name, wrong) in [
        (password("cadef", "s3cret-guess"), "cadef", "password"),
        (password("s3cret-typed-into-the-wrong-field", "x"), "", "password"),
        (json!({ "type": "auth", "key": "s3cret-key" }), "", "key"),
    ] {
        assert_eq!(gateway.post("/rest/auth", &json!({ "auth": auth })), fail("Login incorrect."));
        let newest = || events(&gateway).into_iter().next().unwrap_or_default();
        eventually("it is on record", || {
            newest()["after"]["wrong"] == wrong && newest()["name"] == name
        });
        let event = newest();
        assert_eq!(event["action"], "login_failed");
        assert_eq!((&event["who"], &event["from"]), (&json!(""), &json!("127.0.0.1")));
        assert_eq!((&event["name"], &event["after"]["wrong"]), (&json!(name), &json!(wrong)));
    }
    let text = Value::from(events(&gateway)).to_string();
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn a_flood_of_wrong_logins_leaves_some_records_and_their_number() {
    let gateway = Gateway::base();
    let mut sent = 0;
    for network in 1..60u32 {
        for _ in 0..if network < 3 { 30 } else { 5 } {
            let source = IpAddr::V4(Ipv4Addr::from_bits(0x7f02_0000 + network));
            let stream = connect_from(source, gateway.address).unwrap();
            let key = json!({ "auth": { "type": "auth", "key": "guess" } }).to_string();
            let answer = exchange(stream, "POST", "/rest/auth", &[JSON], key.as_bytes()).unwrap();
            assert_eq!(read(&answer)["result"], "fail");
            sent += 1;
        }
    }
    gateway.pass(3600);
    gateway.post("/rest/auth", &json!({ "auth": password("cadef", "wrong") }));
    let counted = || {
        let found = events(&gateway);
        let not_recorded = |event: &Value| event["after"]["not_recorded_before"].as_u64();
        found.len() as u64 + found.iter().filter_map(not_recorded).sum::<u64>()
    };
    eventually("all are counted", || counted() == sent + 1);
    let recorded = events(&gateway).len();
    assert!((90..=101).contains(&recorded), "{recorded} of {sent}");
}
