//! What a request must show before it gets a phone's file.

use serde_json::{Value, json};

use crate::support::http::{self, Answer};
use crate::support::{Gateway, ManualClock, eventually};

pub(crate) const T46G: &str = "Yealink SIP-T46G 28.83.0.120 00:15:65:4a:a9:37";
pub(crate) const PHONE: &str = "0015654aa9370";
/// Nobody's network (RFC 5737), and a phone's home in it.
pub(crate) const HOME: &str = "198.51.100.7";
pub(crate) const ELSEWHERE: &str = "203.0.113.9";

/// A gateway behind a proxy that says who asks, on a public address.
pub(crate) fn start() -> Gateway {
    let gateway = Gateway::start_with(|config, _| {
        config.handset.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        config.scan.enabled = false;
        config.handset.public_url = Some("http://gw.example/p/".parse().unwrap());
    });
    gateway.get("/0015654aa937.cfg", Some(T46G));
    gateway.promote(PHONE);
    gateway
}

pub(crate) fn ask(gateway: &Gateway, from: &str, target: &str) -> Answer {
    ask_as(gateway, from, target, T46G)
}

pub(crate) fn ask_as(gateway: &Gateway, from: &str, target: &str, user_agent: &str) -> Answer {
    let headers = [("X-Forwarded-For", from), ("User-Agent", user_agent)];
    http::request(gateway.http(), "GET", target, &headers, b"").expect("it answers")
}

fn status(gateway: &Gateway, from: &str) -> u16 {
    ask(gateway, from, "/0015654aa937.cfg").status
}

fn policy(gateway: &Gateway, settings: Value) {
    policy_of(gateway, "default", settings);
}

pub(crate) fn policy_of(gateway: &Gateway, company: &str, settings: Value) {
    let scope = json!({ "company": company });
    let values = json!({ "settings": { "admission": settings } });
    gateway.done("update", json!({ "type": "company", "scope": scope, "values": values }));
}

fn rearm(gateway: &Gateway) {
    gateway.done("rearm", json!({ "type": "phone", "scope": { "phoneid": PHONE } }));
}

pub(crate) fn token(gateway: &Gateway, of: &str, scope: Value, new: bool) -> String {
    let body = json!({ "type": of, "scope": scope, "values": { "new": new } });
    let shown = gateway.done("token", body);
    let row = &shown["values"][0];
    let token = row["token"].as_str().unwrap().to_owned();
    assert_eq!(row["url"], format!("http://gw.example/p/{token}/"), "{shown}");
    token
}

/// The last that was served, or the last that showed too little.
fn last(gateway: &Gateway, is_served: bool) -> Value {
    let scope = json!({ "mac": PHONE[..12] });
    let list = gateway.done("requests", json!({ "type": "phone", "scope": scope }));
    let all = list["values"].as_array().unwrap();
    let outcome = if is_served { "served" } else { "not_admitted" };
    all.iter().find(|one| one["outcome"] == outcome).unwrap().clone()
}

fn events(gateway: &Gateway, action: &str) -> Vec<Value> {
    let scope = json!({ "mac": PHONE[..12] });
    let list = gateway.done("events", json!({ "type": "phone", "scope": scope }));
    let all = list["values"].as_array().unwrap().clone();
    all.into_iter().filter(|event| event["action"] == action).collect()
}

#[test]
fn who_knows_a_mac_gets_no_secret_over_the_internet() {
    let gateway = start();
    for private in ["10.1.2.3", "192.168.1.7", "172.16.0.1", "100.64.1.1", "fd00::7", "127.0.0.1"] {
        assert_eq!(status(&gateway, private), 200, "{private}");
    }
    let unknown = ask(&gateway, HOME, "/001565000001.cfg");
    for public in [HOME, "8.8.8.8", "2001:db8::7", "172.32.0.1", "100.128.0.1"] {
        let refused = ask(&gateway, public, "/0015654aa937.cfg");
        assert_eq!(refused, unknown, "{public}");
    }
    let last = last(&gateway, false);
    assert_eq!(last["outcome"], "not_admitted", "{last}");
    assert_eq!(
        last["detail"], "not shown: network or token or credentials or certificate",
        "{last}"
    );
}

