//! Who walks MAC addresses is banned, phones behind the same address are served, and operators see it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::http::{self, Answer};
use crate::support::{Gateway, ManualClock, eventually};

const T46G: &str = "Yealink SIP-T46G 28.83.0.120 00:15:65:4a:a9:37";
/// A site behind one address (RFC 5737), and a phone that belongs elsewhere.
const SITE: &str = "198.51.100.7";
const ELSEWHERE: &str = "203.0.113.9";
/// A file that anybody gets, asked for without a MAC.
const COMMON: &str = "/snom370.htm";
const SNOM: &str = "Mozilla/4.0 (compatible; snom370-SIP 7.1.2)";
const OTHER: &str = "Yealink SIP-T46G 28.83.0.120 80:5e:c0:11:22:33";

fn start_at(clock: Arc<ManualClock>) -> Gateway {
    let gateway = Gateway::start_at(clock, |config, _| {
        config.handset.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
    });
    let off = json!({ "settings": { "admission": { "mode": "off" } } });
    gateway.done("update", json!({ "type": "settings", "values": off }));
    for (address, mac, user_agent) in
        [(SITE, "0015654aa937", T46G), (ELSEWHERE, "805ec0112233", OTHER)]
    {
        let target = format!("/{mac}.cfg");
        ask(&gateway, address, &target, Some(user_agent));
        gateway.promote(&format!("{mac}0"));
        assert_eq!(ask(&gateway, address, &target, Some(user_agent)).status, 200, "{mac}");
    }
    gateway
}

fn start() -> Gateway {
    start_at(ManualClock::new())
}

fn ask(gateway: &Gateway, from: &str, target: &str, user_agent: Option<&str>) -> Answer {
    let mut headers = vec![("X-Forwarded-For", from)];
    headers.extend(user_agent.map(|text| ("User-Agent", text)));
    let answer = http::request(gateway.http(), "GET", target, &headers, b"").expect("it answers");
    gateway.settle();
    answer
}

fn plain(answer: &Answer) -> String {
    format!("{} {:?} {:?}", answer.status, answer.headers, answer.body)
}

/// Walks so many MACs from an address.
fn walk(gateway: &Gateway, from: &str, first: u32, count: u32) {
    for number in first..first + count {
        let target = format!("/0004f2{:06x}.cfg?key=hunter2", number * 7_919 % 0x0100_0000);
        ask(gateway, from, &target, Some("curl/8.5.0"));
    }
}

fn bans(gateway: &Gateway) -> Vec<Value> {
    let list = gateway.done("read", json!({ "type": "ban" }));
    list["values"].as_array().unwrap().clone()
}

fn ban(gateway: &Gateway, network: &str) -> Value {
    let scope = json!({ "network": network });
    let list = gateway.done("read", json!({ "type": "ban", "scope": scope }));
    list["values"].get(0).cloned().unwrap_or_default()
}

