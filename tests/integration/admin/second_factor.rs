//! A second factor: set up, used, guessed at, taken off.

use dialtone::admin::{AdminOptions, SecondFactorRule};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::gateway::{Gateway, JSON, fail, read, user};
use crate::support::eventually;

const LOGIN_INCORRECT: &str = "Login incorrect.";
const WRONG_CODE: &str = "code: is missing, wrong or was used before";

/// An authenticator that was shown a secret.
struct Authenticator(String);

impl Authenticator {
    /// The code it shows so many seconds from the gateway's present.
    fn code(&self, gateway: &Gateway, in_s: i64) -> String {
        let now = gateway.registry.clock().now().seconds() + in_s;
        let secret = Secret::try_from_base32(&self.0).unwrap();
        let totp = Builder::new().with_secret(secret).build().unwrap();
        totp.generate(now.try_into().unwrap()).to_string()
    }
}

fn scope(role: &str) -> Value {
    json!({ "login": user(role)["login"] })
}

fn auth(role: &str, code: Option<&str>) -> Value {
    let user = user(role);
    json!({
        "type": "auth", "username": user["login"], "password": user["password"], "code": code,
    })
}

fn log_in(gateway: &Gateway, role: &str, code: Option<&str>) -> Value {
    gateway.post("/rest/auth", &json!({ "auth": auth(role, code) }))
}

fn with_session(gateway: &Gateway, id: &str, command: &str, body: Value) -> Value {
    let cookie = format!("Red60urne={id}");
    let headers = [JSON, ("Cookie", cookie.as_str())];
    read(&gateway.send("POST", &format!("/rest/dialplan/{command}"), &headers, body.to_string()))
}

/// Sets one up by the System-Admin's key, and gives the recovery codes too.
fn enrol(gateway: &Gateway, role: &str) -> (Authenticator, Vec<String>) {
    let made = gateway.done("create/second_factor", json!({ "scope": scope(role) }));
    let secret = made["values"][0]["secret"].as_str().unwrap().to_owned();
    let own = Authenticator(secret);
    let values = json!({ "code": own.code(gateway, 0) });
    let body = json!({ "scope": scope(role), "values": values });
    let confirmed = gateway.done("confirm/second_factor", body);
    let codes = confirmed["values"][0]["recovery_codes"].as_array().unwrap();
    let codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    // The code that was shown is used.
    gateway.pass(60);
    (own, codes)
}

#[test]
fn a_user_sets_one_up_and_from_the_first_right_code_on_a_password_alone_opens_nothing() {
    let gateway = Gateway::base();
    let id = gateway.sign_in("user");
    let ask = |verb: &str, values: Value| {
        let body = json!({ "scope": scope("user"), "values": values });
        with_session(&gateway, &id, &format!("{verb}/second_factor"), body)
    };
    let wrong = fail("current_password: is not your current password");
    assert_eq!(ask("create", json!({})), wrong, "a stolen session is not enough");
    let made = ask("create", json!({ "current_password": "pw-plain" }));
    let row = &made["values"][0];
    let secret = row["secret"].as_str().unwrap();
    assert_eq!((&row["login"], secret.len()), (&json!("plain"), 32));
    let uri = format!("otpauth://totp/dialtone:plain?secret={secret}&issuer=dialtone");
    assert!(row["uri"].as_str().unwrap().starts_with(&uri), "{row}");

    let own = Authenticator(secret.to_owned());
    assert_eq!(log_in(&gateway, "user", None)["result"], "success", "it is not in force yet");
    assert_eq!(ask("confirm", json!({ "code": "000000" })), fail(WRONG_CODE));
    let code = own.code(&gateway, 0);
    let confirmed = ask("confirm", json!({ "code": code }));
    assert_eq!(confirmed["values"][0]["recovery_codes"].as_array().unwrap().len(), 8);

    let over = ask("delete", json!({}));
    assert_eq!(over, fail("Not logged in"), "a session that began without a code is over");
    assert_eq!(log_in(&gateway, "user", None), fail(LOGIN_INCORRECT));
    assert_eq!(log_in(&gateway, "user", Some(&code)), fail(LOGIN_INCORRECT), "it was used");
    let inline = json!({ "auth": auth("user", None), "scope": scope("user") });
    let inline = gateway.post("/rest/dialplan/delete/second_factor", &inline);
    assert_eq!(inline, fail(LOGIN_INCORRECT), "nor does it in a single call");
    gateway.pass(30);
    let code = own.code(&gateway, 0);
    assert_eq!(log_in(&gateway, "user", Some(&code))["user"]["login"], "plain");
    assert_eq!(log_in(&gateway, "user", Some(&code)), fail(LOGIN_INCORRECT), "once");
    let key = gateway.ask("user", "create/second_factor", json!({ "scope": scope("user") }));
    assert_eq!(key, wrong, "a key is not held to it, and sets nothing up");
    let row = gateway.done("read/user", json!({ "scope": scope("user") }));
    assert_eq!(row["values"][0]["second_factor"], true);
    assert!(!row.to_string().contains(&own.0));
}

