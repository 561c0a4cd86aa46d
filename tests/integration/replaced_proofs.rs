//! What a phone may still come with after its token, its credentials or its company are others.

use std::collections::BTreeSet;
use std::sync::Arc;

use dialtone::handset::Challenge;
use serde_json::{Value, json};

use crate::admission::{ELSEWHERE, HOME, PHONE, T46G, ask, ask_as, policy_of, start, token};
use crate::authorization::{prove, response, set};
use crate::support::http;
use crate::support::{Gateway, ManualClock, eventually};

const MAC: &str = "0015654aa937";
const LATER: &str = "001565000002";

fn policy(gateway: &Gateway, settings: Value) {
    policy_of(gateway, "default", settings);
}

fn company(gateway: &Gateway, id: &str) {
    let values = json!({ "company": id, "name": id });
    gateway.done("create", json!({ "type": "company", "values": values }));
}

fn assign(gateway: &Gateway, port: u16, to: &str) {
    let scope = json!({ "mac": MAC, "port": port });
    let values = json!({ "company": to });
    gateway.done("assign", json!({ "type": "phone", "scope": scope, "values": values }));
}

fn of_company(id: &str) -> Value {
    json!({ "company": id })
}

fn with(gateway: &Gateway, from: &str, token: &str) -> u16 {
    ask(gateway, from, &format!("/{token}/{MAC}.cfg")).status
}

fn drop_old(gateway: &Gateway, of: &str, scope: &Value) {
    let values = json!({ "new": true, "drop_old": true });
    gateway.done("token", json!({ "type": of, "scope": scope, "values": values }));
}

#[test]
fn a_phone_may_have_any_of_the_tokens_since_the_one_it_came_with() {
    let gateway = start();
    policy(&gateway, json!({ "require": ["token"], "token_in_url": "phone" }));
    let scope = json!({ "phoneid": PHONE });
    let first = token(&gateway, "phone", scope.clone(), false);
    let second = token(&gateway, "phone", scope.clone(), true);
    assert_eq!(with(&gateway, HOME, &first), 200, "it is told the second");
    token(&gateway, "phone", scope.clone(), true);
    assert_eq!(with(&gateway, HOME, &first), 200, "it may have missed the answer");
    assert_eq!(with(&gateway, HOME, &second), 200, "it has what it was told");
    eventually("it has a later one", || with(&gateway, HOME, &first) == 404);
    assert_eq!(with(&gateway, HOME, &second), 200);
    drop_old(&gateway, "phone", &scope);
    assert_eq!(with(&gateway, HOME, &second), 404, "somebody has it");
}

#[test]
fn a_companys_old_token_is_proof_of_the_phones_that_had_it() {
    let gateway = start();
    policy(&gateway, json!({ "require": ["token"], "token_in_url": "company" }));
    let scope = of_company("default");
    let first = token(&gateway, "company", scope.clone(), false);
    for _ in 0..2 {
        token(&gateway, "company", scope.clone(), true);
    }
    let present = token(&gateway, "company", scope.clone(), true);
    gateway.get(&format!("/{LATER}.cfg"), Some(T46G));
    gateway.promote(&format!("{LATER}0"));
    let later = |token: &str| {
        let target = format!("/{token}/{LATER}.cfg");
        ask_as(&gateway, HOME, &target, "Yealink SIP-T46G 28.83.0.120").status
    };
    assert_eq!(with(&gateway, HOME, &first), 200, "it slept through three changes");
    assert_eq!([later(&first), later(&present)], [404, 200], "it never had that one");
    drop_old(&gateway, "company", &scope);
    for token in [&first, &present] {
        assert_eq!([with(&gateway, HOME, token), later(token)], [404, 404]);
    }
}

#[test]
fn a_phone_with_a_url_of_its_own_needs_no_token_of_its_company() {
    let gateway = start();
    policy(&gateway, json!({ "require": ["token"], "token_in_url": "phone" }));
    let own = token(&gateway, "phone", json!({ "phoneid": PHONE }), false);
    let first = token(&gateway, "company", of_company("default"), false);
    let second = token(&gateway, "company", of_company("default"), true);
    assert_eq!(with(&gateway, HOME, &first), 200);
    assert_eq!(with(&gateway, HOME, &own), 200);
    eventually("it has its own", || with(&gateway, HOME, &first) == 404);
    assert_eq!(with(&gateway, HOME, &second), 200, "the company's present one is proof always");
}

