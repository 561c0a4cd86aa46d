//! Passwords that are tried over and over.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::{Value, json};

use super::gateway::{Gateway, JSON, fail, read};
use crate::support::http::{connect_from, exchange};

const BUSY: &str = "Too many logins at once, try again";

fn password(login: &str, password: &str) -> Value {
    json!({ "auth": { "type": "auth", "username": login, "password": password } })
}

fn attempt(gateway: &Gateway, login: &str, tried: &str) -> Value {
    gateway.post("/rest/auth", &password(login, tried))
}

/// A login from one of this machine's other addresses.
fn attempt_from(gateway: &Gateway, n: u32, login: &str, tried: &str) -> Value {
    let source = IpAddr::V4(Ipv4Addr::from_bits(0x7f01_0000 + n));
    let stream = connect_from(source, gateway.address).expect("the gateway accepts");
    let body = password(login, tried).to_string();
    let answer = exchange(stream, "POST", "/rest/auth", &[JSON], body.as_bytes());
    read(&answer.expect("the gateway answers"))
}

#[test]
fn twenty_wrong_passwords_shut_out_an_address_for_a_while() {
    let gateway = Gateway::base();
    for n in 0..20 {
        assert_eq!(attempt(&gateway, &format!("login{n}"), "wrong"), fail("Login incorrect."));
    }
    let shut = fail("Too many failed logins, try again in 30 s");
    assert_eq!(attempt(&gateway, "root", "wrong"), shut);
    assert_eq!(attempt(&gateway, "root", "pw-root"), shut, "right or wrong");
    let inline = password("root", "pw-root");
    assert_eq!(gateway.post("/rest/dialplan/inactive/phone", &inline), shut, "anywhere");
    assert_eq!(
        gateway.ask("sysadmin", "inactive/phone", json!({}))["result"],
        "success",
        "keys are not passwords"
    );
    gateway.pass(30);
    assert_eq!(attempt(&gateway, "root", "pw-root")["result"], "success");
}

#[test]
fn guesses_at_a_login_shut_out_where_they_come_from_and_not_its_owner() {
    let gateway = Gateway::base();
    for _ in 0..10 {
        assert_eq!(attempt_from(&gateway, 1, "root", "wrong"), fail("Login incorrect."));
    }
    for _ in 0..10 {
        assert_eq!(attempt_from(&gateway, 2, "root", "wrong"), fail("Login incorrect."));
    }
    let shut = fail("Too many failed logins, try again in 60 s");
    assert_eq!(attempt_from(&gateway, 1, "root", "pw-root"), shut);
    assert_eq!(attempt_from(&gateway, 1, "cadef", "pw-cadef")["result"], "success");
    assert_eq!(attempt_from(&gateway, 3, "root", "pw-root")["result"], "success");
}

#[test]
fn guesses_at_keys_shut_out_where_they_come_from_and_no_program_that_was_there() {
    let gateway = Gateway::base();
    let types = |role: &str| gateway.ask(role, "readtypes/phone", json!({}));
    let in_head = |key: &str, body: &str| {
        let bearer = format!("Bearer {key}");
        let headers = [JSON, ("Authorization", bearer.as_str())];
        read(&gateway.send("POST", "/rest/dialplan/readtypes/phone", &headers, body))
    };
    assert_eq!(types("ca_a")["result"], "success");
    for n in 0..30 {
        let key = format!("guess{n}");
        assert_eq!(in_head(&key, "{}"), fail("Login incorrect."));
        let body = json!({ "auth": { "type": "auth", "key": key } });
        assert_eq!(gateway.post("/rest/auth", &body), fail("Login incorrect."));
    }
    let shut = fail("Too many failed logins, try again in 10 s");
    assert_eq!(types("sysadmin"), shut, "right or wrong");
    assert_eq!(in_head("KEY-sysadmin", "{}"), shut, "anywhere");
    let long = json!({ "values": { "name": "x".repeat(20_000) } }).to_string();
    assert_eq!(in_head("KEY-sysadmin", &long), shut, "nor does a long body tell");
    assert_eq!(types("ca_a")["result"], "success");
    assert_eq!(in_head("KEY-ca_a", "{}")["result"], "success");
    gateway.pass(10);
    assert_eq!(types("sysadmin")["result"], "success");
}

#[test]
fn right_passwords_are_not_counted() {
    let gateway = Gateway::base();
    for _ in 0..25 {
        assert_eq!(attempt(&gateway, "root", "pw-root")["result"], "success");
    }
}

#[test]
fn the_current_password_is_no_easier_to_guess_than_a_login() {
    let gateway = Gateway::base();
    let change = |current: &str| {
        let values = json!({ "current_password": current, "password": "my new one" });
        gateway.ask(
            "user",
            "update/user",
            json!({ "scope": { "login": "plain" }, "values": values }),
        )
    };
    for n in 0..10 {
        let wrong = fail("current_password: is not your current password");
        assert_eq!(change(&format!("guess{n}")), wrong);
    }
    let shut = fail("Too many failed logins, try again in 60 s");
    assert_eq!(change("guess10"), shut);
    assert_eq!(change("pw-plain"), shut, "right or wrong");
    assert_eq!(attempt(&gateway, "plain", "pw-plain"), shut, "they are one count");
    gateway.pass(60);
    assert_eq!(change("pw-plain")["result"], "success");
}

/// A crowd that goes when this does, also when a test fails.
struct GoesHome<'a>(&'a AtomicBool);

impl Drop for GoesHome<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Strangers who keep every place for hashing taken, each from an address of its own.
#[test]
fn a_crowd_at_the_login_costs_nobody_an_attempt() {
    let gateway = Gateway::base();
    assert_eq!(attempt_from(&gateway, 1, "root", "pw-root")["result"], "success");
    let (is_over, next) = (AtomicBool::new(false), AtomicU32::new(1000));
    std::thread::scope(|scope| {
        let crowd = GoesHome(&is_over);
        for _ in 0..80 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    attempt_from(&gateway, n, &format!("nobody{n}"), "wrong");
                }
            });
        }
        // One address that is turned away more often than any count allows; one that got in is known
        // and has places of its own.
        let turned_away = |source: u32| {
            let answer = attempt_from(&gateway, source, "cadef", "pw-cadef");
            assert!(answer == fail(BUSY) || answer["result"] == "success", "{answer}");
            answer == fail(BUSY)
        };
        let patient = |source: &u32| (0..40).all(|_| turned_away(*source));
        let source = (2..1000).find(patient).expect("the crowd keeps somebody out");
        assert_eq!(attempt_from(&gateway, 1, "root", "pw-root")["result"], "success", "is known");
        drop(crowd);
        let get_in = || attempt_from(&gateway, source, "cadef", "pw-cadef");
        let answer = std::iter::repeat_with(get_in).find(|answer| *answer != fail(BUSY));
        assert_eq!(answer.unwrap()["result"], "success");
    });
}
