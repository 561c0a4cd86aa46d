//! What requests claim a phone to be, and what counts.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Gateway, ManualClock, http};

/// In no maker's block, so that it speaks against none.
const MAC: &str = "0215654aa937";
const ID: &str = "0215654aa9370";
const T46G: &str = "Yealink SIP-T46G 28.83.0.120 02:15:65:4a:a9:37";
const T48G: &str = "Yealink SIP-T48G 35.83.0.120 02:15:65:4a:a9:37";
/// Whoever asks for it says by it that the phone is a Snom.
const SNOMS: &str = "/snom320-0215654AA937.htm";
const OWN: &str = "/0215654aa937.cfg";

fn claims(gateway: &Gateway) -> Vec<(String, String)> {
    let phone = gateway.phone(ID);
    let claims = phone["claims"].as_array().unwrap_or_else(|| panic!("{phone}")).iter();
    let text = |claim: &Value, name: &str| claim[name].as_str().unwrap().to_owned();
    claims.map(|claim| (text(claim, "phone_type"), text(claim, "strength"))).collect()
}

fn phone_type(gateway: &Gateway) -> String {
    gateway.phone(ID)["phone_type"].as_str().unwrap().to_owned()
}

fn said(claims: &[(&str, &str)]) -> Vec<(String, String)> {
    claims.iter().map(|&(key, strength)| (key.to_owned(), strength.to_owned())).collect()
}

fn events(gateway: &Gateway, action: &str) -> Vec<Value> {
    let answer = gateway.done("events", json!({ "type": "phone", "scope": { "mac": MAC } }));
    let events = answer["values"].as_array().unwrap().iter();
    events.filter(|event| event["action"] == action).cloned().collect()
}

#[test]
fn a_stranger_does_not_retype_a_waiting_phone_and_is_seen() {
    let clock = ManualClock::new();
    let gateway = Gateway::start_at(clock.clone(), |_, _| {});
    gateway.get(OWN, Some(T46G));
    gateway.get(SNOMS, None);
    assert_eq!(claims(&gateway), said(&[("t46g", "user_agent")]));
    clock.advance(60);
    gateway.get(SNOMS, None);
    let both = said(&[("t46g", "user_agent"), ("snom320", "path")]);
    assert_eq!(claims(&gateway), both);
    assert_eq!(gateway.inactive(), [(ID.to_owned(), "t46g".to_owned())]);
    let claim = &gateway.phone(ID)["claims"][1];
    assert_eq!((&claim["address"], &claim["user_agent"]), (&json!("127.0.0.1"), &json!("")));
    assert_eq!(claim["first"], claim["last"]);
}

#[test]
fn whoever_came_first_with_less_gives_way_to_more() {
    let gateway = Gateway::start();
    gateway.get(SNOMS, None);
    assert_eq!(gateway.inactive(), [(ID.to_owned(), "snom320".to_owned())]);
    gateway.get(OWN, Some(T46G));
    assert_eq!(gateway.inactive(), [(ID.to_owned(), "t46g".to_owned())]);
    let both = said(&[("t46g", "user_agent"), ("snom320", "path")]);
    assert_eq!(claims(&gateway), both);
    assert!(events(&gateway, "retyped").is_empty(), "anybody could fill the record with those");
}

#[test]
fn of_equal_claims_the_first_counts_and_the_other_is_shown() {
    let clock = ManualClock::new();
    let gateway = Gateway::start_at(clock.clone(), |_, _| {});
    gateway.get(OWN, Some(T46G));
    clock.advance(60);
    gateway.get(OWN, Some(T48G));
    assert_eq!(phone_type(&gateway), "t46g");
    let both = said(&[("t46g", "user_agent"), ("t48g", "user_agent")]);
    assert_eq!(claims(&gateway), both);
    // An operator has the last word.
    let values = json!({ "phone_type": "t48g" });
    let scope = json!({ "phoneid": ID });
    gateway.done("update", json!({ "type": "phone", "scope": scope, "values": values }));
    clock.advance(60);
    gateway.get(OWN, Some(T46G));
    assert_eq!(phone_type(&gateway), "t48g");
    assert_eq!(claims(&gateway)[0], ("t48g".to_owned(), "operator".to_owned()));
}