/// Whoever administers the company before knows its tokens, may have asked for its files, and may not
/// have the next one's passwords.
#[test]
fn what_the_company_before_knows_opens_nothing() {
    let gateway = start();
    company(&gateway, "acme");
    for id in ["default", "acme"] {
        policy_of(&gateway, id, json!({ "require": ["token"], "token_in_url": "company" }));
    }
    let own = token(&gateway, "phone", json!({ "phoneid": PHONE }), false);
    let before = token(&gateway, "company", of_company("default"), false);
    let after = token(&gateway, "company", of_company("acme"), false);
    assert_eq!(with(&gateway, HOME, &before), 200);
    eventually("it is known", || !gateway.phone(PHONE)["admission"]["pins"].is_null());
    assign(&gateway, 0, "acme");
    for token in [&own, &before] {
        assert_eq!(with(&gateway, HOME, token), 404);
    }
    // For the time of a move the next company takes another proof.
    policy_of(&gateway, "acme", json!({ "require": ["token", "window"] }));
    let answer = ask(&gateway, HOME, &format!("/{before}/{MAC}.cfg"));
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains(&after) && !answer.text().contains(&before));
    policy_of(&gateway, "acme", json!({ "require": ["token"] }));
    assert_eq!(with(&gateway, ELSEWHERE, &after), 200);
}

#[test]
fn what_shows_enough_to_one_company_locks_no_port_of_another() {
    const ADAPTER: &str = "88755a000001";
    let gateway = start();
    company(&gateway, "acme");
    for (port, company) in [(0, "default"), (1, "acme")] {
        let port =
            json!({ "mac": ADAPTER, "port": port, "company": company, "phone_type": "spa112" });
        gateway.done("create", json!({ "type": "phone", "values": port }));
    }
    let status = |from| {
        let agent = format!("Cisco/SPA112-1.4.1 ({ADAPTER})");
        ask_as(&gateway, from, &format!("/{ADAPTER}.xml"), &agent).status
    };
    let admission = || gateway.phone(&format!("{ADAPTER}0"))["admission"].clone();
    let networks = |network: &str| json!({ "networks": [network], "require": ["network"] });
    policy(&gateway, networks("198.51.100.0/24"));
    policy_of(&gateway, "acme", networks("198.51.100.0/24"));
    assert_eq!(status(HOME), 200);
    eventually("it is known", || !admission()["pins"].is_null());
    // Enough for one of them, who would have it locked for it; nothing to the other.
    let mut everywhere = networks("0.0.0.0/0");
    everywhere["lock_on_change"] = json!(["network"]);
    policy(&gateway, everywhere);
    assert_eq!(status(ELSEWHERE), 404);
    gateway.settle();
    assert!(admission()["locked"].is_null());
    assert_eq!(status(HOME), 200);
}

#[test]
fn a_phone_that_is_made_again_has_another_token() {
    let gateway = start();
    let scope = json!({ "phoneid": PHONE });
    let before = token(&gateway, "phone", scope.clone(), false);
    gateway.done("delete", json!({ "type": "phone", "scope": scope }));
    let create = json!({ "mac": MAC, "company": "default", "phone_type": "t46g" });
    gateway.done("create", json!({ "type": "phone", "values": create }));
    assert_ne!(before, token(&gateway, "phone", scope, false));
}

#[test]
fn the_number_of_a_companys_token_rises_step_by_step() {
    let gateway = start();
    let change = |number: Value| {
        let values = json!({ "settings": { "admission": { "company_token": number } } });
        let scope = of_company("default");
        gateway.ask("update", json!({ "type": "company", "scope": scope, "values": values }))
    };
    assert_eq!(change(json!(3))["result"], "success");
    for wrong in [json!(2), json!(null), json!(20), json!(1_000_000_000)] {
        let answer = change(wrong.clone()).to_string();
        let told = "is 3 and can be 3 to 19: it only rises; `company token` with `new` gives another token";
        assert!(answer.contains("admission.company_token") && answer.contains(told), "{answer}");
    }
    assert_eq!(change(json!(19))["result"], "success");
}

fn with_credentials(clock: &Arc<ManualClock>) -> Gateway {
    let gateway = Gateway::start_at(clock.clone(), |config, _| {
        config.handset.authorization.challenge = Challenge::DigestMd5;
        config.handset.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
    });
    set(&gateway, "company", of_company("default"), "1st-s3cret");
    create(&gateway, MAC);
    gateway
}

fn create(gateway: &Gateway, mac: &str) {
    let values = json!({ "mac": mac, "company": "default", "phone_type": "t46g" });
    gateway.done("create", json!({ "type": "phone", "values": values }));
}

fn proves(gateway: &Gateway, mac: &str, password: &str) -> u16 {
    prove(gateway, &format!("/{mac}.cfg"), ["dev", password]).status
}

