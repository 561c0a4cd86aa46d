//! What those can cause who have no phone here, and what they cannot.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::support::gateway::call;
use crate::support::http::{self, Answer};
use crate::support::{Gateway, eventually};

const T46G: &str = "Yealink SIP-T46G 28.83.0.120 00:15:65:4a:a9:37";

/// A gateway behind a proxy that says who asks, with room for so many unknown phones.
fn with_room(inactive_devices: usize) -> Gateway {
    Gateway::start_with(|config, _| {
        config.quota.inactive_devices = inactive_devices;
        config.handset.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        config.scan.enabled = false;
    })
}

fn get_from(gateway: &Gateway, address: &str, target: &str) -> Answer {
    let headers = [("X-Forwarded-For", address)];
    http::request(gateway.http(), "GET", target, &headers, b"").expect("it answers")
}

fn macs(gateway: &Gateway) -> BTreeSet<String> {
    gateway.inactive().into_iter().map(|(id, _)| id[..12].to_owned()).collect()
}

fn ready(gateway: &Gateway) -> (u16, Value) {
    let answer = http::get(gateway.admin(), "/ready", None);
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

#[test]
fn a_first_contact_is_listed_within_a_second() {
    let gateway = Gateway::start();
    http::get(gateway.http(), "/0015654aa937.cfg", Some(T46G));
    let began = std::time::Instant::now();
    let auth = json!({ "type": "auth", "key": gateway.key() });
    let list = json!({ "type": "phone", "auth": auth });
    eventually("it is listed", || call(gateway.admin(), "inactive", &list)["numrows"] == 1);
    assert!(began.elapsed().as_secs() < 1, "{:?}", began.elapsed());
}

/// A script does not wait between the phone's request and its own.
#[test]
fn who_asks_right_after_a_first_contact_finds_it() {
    let gateway = Gateway::start();
    let auth = json!({ "type": "auth", "key": gateway.key() });
    for number in 0..20 {
        let mac = format!("00156500{number:04x}");
        http::get(gateway.http(), &format!("/{mac}.cfg"), Some(T46G));
        let list = json!({ "type": "phone", "auth": auth });
        let listed = call(gateway.admin(), "inactive", &list);
        assert_eq!(listed["values"][0]["phoneid"], format!("{mac}0"), "{listed}");
        let scope = json!({ "phoneid": format!("{mac}0") });
        let promote = json!({ "type": "phone", "auth": auth, "scope": scope });
        let promoted = call(gateway.admin(), "promote", &promote);
        assert_eq!(promoted["numrows"], 1, "{promoted}");
    }
}

#[test]
fn one_request_makes_one_entry_whatever_it_claims() {
    let gateway = with_room(3);
    for number in 0..3 {
        get_from(&gateway, "192.0.2.1", &format!("/kws6000firmware.bin?mac=0013d100000{number}"));
    }
    let rows = gateway.inactive();
    let listed: Vec<(&str, &str)> =
        rows.iter().map(|(id, key)| (id.as_str(), key.as_str())).collect();
    let expected =
        [("0013d10000000", "kws6000"), ("0013d10000010", "kws6000"), ("0013d10000020", "kws6000")];
    assert_eq!(listed, expected);
    assert_eq!(ready(&gateway).1["inactive"]["devices"], 3);
    // An operator says that it is one: then it has all its ports.
    let scope = json!({ "phoneid": "0013d10000010" });
    let values = json!({ "phone_type": "kws6000" });
    gateway.done("update", json!({ "type": "phone", "scope": scope, "values": values }));
    assert_eq!(gateway.inactive().len(), 1_002);
    assert_eq!(ready(&gateway).1["inactive"]["devices"], 3);
}

#[test]
fn a_thousand_at_once_stay_within_the_quota() {
    let gateway = with_room(50);
    let next = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= 1_000 {
                        return;
                    }
                    let address = format!("198.51.100.{}", number % 5);
                    let target = format!("/0004f2{number:06x}.cfg");
                    assert_eq!(get_from(&gateway, &address, &target).status, 404);
                    if number.is_multiple_of(50) {
                        let said = ready(&gateway).1;
                        assert!(said["inactive"]["devices"].as_u64().unwrap() <= 50, "{said}");
                        let answer = gateway.ask("inactive", json!({ "type": "phone" }));
                        assert!(answer["numrows"].as_u64().unwrap() <= 50, "{answer}");
                    }
                }
            });
        }
    });
    assert_eq!(gateway.inactive().len(), 50);
    let (status, said) = ready(&gateway);
    assert_eq!(status, 200, "strangers make nothing unready: {said}");
    assert_eq!((&said["inactive"]["full"], &said["inactive"]["limit"]), (&json!(true), &json!(50)));
    let of = |name: &str| said["inactive"][name].as_u64().unwrap();
    assert_eq!(of("evicted") + of("over_quota"), 950, "{said}");
    // How many of each depends on the disk: whoever comes while all room is taken by commits
    // under way is turned away.
    assert!(of("evicted") > 0, "{said}");
    // What is in memory is what is stored.
    let before = macs(&gateway);
    let dir = gateway.stop();
    let again = Gateway::start_with(|config, _| {
        let url = format!("sqlite:{}", dir.path().join("dialtone.db").display());
        config.store.url = url.parse().unwrap();
        config.quota.inactive_devices = 50;
    });
    assert_eq!(again.app().registry().waiting_status().devices, 50);
    drop(again);
    assert_eq!(before.len(), 50);
}