#[test]
fn a_promoted_phone_follows_stronger_evidence_until_it_was_served() {
    let gateway = Gateway::start();
    gateway.get(SNOMS, None);
    gateway.promote(ID);
    assert!(gateway.phone(ID)["served"].is_null());
    // The phone itself: its first request still is answered as what it was taken for.
    assert_eq!(gateway.get(OWN, Some(T46G)).status, 404);
    assert_eq!(phone_type(&gateway), "t46g");
    let retyped = events(&gateway, "retyped");
    assert_eq!(retyped.len(), 1, "{retyped:?}");
    assert_eq!(retyped[0]["before"]["phone_type"], "snom320");
    assert_eq!(retyped[0]["after"]["phone_type"], "t46g");
    assert_eq!(gateway.get(OWN, Some(T46G)).status, 200);
    crate::support::eventually("it is noted", || !gateway.phone(ID)["served"].is_null());
}

/// A Polycom's User-Agent names no MAC; whoever sends one that does is not believed more.
#[test]
fn a_user_agent_with_the_mac_does_not_outrank_one_without() {
    let clock = ManualClock::new();
    let gateway = Gateway::start_at(clock.clone(), |_, _| {});
    let (own, id) = ("/0004f2aa0450.cfg", "0004f2aa04500");
    let soundpoint = "FileTransport PolycomSoundPointIP-SPIP_450-UA/3.2.1.0078";
    let stranger = "Yealink SIP-T46G 28.83.0.120 00:04:f2:aa:04:50";
    gateway.get(own, Some(soundpoint));
    for is_promoted in [false, true] {
        clock.advance(60);
        gateway.get(own, Some(stranger));
        assert_eq!(gateway.phone(id)["phone_type"], "ip450", "promoted: {is_promoted}");
        if !is_promoted {
            gateway.promote(id);
        }
    }
    assert!(gateway.get(own, Some(soundpoint)).text().contains("0004f2aa0450-dialtone.cfg"));
}

#[test]
fn a_phone_that_was_served_stays_what_it_is() {
    let clock = ManualClock::new();
    let gateway = Gateway::start_at(clock.clone(), |_, _| {});
    gateway.get(SNOMS, None);
    gateway.promote(ID);
    let file = gateway.get(SNOMS, None);
    assert_eq!(file.status, 200);
    clock.advance(60);
    assert_eq!(gateway.get(OWN, Some(T46G)).status, 404);
    assert_eq!(phone_type(&gateway), "snom320");
    assert_eq!(claims(&gateway), said(&[("snom320", "path")]), "requests change nothing any more");
    assert_eq!(gateway.get(SNOMS, None).body, file.body);
    // Also after a restart.
    crate::support::eventually("it is noted", || !gateway.phone(ID)["served"].is_null());
    let dir = gateway.stop();
    let again = Gateway::start_with(|config, _| {
        let url = format!("sqlite:{}", dir.path().join("dialtone.db").display());
        config.store.url = url.parse().unwrap();
    });
    again.get(OWN, Some(T46G));
    assert_eq!(again.get(SNOMS, None).status, 200);
}

/// A gateway that believes whoever says where they are.
fn behind_a_proxy(clock: Arc<ManualClock>) -> Gateway {
    Gateway::start_at(clock, |config, _| {
        config.handset.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        config.scan.enabled = false;
    })
}

fn ask_from(gateway: &Gateway, address: &str, target: &str, user_agent: &str) -> http::Answer {
    let headers = [("X-Forwarded-For", address), ("User-Agent", user_agent)];
    let headers = if user_agent.is_empty() { &headers[..1] } else { &headers[..] };
    let answer = http::request(gateway.http(), "GET", target, headers, b"").expect("it answers");
    gateway.settle();
    answer
}

const SITE: &str = "192.0.2.1";
const ELSEWHERE: &str = "198.51.100.9";
const NOBODYS: &str = "curl/8.5.0";

