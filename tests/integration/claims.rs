//! What requests claim a phone to be, and what counts.

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

#[test]
fn whoever_is_no_phone_takes_no_type_away_from_elsewhere() {
    let gateway = Gateway::start_with(|config, _| {
        config.handset.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
    });
    let ask = |address: &str, user_agent: &str| {
        let headers = [("X-Forwarded-For", address), ("User-Agent", user_agent)];
        let headers = if user_agent.is_empty() { &headers[..1] } else { &headers[..] };
        let own = "/0015654aa937.cfg";
        http::request(gateway.http(), "GET", own, headers, b"").expect("it answers");
        gateway.inactive()
    };
    let guessed = ask("192.0.2.1", "");
    assert_ne!(guessed[0].1, "generic");
    assert_eq!(ask("198.51.100.9", "curl/8.5.0"), guessed, "anybody's word");
    assert_eq!(
        ask("192.0.2.1", "curl/8.5.0"),
        [("0015654aa9370".to_owned(), "generic".to_owned())]
    );
}