#[test]
fn report_serves_and_says_who_would_be_refused() {
    let gateway = start();
    policy(&gateway, json!({ "mode": "report" }));
    assert_eq!(status(&gateway, HOME), 200);
    let last = last(&gateway, true);
    assert_eq!(last["outcome"], "served", "{last}");
    assert_eq!(
        last["detail"],
        "would be refused: not shown: network or token or credentials or certificate",
        "{last}"
    );
    policy(&gateway, json!({ "mode": "off" }));
    assert_eq!(status(&gateway, HOME), 200);
    assert_eq!(self::last(&gateway, true)["detail"], "");
    policy(&gateway, json!({ "mode": "enforce", "networks": ["198.51.100.0/24"] }));
    assert_eq!([HOME, ELSEWHERE, "10.0.0.1"].map(|from| status(&gateway, from)), [200, 404, 404]);
}

#[test]
fn all_of_a_set_is_needed_and_any_set_is_enough() {
    let gateway = start();
    let require = ["network+token", "pinned"];
    policy(&gateway, json!({ "require": require, "networks": ["198.51.100.0/24"] }));
    let token = token(&gateway, "company", json!({ "company": "default" }), false);
    let with_token = format!("/{token}/0015654aa937.cfg");
    assert_eq!(status(&gateway, HOME), 404);
    assert_eq!(ask(&gateway, ELSEWHERE, &with_token).status, 404);
    assert_eq!(ask(&gateway, HOME, &with_token).status, 200);
    // Served once, it is known by its network.
    eventually("it is pinned", || status(&gateway, "198.51.100.200") == 200);
    assert_eq!(status(&gateway, ELSEWHERE), 404);
}

#[test]
fn a_token_is_an_element_of_the_path_and_shown_nowhere() {
    let gateway = start();
    policy(&gateway, json!({ "require": ["token"], "token_in_url": "phone" }));
    let own = token(&gateway, "phone", json!({ "phoneid": PHONE }), false);
    assert_eq!(own.len(), 32);
    for target in [format!("/{own}/0015654aa937.cfg"), format!("/p/{own}/0015654aa937.cfg")] {
        let answer = ask(&gateway, HOME, &target);
        assert_eq!(answer.status, 200);
        let url = format!("server.url = http://gw.example/p/{own}/");
        assert!(answer.text().contains(&url), "{}", answer.text());
        let shown = last(&gateway, true);
        assert!(!shown.to_string().contains(&own), "{shown}");
        assert!(shown["target"].as_str().unwrap().contains("/***/"), "{shown}");
    }
    let wrong = format!("{}a", &own[..31]);
    let wrong = if wrong == own { format!("{}b", &own[..31]) } else { wrong };
    let refused = ask(&gateway, HOME, &format!("/{wrong}/0015654aa937.cfg"));
    let unknown = ask(&gateway, HOME, "/001565000001.cfg");
    assert_eq!(refused, unknown);
    assert_eq!(ask(&gateway, HOME, &format!("/0015654aa937.cfg?{own}")).status, 404);
    assert_eq!(ask(&gateway, HOME, &format!("/{own}/001565000001.cfg")).status, 404);
    // Neither lists nor the preview have it.
    for (verb, scope) in
        [("read", json!({ "phoneid": PHONE })), ("preview", json!({ "phoneid": PHONE }))]
    {
        let shown = gateway.done(verb, json!({ "type": "phone", "scope": scope })).to_string();
        assert!(!shown.contains(&own), "{verb}");
    }
    assert_eq!(events(&gateway, "reveal").len(), 1);
}

#[test]
fn another_token_locks_no_phone_out() {
    let gateway = start();
    policy(&gateway, json!({ "require": ["token"], "token_in_url": "phone" }));
    let scope = json!({ "phoneid": PHONE });
    let old = token(&gateway, "phone", scope.clone(), false);
    let new = token(&gateway, "phone", scope.clone(), true);
    assert_ne!(old, new);
    let with = |token: &str| ask(&gateway, HOME, &format!("/{token}/0015654aa937.cfg"));
    // The phone knows the old one only, and is told the new one with it, as often as it asks.
    for _ in 0..3 {
        let answer = with(&old);
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains(&new) && !answer.text().contains(&old));
    }
    // Another change before it came: what it has is still the first.
    let newest = token(&gateway, "phone", scope, true);
    assert_eq!(with(&old).status, 200);
    assert!(with(&old).text().contains(&newest));
    assert_eq!(with(&newest).status, 200);
    eventually("the old one is no proof any more", || with(&old).status == 404);
    assert_eq!(with(&newest).status, 200);
}