/// All room is taken by phones that an operator touched: who comes then in vain is no newcomer
/// of the hour once there is room.
#[test]
fn who_found_no_room_does_not_use_up_the_hour_of_its_network() {
    let gateway = Gateway::start_with(|config, _| {
        config.quota.inactive_devices = 1;
        config.quota.new_macs_per_address_per_hour = 3;
    });
    gateway.get("/0015654aa937.cfg", Some(T46G));
    gateway.settle();
    let scope = json!({ "phoneid": "0015654aa9370" });
    let values = json!({ "name": "Reception" });
    gateway.done("update", json!({ "type": "phone", "scope": scope, "values": values }));
    for number in 0..9 {
        gateway.get(&format!("/0004f200000{number}.cfg"), None);
        assert_eq!(gateway.last_outcome(&format!("0004f200000{number}")), "over_quota");
    }
    gateway.promote("0015654aa9370");
    gateway.get("/0004f2000000.cfg", None);
    assert_eq!(macs(&gateway), BTreeSet::from(["0004f2000000".to_owned()]));
}

#[test]
fn a_flood_from_some_addresses_pushes_out_nobody_elses_phones() {
    let gateway = with_room(40);
    for number in 0..8 {
        get_from(&gateway, "192.0.2.1", &format!("/00156500000{number}.cfg"));
    }
    gateway.settle();
    gateway.set("0015650000000", json!({ "lines": { "1": { "user": "1001" } } }));
    for number in 0..300 {
        let address = ["198.51.100.1", "198.51.100.2", "2001:db8:1::1", "2001:db8:1:ff::1"];
        get_from(&gateway, address[number % 4], &format!("/0004f2{number:06x}.cfg"));
        // Those whose commit is under way cannot go: a slow disk would turn away the newest.
        if number % 8 == 7 || number == 298 {
            gateway.settle();
        }
    }
    let left = macs(&gateway);
    assert_eq!(left.len(), 40);
    let of_site = left.iter().filter(|mac| mac.starts_with("001565")).count();
    assert_eq!(of_site, 8, "a site with less than its share loses none: {left:?}");
    // One more site has its share as well, of the others' oldest.
    for number in 0..8 {
        get_from(&gateway, "192.0.2.2", &format!("/00156510000{number}.cfg"));
    }
    let left = macs(&gateway);
    let of_sites = left.iter().filter(|mac| mac.starts_with("001565")).count();
    assert_eq!((left.len(), of_sites), (40, 16), "{left:?}");
    assert!(left.contains("0004f200012b"), "the newest of a flood stay");
}

/// Whoever asks in the name of a site's phones, and says more of them than they do, does not
/// make them its own: they count where they came from, also after a restart.
#[test]
fn a_flood_does_not_take_the_phones_it_claims_with_it() {
    let names = || (0..4).map(|number| format!("00156500000{number}"));
    let flood = |gateway: &Gateway, from: u32| {
        for number in from..from + 100 {
            get_from(gateway, "198.51.100.1", &format!("/0004f2{number:06x}.cfg"));
            if number % 8 == 7 {
                gateway.settle();
            }
        }
        let registry = gateway.app().registry();
        let is_known = |mac: &String| registry.known(mac.parse().unwrap()).is_some();
        let lost: Vec<String> = names().filter(|mac| !is_known(mac)).collect();
        assert!(lost.is_empty(), "{lost:?}");
    };
    let gateway = with_room(20);
    for mac in names() {
        get_from(&gateway, "192.0.2.1", &format!("/{mac}.cfg"));
    }
    gateway.settle();
    for mac in names() {
        let target = format!("/{mac}.cfg");
        let headers =
            [("X-Forwarded-For", "198.51.100.1"), ("User-Agent", "Yealink SIP-T46G 28.83.0.120")];
        http::request(gateway.http(), "GET", &target, &headers, b"").expect("it answers");
    }
    gateway.settle();
    let scope = json!({ "phoneid": "0015650000000" });
    let shown = gateway.done("read", json!({ "type": "phone", "scope": scope }));
    let strongest = &shown["values"][0]["claims"][0];
    assert_eq!(strongest["address"], "198.51.100.1", "{shown}");
    flood(&gateway, 0);
    assert_eq!(macs(&gateway).len(), 20);
    let dir = gateway.stop();
    let again = Gateway::start_with(|config, _| {
        let url = format!("sqlite:{}", dir.path().join("dialtone.db").display());
        config.store.url = url.parse().unwrap();
        config.quota.inactive_devices = 20;
        config.handset.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        config.scan.enabled = false;
    });
    flood(&again, 1_000);
}