#[test]
fn a_code_counts_a_step_early_or_late_and_never_one_before_it_again() {
    let gateway = Gateway::base();
    let (own, _) = enrol(&gateway, "user");
    let code_at = |in_s| own.code(&gateway, in_s);
    assert_eq!(log_in(&gateway, "user", Some(&code_at(-60))), fail(LOGIN_INCORRECT));
    assert_eq!(log_in(&gateway, "user", Some(&code_at(60))), fail(LOGIN_INCORRECT));
    assert_eq!(log_in(&gateway, "user", Some(&code_at(-30)))["result"], "success");
    assert_eq!(log_in(&gateway, "user", Some(&code_at(30)))["result"], "success");
    assert_eq!(log_in(&gateway, "user", Some(&code_at(0))), fail(LOGIN_INCORRECT), "is before it");
    let spaced = format!("{} {}", &own.code(&gateway, 0)[..3], &own.code(&gateway, 0)[3..]);
    gateway.pass(120);
    assert_eq!(log_in(&gateway, "user", Some(&spaced)), fail(LOGIN_INCORRECT));
    for wrong in ["", "12345", "1234567", "+12345", "abcdef"] {
        assert_eq!(log_in(&gateway, "user", Some(wrong)), fail(LOGIN_INCORRECT), "{wrong}");
    }
}

#[test]
fn two_logins_at_once_with_one_code_make_one_session() {
    let gateway = Gateway::base();
    let (own, _) = enrol(&gateway, "user");
    let code = own.code(&gateway, 0);
    let results: Vec<Value> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| log_in(&gateway, "user", Some(&code)))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let signed_in = results.iter().filter(|answer| answer["result"] == "success").count();
    assert_eq!(signed_in, 1, "{results:?}");
}