#[test]
fn a_companys_token_changes_phone_by_phone() {
    let gateway = start();
    policy(&gateway, json!({ "require": ["token"], "token_in_url": "company" }));
    gateway.get("/001565000002.cfg", Some(T46G));
    gateway.promote("0015650000020");
    let scope = json!({ "company": "default" });
    let old = token(&gateway, "company", scope.clone(), false);
    let new = token(&gateway, "company", scope, true);
    let with = |token: &str, mac: &str| {
        let target = format!("/{token}/{mac}.cfg");
        ask_as(&gateway, HOME, &target, "Yealink SIP-T46G 28.83.0.120").status
    };
    assert_eq!(with(&old, "0015654aa937"), 200);
    assert_eq!(with(&new, "0015654aa937"), 200);
    eventually("it came with the new one", || with(&old, "0015654aa937") == 404);
    assert_eq!(with(&old, "001565000002"), 200, "the other phone did not yet");
}

#[test]
fn a_common_file_leads_on_below_the_token_it_was_asked_with() {
    let gateway = start();
    let token = token(&gateway, "company", json!({ "company": "default" }), false);
    let made_up = "a".repeat(32);
    for token in [token.as_str(), &made_up] {
        let file = ask_as(&gateway, HOME, &format!("/{token}/snom320.htm"), "");
        assert_eq!(file.status, 200);
        assert!(
            file.text().contains(&format!("http://gw.example/p/{token}/snom320-")),
            "{}",
            file.text()
        );
    }
    let file = ask_as(&gateway, HOME, "/snom320.htm", "");
    assert!(file.text().contains("http://gw.example/p/snom320-"), "{}", file.text());
}

#[test]
fn a_window_closes_and_is_opened_again() {
    let clock = ManualClock::new();
    let config = |config: &mut dialtone::config::Config, _: &std::path::Path| {
        config.handset.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        config.scan.enabled = false;
    };
    let gateway = Gateway::start_at(clock.clone(), config);
    gateway.get("/0015654aa937.cfg", Some(T46G));
    gateway.promote(PHONE);
    policy(&gateway, json!({ "require": ["window"], "window_minutes": 10 }));
    assert_eq!(status(&gateway, HOME), 200);
    clock.advance(600);
    assert_eq!(status(&gateway, HOME), 200);
    clock.advance(1);
    assert_eq!(status(&gateway, HOME), 404);
    assert_eq!(last(&gateway, false)["detail"], "not shown: window");
    rearm(&gateway);
    assert_eq!(status(&gateway, HOME), 200);
    clock.advance(601);
    assert_eq!(status(&gateway, HOME), 404);
    // Given to another company, it has to fetch that one's files.
    gateway.done("create", json!({ "type": "company", "values": { "company": "acme" } }));
    let settings = json!({ "admission": { "require": ["window"], "window_minutes": 10 } });
    let (scope, values) = (json!({ "company": "acme" }), json!({ "settings": settings }));
    gateway.done("update", json!({ "type": "company", "scope": scope, "values": values }));
    let (scope, values) = (json!({ "phoneid": PHONE }), json!({ "company": "acme" }));
    gateway.done("assign", json!({ "type": "phone", "scope": scope, "values": values }));
    assert_eq!(status(&gateway, HOME), 200);
}