#[test]
fn an_address_over_its_limit_keeps_its_known_phones() {
    let gateway = Gateway::start_with(|config, _| {
        config.quota.new_macs_per_address_per_hour = 20;
    });
    gateway.get("/0015654aa937.cfg", Some(T46G));
    gateway.get("/0015654aa938.cfg", Some(T46G));
    gateway.promote("0015654aa9370");
    let file = gateway.get("/0015654aa937.cfg", Some(T46G));
    let waiting = gateway.get("/0015654aa938.cfg", Some(T46G));
    for number in 0..60 {
        assert_eq!(gateway.get(&format!("/0004f2{number:06x}.cfg"), None), waiting);
    }
    assert_eq!(gateway.last_outcome("0004f200003b"), "over_quota");
    assert_eq!(gateway.inactive().len(), 19);
    assert_eq!(gateway.get("/0015654aa937.cfg", Some(T46G)), file, "it is served");
    gateway.promote("0015654aa9380");
    assert_eq!(gateway.get("/0015654aa938.cfg", Some(T46G)).status, 200, "it can be promoted");
}

#[test]
fn a_flood_leaves_the_requests_of_phones_on_the_list_and_no_password() {
    let gateway = Gateway::start();
    gateway.get("/0015654aa937.cfg", Some(T46G));
    gateway.promote("0015654aa9370");
    gateway.get("/0015654aa937.cfg?user=1001&password=s3cret&mac=0015654aa937", Some(T46G));
    for number in 0..3_000 {
        let target = format!("/0004f2{number:06x}.cfg?password=s3cret");
        http::get(gateway.http(), &target, None);
    }
    let scope = json!({ "mac": "0015654aa937" });
    let answer = gateway.done("requests", json!({ "type": "phone", "scope": scope }));
    let newest = &answer["values"][0];
    assert_eq!(newest["target"], "/0015654aa937.cfg?user=***&password=***&mac=0015654aa937");
    assert_eq!((&newest["outcome"], &newest["phone_type"]), (&json!("served"), &json!("t46g")));
}

/// Strangers that come faster than there is room push out each other, and nothing that an
/// operator was told is active.
#[test]
fn what_was_promoted_stays_whoever_comes_meanwhile() {
    let gateway = with_room(20);
    let is_over = AtomicU32::new(0);
    let promoted = std::thread::scope(|scope| {
        for stranger in 0..8u32 {
            let (gateway, is_over) = (&gateway, &is_over);
            scope.spawn(move || {
                for number in 0..3000u32 {
                    if is_over.load(Ordering::Relaxed) == 1 {
                        return;
                    }
                    let address = format!("192.0.{stranger}.{}", number % 90);
                    let target = format!("/0015654{stranger}{number:04x}.cfg");
                    get_from(gateway, &address, &target);
                }
            });
        }
        let mut promoted = BTreeSet::new();
        for _ in 0..60 {
            for (id, _) in gateway.inactive().into_iter().take(5) {
                let body = json!({ "type": "phone", "scope": { "phoneid": id } });
                if gateway.ask("promote", body)["result"] == "success" {
                    promoted.insert(id);
                }
            }
        }
        is_over.store(1, Ordering::Relaxed);
        promoted
    });
    assert!(!promoted.is_empty());
    let answer = gateway.done("active", json!({ "type": "phone" }));
    let active: BTreeSet<String> = answer["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["phoneid"].as_str().unwrap().to_owned())
        .collect();
    let lost: Vec<&String> = promoted.difference(&active).collect();
    assert!(lost.is_empty(), "{} of {} promoted are lost: {lost:?}", lost.len(), promoted.len());
}

#[test]
fn a_forbidden_network_gets_and_makes_nothing() {
    let gateway = Gateway::start_with(|config, _| {
        config.handset.trusted_proxies = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        config.handset.allowed_networks = ["10.0.2.0/24".parse().unwrap()].into_iter().collect();
        config.scan.enabled = false;
    });
    get_from(&gateway, "10.0.2.1", "/0015654aa937.cfg");
    gateway.settle();
    gateway.promote("0015654aa9370");
    assert_eq!(get_from(&gateway, "10.0.2.1", "/0015654aa937.cfg").status, 200);
    let refusal = get_from(&gateway, "10.0.2.1", "/0015654aa938.cfg");
    assert_eq!(refusal.status, 404);
    gateway.settle();
    // A phone's own file, one for anybody, and a MAC that is new.
    for target in ["/0015654aa937.cfg", "/y000000000028.cfg", "/0015654aa939.cfg"] {
        assert_eq!(get_from(&gateway, "198.51.100.1", target), refusal, "{target}");
    }
    assert_eq!(gateway.last_outcome("0015654aa939"), "forbidden_network");
    assert_eq!(macs(&gateway), BTreeSet::from(["0015654aa938".to_owned()]));
}