#[test]
fn a_sweep_is_banned_within_ten_macs_and_phones_behind_its_address_go_on() {
    let clock = ManualClock::new();
    let gateway = start_at(clock.clone());
    let unknown = ask(&gateway, ELSEWHERE, "/0004f2aaaaaa.cfg", None);
    walk(&gateway, SITE, 1, 9);
    eventually("nobody is banned yet", || bans(&gateway).is_empty());
    assert_eq!(ask(&gateway, SITE, COMMON, Some(SNOM)).status, 200);
    walk(&gateway, SITE, 10, 3);
    eventually("it is stored", || bans(&gateway).len() == 1);
    clock.advance(1);
    // What is active elsewhere, what nobody knows, and what anybody gets: one refusal.
    for target in ["/805ec0112233.cfg", "/0004f2bbbbbb.cfg", COMMON] {
        let refused = ask(&gateway, SITE, target, Some(OTHER));
        assert_eq!(plain(&refused), plain(&unknown), "{target}");
    }
    assert_eq!(gateway.last_outcome("805ec0112233"), "banned");
    let listed: Vec<String> = gateway.inactive().into_iter().map(|(id, _)| id).collect();
    assert!(!listed.contains(&"0004f2bbbbbb0".to_owned()), "{listed:?}");
    assert_eq!(listed.len(), 10, "nine, and the one from elsewhere: {listed:?}");
    // Served there before, and it goes on; so does what is elsewhere.
    assert_eq!(ask(&gateway, SITE, "/0015654aa937.cfg", Some(T46G)).status, 200);
    assert_eq!(ask(&gateway, ELSEWHERE, "/805ec0112233.cfg", Some(OTHER)).status, 200);
    assert_eq!(ask(&gateway, ELSEWHERE, COMMON, Some(SNOM)).status, 200);

    let row = ban(&gateway, SITE);
    assert_eq!(
        (&row["network"], &row["times"], &row["made_by"], &row["in_force"]),
        (&json!("198.51.100.7/32"), &json!(1), &json!("gateway"), &json!(true))
    );
    assert_eq!(row["until"].as_i64().unwrap() - row["since"].as_i64().unwrap(), 600);
    let evidence = row["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 10, "{row}");
    assert_eq!(evidence[0]["user_agent"], "curl/8.5.0");
    assert!(evidence[0]["target"].as_str().unwrap().ends_with(".cfg?key=***"), "{row}");
    assert!(
        row["reason"].as_str().unwrap().contains("10 not asked for as any phone asks"),
        "{row}"
    );
}

#[test]
fn a_ban_ends_grows_is_lifted_and_on_record() {
    let clock = ManualClock::new();
    let gateway = start_at(clock.clone());
    let gets = |gateway: &Gateway| ask(gateway, SITE, "/805ec0112233.cfg", Some(OTHER)).status;
    walk(&gateway, SITE, 1, 10);
    assert_eq!(gets(&gateway), 404);
    clock.advance(601);
    assert_eq!(gets(&gateway), 200, "it is over");
    walk(&gateway, SITE, 100, 11);
    eventually("the second is stored", || ban(&gateway, SITE)["times"] == 2);
    let row = ban(&gateway, SITE);
    assert_eq!(row["until"].as_i64().unwrap() - row["since"].as_i64().unwrap(), 2_400);

    let lift = json!({ "type": "ban", "scope": { "network": SITE } });
    gateway.done("delete", lift.clone());
    assert_eq!(gateway.ask("delete", lift)["message"], "No such ban");
    assert!(bans(&gateway).is_empty());
    assert_eq!(ask(&gateway, SITE, COMMON, Some(SNOM)).status, 200);
    walk(&gateway, SITE, 200, 9);
    assert!(bans(&gateway).is_empty(), "what led to it is forgotten");

    let scope = json!({ "network": SITE });
    let events = gateway.done("events", json!({ "type": "ban", "scope": scope }));
    let events = events["values"].as_array().unwrap().clone();
    let told: Vec<_> =
        events.iter().map(|event| (event["action"].clone(), event["who"].clone())).collect();
    let expected = [("delete", "admin"), ("create", "gateway"), ("create", "gateway")];
    assert_eq!(told, expected.map(|(action, who)| (json!(action), json!(who))));
}

#[test]
fn operators_ban_by_hand_and_not_what_is_never_banned() {
    let gateway = start();
    let add = |network: &str, minutes: u64| {
        let values = json!({ "network": network, "minutes": minutes, "reason": "toll fraud" });
        gateway.ask("create", json!({ "type": "ban", "values": values }))
    };
    assert_eq!(add("203.0.113.0/24", 5)["result"], "success");
    assert_eq!(ask(&gateway, "203.0.113.1", COMMON, Some(SNOM)).status, 404);
    assert_eq!(ask(&gateway, ELSEWHERE, "/805ec0112233.cfg", Some(OTHER)).status, 200);
    let row = ban(&gateway, "203.0.113.250");
    assert_eq!(row["network"], "203.0.113.0/24", "the one around it: {row}");
    assert_eq!((&row["reason"], &row["made_by"]), (&json!("toll fraud"), &json!("admin")));
    for (network, minutes, message) in [
        ("127.0.0.1", 5, "network: is in `[scan] never_ban`"),
        ("0.0.0.0/0", 5, "network: is wider than /8, the widest that is banned"),
        ("192.0.2.1", 0, "minutes: must be 1 to 5260320"),
        ("office", 5, "network: must be an address or a network, 192.0.2.0/24"),
    ] {
        assert_eq!(add(network, minutes)["message"], message, "{network}");
    }
}

#[test]
fn bans_outlive_the_gateway() {
    let gateway = start();
    walk(&gateway, SITE, 1, 10);
    eventually("it is stored", || bans(&gateway).len() == 1);
    let key = gateway.key().to_owned();
    let dir = gateway.stop();
    let url = format!("sqlite:{}", dir.path().join("dialtone.db").display());
    let clock = ManualClock::new();
    clock.advance(300);
    let gateway = Gateway::start_at(clock, |config, _| {
        config.store.url = url.parse().unwrap();
        config.handset.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
    })
    .with_key(&key);
    assert_eq!(ask(&gateway, SITE, "/805ec0112233.cfg", Some(OTHER)).status, 404);
    assert_eq!(ask(&gateway, SITE, "/0015654aa937.cfg", Some(T46G)).status, 200);
    assert_eq!(bans(&gateway).len(), 1);
}

#[test]
fn who_copies_a_user_agent_gets_no_further_and_a_phone_that_boots_does() {
    let clock = ManualClock::new();
    let gateway = start_at(clock.clone());
    let vvx = "FileTransport PolycomVVX-VVX_400-UA/4.1.4.7430 Type/Updater";
    for number in 0..30_u32 {
        let target = format!("/0004f2{:06x}.cfg", number * number * 7_919 % 0x00ff_ffff);
        ask(&gateway, SITE, &target, Some(vvx));
    }
    clock.advance(1);
    assert_eq!(ask(&gateway, SITE, "/805ec0112233.cfg", Some(OTHER)).status, 404);
    assert_eq!(gateway.last_outcome("805ec0112233"), "suspected");
    assert_eq!(ask(&gateway, SITE, "/805ec0112233.boot", Some(OTHER)).status, 404);
    let again = ask(&gateway, SITE, "/805ec0112233.cfg", Some(OTHER));
    assert_eq!(again.status, 200, "it showed itself whole");
    assert!(bans(&gateway).is_empty());
    assert_eq!(gateway.inactive().len(), 30, "unknown phones are listed as ever");
}

#[test]
fn a_companys_token_vouches_for_its_own_phones_and_new_ones_alone() {
    let gateway = start();
    let company = json!({ "company": "acme", "name": "Acme" });
    gateway.done("create", json!({ "type": "company", "values": company }));
    let token = |company: &str| {
        let scope = json!({ "company": company });
        let shown = gateway.done("token", json!({ "type": "company", "scope": scope }));
        shown["values"][0]["token"].as_str().unwrap().to_owned()
    };
    let macs: Vec<String> =
        (1..=12).map(|number| format!("0004f2{:06x}", number * 7_919)).collect();
    for mac in &macs {
        let values = json!({ "mac": mac, "company": "default", "phone_type": "ip330" });
        gateway.done("create", json!({ "type": "phone", "values": values }));
    }
    let walk = |from: &str, token: &str| {
        for mac in &macs {
            ask(&gateway, from, &format!("/{token}/{mac}.cfg"), Some("curl/8.5.0"));
        }
        gateway.settle();
    };
    walk("203.0.113.77", &token("default"));
    assert!(bans(&gateway).is_empty(), "they are its own");
    walk("192.0.2.78", &token("acme"));
    eventually("the phones of others are not", || bans(&gateway).len() == 1);
    assert_eq!(bans(&gateway)[0]["network"], "192.0.2.78/32");
}

#[test]
fn who_lifts_or_makes_another_ban_than_there_is_hears_which() {
    let gateway = start();
    let of_network = json!({ "network": "203.0.113.0/24" });
    gateway.done("create", json!({ "type": "ban", "values": of_network }));
    let lift = json!({ "type": "ban", "scope": { "network": "203.0.113.7" } });
    let message = "No such ban: that of 203.0.113.0/24 holds it";
    assert_eq!(gateway.ask("delete", lift)["message"], message);
    let ban = json!({ "type": "ban", "values": { "network": "203.0.113.7/24" } });
    let message =
        "network: `203.0.113.7/24` has bits set behind the prefix; did you mean 203.0.113.0/24?";
    assert_eq!(gateway.ask("create", ban)["message"], message);
}