#[test]
fn what_differs_is_on_record_once_and_locks_where_the_policy_says_so() {
    let gateway = start();
    policy(&gateway, json!({ "networks": ["0.0.0.0/0"] }));
    assert_eq!(status(&gateway, HOME), 200);
    let pins = || gateway.phone(PHONE)["admission"]["pins"].clone();
    eventually("it is known by what it showed", || !pins().is_null());
    let expected = ("198.51.100.0/24", "Yealink", "t46g");
    assert_eq!(
        (&pins()["network"], &pins()["maker"], &pins()["model"]),
        (&json!(expected.0), &json!(expected.1), &json!(expected.2))
    );
    for _ in 0..3 {
        assert_eq!(status(&gateway, ELSEWHERE), 200);
        assert_eq!(status(&gateway, HOME), 200);
    }
    eventually("it is on record", || events(&gateway, "varied").len() == 1);
    let event = &events(&gateway, "varied")[0];
    assert_eq!(event["after"]["network"], ELSEWHERE, "{event}");
    // Another model at home.
    policy(&gateway, json!({ "lock_on_change": ["model", "maker"] }));
    let t48 = "Yealink SIP-T48G 35.83.0.120 00:15:65:4a:a9:37";
    assert_eq!(ask_as(&gateway, HOME, "/0015654aa937.cfg", t48).status, 404);
    eventually("it is locked", || status(&gateway, HOME) == 404);
    assert_eq!(events(&gateway, "locked").len(), 1);
    assert_eq!(
        last(&gateway, false)["detail"],
        "locked: another model than at first; arm the phone again"
    );
    assert_eq!(gateway.phone(PHONE)["admission"]["locked"]["because"], "model");
    rearm(&gateway);
    assert_eq!(status(&gateway, HOME), 200);
    assert_eq!(events(&gateway, "rearm").len(), 1);
}

/// Else anybody could lock a phone by asking in its name.
#[test]
fn who_proves_nothing_locks_nothing() {
    let gateway = start();
    let lock_on_change = ["network", "maker", "model"];
    let networks = ["198.51.100.0/24"];
    policy(&gateway, json!({ "networks": networks, "lock_on_change": lock_on_change }));
    assert_eq!(status(&gateway, HOME), 200);
    eventually("it is pinned", || !gateway.phone(PHONE)["admission"]["pins"].is_null());
    for agent in [T46G, "snom320-SIP 8.7.5", "", "curl/8"] {
        assert_eq!(ask_as(&gateway, ELSEWHERE, "/0015654aa937.cfg", agent).status, 404);
    }
    gateway.settle();
    assert_eq!(status(&gateway, HOME), 200);
    assert!(gateway.phone(PHONE)["admission"]["locked"].is_null());
    assert_eq!((events(&gateway, "locked").len(), events(&gateway, "varied").len()), (0, 0));
}

/// Else whoever asks first while a fleet is only watched would be the phone afterwards.
#[test]
fn who_would_be_refused_is_not_what_the_phone_is_known_by() {
    let gateway = start();
    policy(&gateway, json!({ "mode": "report", "require": ["token", "pinned"] }));
    let token = token(&gateway, "company", json!({ "company": "default" }), false);
    assert_eq!(status(&gateway, ELSEWHERE), 200);
    gateway.settle();
    assert!(gateway.phone(PHONE)["admission"]["pins"].is_null());
    assert_eq!(ask(&gateway, HOME, &format!("/{token}/0015654aa937.cfg")).status, 200);
    let pins = || gateway.phone(PHONE)["admission"]["pins"].clone();
    eventually("it is known by what it showed", || pins()["network"] == "198.51.100.0/24");
    policy(&gateway, json!({ "mode": "enforce" }));
    assert_eq!([HOME, ELSEWHERE].map(|from| status(&gateway, from)), [200, 404]);
}

#[test]
fn a_token_shown_with_too_little_retires_none() {
    let gateway = start();
    let networks = ["198.51.100.0/24"];
    policy(&gateway, json!({ "require": ["token+network"], "networks": networks }));
    let scope = json!({ "company": "default" });
    let old = token(&gateway, "company", scope.clone(), false);
    let new = token(&gateway, "company", scope, true);
    let with =
        |token: &str, from| ask(&gateway, from, &format!("/{token}/0015654aa937.cfg")).status;
    assert_eq!(with(&old, HOME), 200);
    assert_eq!(with(&new, ELSEWHERE), 404);
    gateway.settle();
    assert_eq!(with(&old, HOME), 200);
}