#[test]
fn whoever_has_the_password_cannot_guess_the_code_and_is_on_record() {
    let gateway = Gateway::base();
    let (own, _) = enrol(&gateway, "user");
    for n in 0..10 {
        let guess = log_in(&gateway, "user", Some(&format!("{n:06}")));
        assert_eq!(guess, fail(LOGIN_INCORRECT), "{n}");
        // The counts of passwords recover sooner.
        gateway.pass(60);
    }
    // Of the ten minutes one more came back.
    let turned_away = log_in(&gateway, "user", Some(&own.code(&gateway, 0)));
    let message = turned_away["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("Too many failed logins, try again in"), "{turned_away}");
    let wrong = |what: &str| {
        let events = gateway.done("events/user", json!({ "scope": { "login": "plain" } }));
        let events = events["values"].as_array().unwrap().iter();
        events.filter(|event| event["after"]["wrong"] == what).count()
    };
    eventually("each is on record", || (wrong("code"), wrong("too many")) == (10, 1));
    gateway.pass(900);
    let code = own.code(&gateway, 0);
    assert_eq!(log_in(&gateway, "user", Some(&code))["result"], "success");
}

#[test]
fn a_session_cannot_be_used_to_guess_ones_own_code() {
    let gateway = Gateway::base();
    let (own, _) = enrol(&gateway, "user");
    let code = own.code(&gateway, 0);
    let id = log_in(&gateway, "user", Some(&code))["user"]["session"].as_str().unwrap().to_owned();
    let delete = |code: Option<&str>| {
        let body = json!({ "scope": scope("user"), "values": { "code": code } });
        with_session(&gateway, &id, "delete/second_factor", body)
    };
    for n in 0..10 {
        assert_eq!(delete(Some(&format!("{n:06}"))), fail(WRONG_CODE));
    }
    gateway.pass(30);
    let code = own.code(&gateway, 0);
    let message = delete(Some(&code))["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.starts_with("Too many failed logins"), "{message}");
    gateway.pass(900);
    assert_eq!(delete(None), fail(WRONG_CODE));
    gateway.pass(890);
    assert_eq!(delete(Some(&own.code(&gateway, 0)))["numrows"], 1);
    assert_eq!(log_in(&gateway, "user", None)["result"], "success", "the password does alone");
}

#[test]
fn a_recovery_code_gets_in_once_and_takes_it_off() {
    let gateway = Gateway::base();
    let (_, codes) = enrol(&gateway, "user");
    assert_eq!(log_in(&gateway, "user", Some(&codes[0]))["result"], "success");
    assert_eq!(log_in(&gateway, "user", Some(&codes[0])), fail(LOGIN_INCORRECT));
    let body = json!({ "auth": auth("user", Some(&codes[1])), "scope": scope("user"),
        "values": { "code": codes[2] } });
    let deleted = gateway.post("/rest/dialplan/delete/second_factor", &body);
    assert_eq!(deleted["numrows"], 1, "{deleted}");
    assert_eq!(log_in(&gateway, "user", None)["result"], "success");
    let events = gateway.done("events/user", json!({ "scope": { "login": "plain" } })).to_string();
    for secret in &codes {
        assert!(!events.contains(secret.as_str()));
    }
    assert!(events.contains(r#""by":"password and recovery code","recovery_codes_left":7"#));
}

#[test]
fn others_have_theirs_taken_off_by_a_system_admin_alone() {
    let gateway = Gateway::base();
    let (own, _) = enrol(&gateway, "user");
    let delete =
        |by: &str| gateway.ask(by, "delete/second_factor", json!({ "scope": scope("user") }));
    for other in ["ca_default", "ca_a"] {
        assert_eq!(delete(other), fail("Permission denied"));
        let create = json!({ "scope": scope("user"), "values": { "current_password": "x" } });
        assert_eq!(gateway.ask(other, "create/second_factor", create), fail("Permission denied"));
    }
    gateway.refused(
        "create/second_factor",
        json!({ "scope": scope("user") }),
        "User plain has a second factor: delete it first",
    );
    assert_eq!(delete("user"), fail(WRONG_CODE), "one's own asks for a code");
    assert_eq!(delete("sysadmin")["numrows"], 1);
    assert_eq!(delete("sysadmin"), fail("second_factor: there is none"));
    assert_eq!(log_in(&gateway, "user", None)["result"], "success");

    let (_, _) = enrol(&gateway, "sysadmin");
    let of_root = json!({ "scope": scope("sysadmin") });
    gateway.refused("delete/second_factor", of_root, WRONG_CODE);

    // What was set up again is another one.
    let (anew, _) = enrol(&gateway, "user");
    assert_ne!(own.0, anew.0);
    assert_eq!(log_in(&gateway, "user", Some(&own.code(&gateway, 0))), fail(LOGIN_INCORRECT));
}

#[test]
fn where_it_is_required_a_password_opens_nothing_else_until_there_is_one() {
    let options =
        AdminOptions { second_factor: SecondFactorRule::Required, ..AdminOptions::default() };
    let gateway = Gateway::base_with(options);
    let needed = fail(
        "Everybody who signs in with a password has a second factor here: set yours up first, with \
         create second_factor and confirm second_factor",
    );
    let id = gateway.sign_in("sysadmin");
    for command in ["inactive/phone", "read/user", "update/user", "delete/second_factor"] {
        assert_eq!(with_session(&gateway, &id, command, json!({})), needed, "{command}");
    }
    let inline = json!({ "auth": auth("sysadmin", None) });
    assert_eq!(gateway.post("/rest/dialplan/inactive/phone", &inline), needed);
    assert_eq!(gateway.ask("sysadmin", "inactive/phone", json!({}))["numrows"], 15, "a key does");

    let body = json!({ "scope": scope("sysadmin") });
    let made = with_session(&gateway, &id, "create/second_factor", body);
    let own = Authenticator(made["values"][0]["secret"].as_str().unwrap().to_owned());
    let values = json!({ "code": own.code(&gateway, 0) });
    let body = json!({ "scope": scope("sysadmin"), "values": values });
    assert_eq!(with_session(&gateway, &id, "confirm/second_factor", body)["result"], "success");
    gateway.pass(30);
    let code = own.code(&gateway, 0);
    let id =
        log_in(&gateway, "sysadmin", Some(&code))["user"]["session"].as_str().unwrap().to_owned();
    assert_eq!(with_session(&gateway, &id, "inactive/phone", json!({}))["numrows"], 15);
}

#[test]
fn it_goes_with_a_document_of_secrets_and_with_no_other() {
    let gateway = Gateway::base();
    let (own, _) = enrol(&gateway, "user");
    let with = gateway.export(true);
    let without = String::from_utf8(gateway.export(false)).unwrap();
    assert!(!without.contains("\"secret\""), "{without}");
    let moved = Gateway::with_document(&with);
    moved.pass(60);
    assert_eq!(log_in(&moved, "user", None), fail(LOGIN_INCORRECT));
    assert_eq!(log_in(&moved, "user", Some(&own.code(&moved, 0)))["result"], "success");
}
