//! Recorded boots of real handsets, replayed: who asks is read right from each
//! single request, and a promoted phone gets its files.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use crate::support::Gateway;
use crate::support::http;

#[derive(Deserialize)]
struct Boot {
    id: String,
    mac: Option<String>,
    requests: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    method: String,
    path: String,
    user_agent: Option<String>,
    expect: Expected,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Expected {
    mac: Option<String>,
    port: Option<u16>,
    model: Option<String>,
}

fn boots() -> Vec<Boot> {
    serde_json::from_str(include_str!("traces.json")).expect("the recorded boots are JSON")
}

#[test]
fn each_request_tells_mac_port_and_model() {
    use dialtone::catalogue::{Catalogue, Sources};
    use dialtone::tools::identify::{Input, identify};

    let catalogue = Catalogue::load(&Sources::default()).unwrap();
    let mut wrong = Vec::new();
    for boot in boots() {
        for request in boot.requests {
            let input = Input {
                path: request.path.clone(),
                user_agent: request.user_agent,
                ..Input::default()
            };
            let read = identify(&catalogue, &input);
            let read = Expected { mac: read.mac, port: read.port, model: read.model };
            if read != request.expect {
                wrong.push(format!(
                    "{} {}: {read:?}, not {:?}",
                    boot.id, request.path, request.expect
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A boot before promotion gets refusals and common files; after it, at least one
/// file that names the line. The file a phone cannot do without is its family's
/// matter, so what counts is that its line arrives.
#[test]
fn each_boot_ends_with_the_phones_line_once_it_is_promoted() {
    let gateway =
        Gateway::start_with(|config, _| config.quota.new_macs_per_address_per_hour = 10_000);
    let defaults = json!({ "lines": { "1": {
        "user": "lineuser", "password": "linepassword", "registrar": "sip.example.com",
    } } });
    let values = json!({ "settings": defaults });
    gateway.done(
        "update",
        json!({ "type": "company", "scope": { "company": "default" }, "values": values }),
    );
    for boot in boots() {
        let Some(mac) = &boot.mac else { continue };
        let ask = |recorded: &Recorded| {
            let headers: Vec<(&str, &str)> =
                recorded.user_agent.iter().map(|text| ("User-Agent", text.as_str())).collect();
            http::request(gateway.http(), &recorded.method, &recorded.path, &headers, b"").unwrap()
        };
        // Some MACs boot twice in the recordings, as different models.
        let known: BTreeSet<String> = phones(&gateway, mac);
        for recorded in boot.requests.iter().filter(|_| known.is_empty()) {
            let answer = ask(recorded);
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!text.contains("lineuser"), "{} {}: before promotion", boot.id, recorded.path);
        }
        if known.is_empty() {
            let first = phones(&gateway, mac).into_iter().next();
            gateway.promote(&first.unwrap_or_else(|| panic!("{}: {mac} is not recorded", boot.id)));
        } else {
            continue;
        }
        let got: Vec<(String, u16, bool)> = boot
            .requests
            .iter()
            .map(|recorded| {
                let answer = ask(recorded);
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                (recorded.path.clone(), answer.status, text.contains("lineuser"))
            })
            .chain(named_files(&gateway, mac, boot.requests[0].user_agent.as_deref()))
            .collect();
        assert!(
            got.iter().any(|(_, status, has_line)| *status == 200 && *has_line),
            "{}: {got:?}",
            boot.id
        );
    }
}

/// Polycom's master file names the file with the settings.
fn named_files(
    gateway: &Gateway,
    mac: &str,
    user_agent: Option<&str>,
) -> impl Iterator<Item = (String, u16, bool)> {
    let target = format!("/{mac}-dialtone.cfg");
    let answer = gateway.get(&target, user_agent);
    let has_line = String::from_utf8_lossy(&answer.body).contains("lineuser");
    std::iter::once((target, answer.status, has_line))
}

fn phones(gateway: &Gateway, mac: &str) -> BTreeSet<String> {
    let answer = gateway.done("read", json!({ "type": "phone", "scope": { "mac": mac } }));
    let rows = answer["values"].as_array().expect("a list");
    rows.iter().map(|row| row["phoneid"].as_str().expect("a text").to_owned()).collect()
}