#[test]
fn what_is_on_record_locks_when_the_policy_comes_to_say_so() {
    let gateway = start();
    policy(&gateway, json!({ "networks": ["0.0.0.0/0"] }));
    assert_eq!(status(&gateway, HOME), 200);
    eventually("it is pinned", || !gateway.phone(PHONE)["admission"]["pins"].is_null());
    assert_eq!(status(&gateway, ELSEWHERE), 200);
    eventually("it is on record", || events(&gateway, "varied").len() == 1);
    policy(&gateway, json!({ "lock_on_change": ["network"] }));
    assert_eq!(status(&gateway, ELSEWHERE), 404);
    let locked = || gateway.phone(PHONE)["admission"]["locked"]["because"] == "network";
    eventually("that shows", locked);
    assert_eq!(events(&gateway, "locked").len(), 1);
}

#[test]
fn what_contradicts_itself_is_refused_where_the_policy_says_so() {
    let gateway = start();
    let linphone = "Linphone/3.6.1 (eXosip2/4.1.0)";
    let ask = || ask_as(&gateway, "10.0.0.1", "/0015654aa937.cfg", linphone).status;
    assert_eq!(ask(), 200);
    policy(&gateway, json!({ "contradictions": "refuse" }));
    assert_eq!(ask(), 404);
    let detail = "address, User-Agent and file contradict each other";
    assert_eq!(last(&gateway, false)["detail"], detail);
    assert_eq!(status(&gateway, "10.0.0.1"), 200);
}

#[test]
fn a_policy_is_no_setting_of_a_phone() {
    let gateway = start();
    let scope = json!({ "phoneid": PHONE });
    let values = json!({ "settings": { "admission": { "mode": "off" } } });
    let answer =
        gateway.ask("update", json!({ "type": "phone", "scope": scope, "values": values }));
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("is set for a company or for all phones, not for one"), "{answer}");
}

#[test]
fn what_a_phone_sends_is_judged_like_what_it_asks() {
    let gateway = Gateway::start_with(|config, dir| {
        config.handset.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        config.scan.enabled = false;
        config.uploads.dir = Some(dir.join("uploads"));
    });
    gateway.get("/0004f2aabbcc.cfg", Some("FileTransport PolycomSoundPointIP-SPIP_450-UA/3.3.5"));
    gateway.promote("0004f2aabbcc0");
    let put = |from: &str| {
        let headers = [("X-Forwarded-For", from), ("Content-Length", "3")];
        let target = "/0004f2aabbcc-app.log";
        http::request(gateway.http(), "PUT", target, &headers, b"log").unwrap().status
    };
    assert_eq!(put(HOME), 404);
    assert_eq!(put("10.0.0.1"), 201);
}