#[test]
fn whoever_is_no_phone_takes_no_type_away_from_elsewhere() {
    let gateway = behind_a_proxy(ManualClock::new());
    let ask = |address: &str, user_agent: &str| {
        ask_from(&gateway, address, "/0015654aa937.cfg", user_agent);
        gateway.inactive()
    };
    let guessed = ask(SITE, "");
    assert_ne!(guessed[0].1, "generic");
    assert_eq!(ask(ELSEWHERE, NOBODYS), guessed, "anybody's word");
    assert_eq!(ask(SITE, NOBODYS), [("0015654aa9370".to_owned(), "generic".to_owned())]);
}

#[test]
fn whoever_is_no_phone_and_asks_first_stands_in_the_way_of_no_guess_from_elsewhere() {
    let clock = ManualClock::new();
    let gateway = behind_a_proxy(clock.clone());
    let (boot, id) = ("/805ec0000059.boot", "805ec00000590");
    let ask = |address: &str, user_agent: &str| {
        clock.advance(60);
        ask_from(&gateway, address, boot, user_agent);
        let phone = gateway.phone(id);
        let claims = phone["claims"].as_array().unwrap().iter();
        let claims = claims.map(|claim| {
            let text = |name: &str| claim[name].as_str().unwrap().to_owned();
            format!("{} {} {}", text("phone_type"), text("strength"), text("address"))
        });
        (phone["phone_type"].as_str().unwrap().to_owned(), claims.collect::<Vec<_>>())
    };
    let stranger = format!("generic contradicted {ELSEWHERE}");
    assert_eq!(ask(ELSEWHERE, NOBODYS), ("generic".to_owned(), vec![stranger]));
    let guess = format!("t46g family {SITE}");
    let both = vec![guess.clone(), format!("generic assumed {ELSEWHERE}")];
    assert_eq!(ask(SITE, ""), ("t46g".to_owned(), both.clone()));
    assert_eq!(ask(ELSEWHERE, NOBODYS), ("t46g".to_owned(), both), "he asks again");
    // What the phone itself calls itself counts against what its path lets guess, and stays.
    let own = vec![format!("generic contradicted {SITE}"), guess];
    assert_eq!(ask(SITE, "NoSuchPhone/1.0"), ("generic".to_owned(), own.clone()));
    assert_eq!(ask(SITE, ""), ("generic".to_owned(), own));
}

#[test]
fn a_guess_stands_beside_what_contradicts_it_from_the_same_network() {
    let clock = ManualClock::new();
    let gateway = Gateway::start_at(clock.clone(), |_, _| {});
    gateway.get("/805ec0000059.boot", Some(NOBODYS));
    clock.advance(60);
    gateway.get("/805ec0000059.boot", None);
    gateway.settle();
    let phone = gateway.phone("805ec00000590");
    assert_eq!(phone["phone_type"], "generic");
    let listed = (&phone["claims"][0]["phone_type"], &phone["claims"][1]["phone_type"]);
    assert_eq!(listed, (&json!("generic"), &json!("t46g")));
}

#[test]
fn what_tells_no_type_takes_none_from_a_phone_that_was_promoted() {
    let gateway = Gateway::start();
    let (boot, own, id) = ("/805ec0000057.boot", "/805ec0000057.cfg", "805ec00000570");
    gateway.get(boot, None);
    gateway.settle();
    gateway.promote(id);
    let line = json!({ "user": "100", "password": "hunter2", "registrar": "sip.example" });
    let values = json!({ "settings": { "lines": { "1": line } } });
    gateway.done("update/phone", json!({ "scope": { "phoneid": id }, "values": values }));
    for user_agent in [NOBODYS, "Linphone/3.6.1 (eXosip2/4.1.0)", "Mozilla/5.0", "Yealink x"] {
        gateway.get("/805ec0000057.none", Some(user_agent));
        gateway.settle();
        assert_eq!(gateway.phone(id)["phone_type"], "t46g", "{user_agent}");
    }
    assert_eq!(gateway.phone(id)["claims"][0]["phone_type"], "t46g");
    // What names a type still counts.
    let s = "Yealink SIP-T46S 66.86.0.15 80:5e:c0:00:00:57";
    gateway.get("/805ec0000057.none", Some(s));
    gateway.settle();
    assert_eq!(gateway.phone(id)["phone_type"], "t46s");
    let file = gateway.get(own, Some(s));
    assert!(file.text().starts_with("#!version:"), "{}", file.text());
}