fn proves_from(gateway: &Gateway, from: &str, password: &str) -> u16 {
    let target = format!("/{MAC}.cfg");
    let from = ("X-Forwarded-For", from);
    let challenged = http::request(gateway.http(), "GET", &target, &[from], b"").unwrap();
    let challenge = challenged.headers.iter().find(|(name, _)| name == "www-authenticate").unwrap();
    let nonce = challenge.1.split_once("nonce=\"").unwrap().1.split('"').next().unwrap();
    let authorization = response(nonce, &target, ["dev", password]);
    let headers = [from, ("Authorization", &authorization)];
    http::request(gateway.http(), "GET", &target, &headers, b"").unwrap().status
}

#[test]
fn a_phone_sleeps_through_changes_of_its_companys_credentials() {
    let clock = ManualClock::new();
    let gateway = with_credentials(&clock);
    for password in ["2nd-s3cret", "3rd-s3cret", "4th-s3cret"] {
        clock.advance(10);
        set(&gateway, "company", of_company("default"), password);
    }
    assert_eq!(proves(&gateway, MAC, "1st-s3cret"), 200);
    assert_eq!(proves(&gateway, MAC, "3rd-s3cret"), 200, "it may have been told that one");
    eventually("it has a later one", || proves(&gateway, MAC, "1st-s3cret") == 401);
    assert_eq!(
        [proves(&gateway, MAC, "3rd-s3cret"), proves(&gateway, MAC, "4th-s3cret")],
        [200; 2]
    );
    eventually("it has the present one", || proves(&gateway, MAC, "3rd-s3cret") == 401);
    clock.advance(10);
    create(&gateway, LATER);
    let of_later = ["1st-s3cret", "3rd-s3cret", "4th-s3cret"]
        .map(|password| proves(&gateway, LATER, password));
    assert_eq!(of_later, [401, 401, 200], "it never had those from before");
}

#[test]
fn credentials_of_the_company_before_open_nothing() {
    let gateway = with_credentials(&ManualClock::new());
    company(&gateway, "acme");
    set(&gateway, "company", of_company("acme"), "of acme");
    set(&gateway, "phone", json!({ "phoneid": PHONE }), "0wn-s3cret");
    assert_eq!(proves(&gateway, MAC, "0wn-s3cret"), 200);
    assign(&gateway, 0, "acme");
    assert_eq!(
        ["1st-s3cret", "0wn-s3cret"].map(|password| proves(&gateway, MAC, password)),
        [401; 2]
    );
    assert_eq!(proves(&gateway, MAC, "of acme"), 200);
}

#[test]
fn credentials_shown_with_too_little_retire_none() {
    let gateway = with_credentials(&ManualClock::new());
    let require = ["credentials+network"];
    policy(&gateway, json!({ "require": require, "networks": ["198.51.100.0/24"] }));
    set(&gateway, "company", of_company("default"), "2nd-s3cret");
    assert_eq!(proves_from(&gateway, HOME, "1st-s3cret"), 200);
    assert_eq!(proves_from(&gateway, ELSEWHERE, "2nd-s3cret"), 404);
    gateway.settle();
    assert_eq!(proves_from(&gateway, HOME, "1st-s3cret"), 200);
}

#[test]
fn one_company_says_not_what_was_before_of_a_device_that_is_of_another_too() {
    const ADAPTER: &str = "88755a000001";
    let gateway = with_credentials(&ManualClock::new());
    company(&gateway, "acme");
    company(&gateway, "beta");
    let all = json!({ "provisioning": { "user": "all", "password": "of all" } });
    gateway.done("update", json!({ "type": "settings", "values": { "settings": all } }));
    for (port, company) in [(0, "acme"), (1, "beta")] {
        let port =
            json!({ "mac": ADAPTER, "port": port, "company": company, "phone_type": "spa112" });
        gateway.done("create", json!({ "type": "phone", "values": port }));
    }
    let made_up =
        json!({ "1": { "user": "eve", "password": "made up", "replaced": 4_000_000_000_u32 } });
    policy_of(&gateway, "acme", json!({ "old_credentials": made_up }));
    let status = |credentials| prove(&gateway, &format!("/{ADAPTER}.xml"), credentials).status;
    assert_eq!(status(["eve", "made up"]), 401);
    assert_eq!(status(["all", "of all"]), 200);
}

#[test]
fn each_new_token_of_a_company_is_another_one() {
    let gateway = start();
    let scope = of_company("default");
    let shown = std::thread::scope(|threads| {
        let one = || {
            let body = json!({ "type": "company", "scope": scope, "values": { "new": true } });
            gateway.done("token", body)["values"][0]["token"].as_str().unwrap().to_owned()
        };
        let all: Vec<_> = (0..10).map(|_| threads.spawn(one)).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect::<BTreeSet<_>>()
    });
    assert_eq!(shown.len(), 10);
    let body = json!({ "type": "company", "scope": scope });
    let company = gateway.done("read", body);
    assert_eq!(company["values"][0]["settings"]["admission"]["company_token"], 10, "{company}");
}