#[test]
fn a_phone_that_waits_is_held_by_the_company_of_its_token_alone() {
    let gateway = start();
    let token = token(&gateway, "company", json!({ "company": "default" }), false);
    let waiting = format!("/{token}/001565000001.cfg");
    let as_mac = |mac: &str| T46G.replace("00:15:65:4a:a9:37", mac);
    let ask = |target: &str, mac: &str| ask_as(&gateway, ELSEWHERE, target, &as_mac(mac));
    let one = "00:15:65:00:00:01";
    let refusal = ask(&waiting, one);
    assert_eq!(refusal.status, 404, "nobody said that there are holding files");

    let require = json!({ "require": ["token+network"], "networks": ["198.51.100.0/24"] });
    policy(&gateway, json!({ "holding": true }));
    let held = ask(&waiting, one);
    assert_eq!(held.status, 200);
    let text = String::from_utf8(held.body.clone()).unwrap();
    assert!(text.contains("account.1.label = awaiting activation\n"), "{text}");
    assert!(text.contains("static.auto_provision.repeat.minutes = 1\n"), "{text}");
    assert!(!text.contains(&token) && !text.contains("gw.example"), "{text}");

    assert_eq!(held.header("last-modified"), None, "the phone's own may have any date");

    // The same for every phone, whether it was seen before or not.
    let other = ask(&format!("/{token}/001565000002.cfg"), "00:15:65:00:00:02");
    assert_eq!((other.status, &other.body), (200, &held.body));
    assert_eq!(other.header("etag"), held.header("etag"));
    // Without the token, with an invented one, and under a name that has none: the refusal.
    for target in [
        "/001565000001.cfg".to_owned(),
        format!("/{}/001565000001.cfg", "a".repeat(32)),
        format!("/{token}/001565000001.boot"),
    ] {
        assert_eq!(ask(&target, one), refusal, "{target}");
    }
    // An active phone that shows too little keeps what it has.
    policy(&gateway, require);
    let active = format!("/{token}/0015654aa937.cfg");
    assert_eq!(ask(&active, "00:15:65:4a:a9:37"), refusal);

    // Promoted, it gets its own, which takes the place of what it got; it is asked with its tag.
    policy(&gateway, json!({ "require": ["token"] }));
    gateway.promote("0015650000010");
    let tag = held.header("etag").unwrap().to_owned();
    let agent = as_mac(one);
    let headers =
        [("X-Forwarded-For", ELSEWHERE), ("User-Agent", agent.as_str()), ("If-None-Match", &tag)];
    let full = http::request(gateway.http(), "GET", &waiting, &headers, b"").unwrap();
    assert_eq!(full.status, 200);
    let text = String::from_utf8(full.body).unwrap();
    assert!(!text.contains("awaiting activation") && text.contains("account.1.label"), "{text}");
    assert!(text.contains("static.auto_provision.repeat.enable = 0\n"), "{text}");

    let scope = json!({ "mac": "001565000002" });
    let list = gateway.done("requests", json!({ "type": "phone", "scope": scope }));
    assert_eq!(list["values"][0]["detail"], "its holding file was sent", "{list}");
}

#[test]
fn a_companys_token_that_ends_at_once_says_whom_nothing_told_another() {
    let gateway = Gateway::start_with(|config, _| {
        config.handset.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        config.scan.enabled = false;
        config.handset.public_url = Some("https://gw.example/".parse().unwrap());
    });
    policy(&gateway, json!({ "require": ["token"], "token_in_url": "phone" }));
    let create = |mac: &str, phone_type: &str| {
        let values = json!({ "mac": mac, "company": "default", "phone_type": phone_type });
        let body = json!({ "type": "phone", "values": values });
        gateway.done("create", body)["warnings"].to_string()
    };
    let told = create("0015654aa937", "t46g");
    assert!(!told.contains("token_in_url"), "{told}");
    // A base whose data server is told in files over plain HTTP only.
    let warnings = create("7c2f80e61af4", "n510ip");
    assert!(warnings.contains("admission.token_in_url: has no effect"), "{warnings}");
    assert!(warnings.contains("name no https URL"), "{warnings}");

    let change = |drop_old: bool| {
        let values = json!({ "new": true, "drop_old": drop_old });
        let scope = json!({ "company": "default" });
        let body = json!({ "type": "company", "scope": scope, "values": values });
        gateway.done("token", body)
    };
    let first = change(false);
    assert_eq!(first["warnings"], Value::Null, "those before are proof");
    let token = first["values"][0]["token"].as_str().unwrap().to_owned();
    let dropped = change(true);
    let warnings = dropped["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 2, "{dropped}");
    let untold = warnings[0].as_str().unwrap();
    assert!(untold.starts_with("1 phone of type n510ip: no file tells them"), "{untold}");
    let unserved = warnings[1].as_str().unwrap();
    assert!(unserved.starts_with("active phones that were sent no file yet: 2;"), "{unserved}");
    let with_it = |token: &str, mac: &str| {
        ask_as(&gateway, HOME, &format!("/{token}/{mac}.cfg"), T46G).status
    };
    assert_eq!(with_it(&token, "0015654aa937"), 404);
    // One that came is told its own, and is not among them.
    let token = dropped["values"][0]["token"].as_str().unwrap().to_owned();
    assert_eq!(with_it(&token, "0015654aa937"), 200);
    let dropped = change(true);
    assert!(dropped["warnings"][1].as_str().unwrap().contains("yet: 1;"), "{dropped}");

    // Where tokens prove nothing there is nobody to tell of.
    policy(&gateway, json!({ "require": ["network"] }));
    assert_eq!(change(true)["warnings"], Value::Null);
}
