//! The disk of the database server is full: of its tables, or of its log, for which it ends.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http;
use crate::support::postgres::{Cluster, SmallDisk};
use crate::support::view::view;
use crate::support::{Gateway, eventually};

const ACTIVE: &str = "0015654aa001";

fn start(url: &str) -> Gateway {
    let gateway = Gateway::start_with(|config, _| config.store.url = url.parse().unwrap());
    gateway.get(&format!("/{ACTIVE}.cfg"), None);
    gateway.promote(&format!("{ACTIVE}0"));
    gateway
}

fn status(gateway: &Gateway) -> u16 {
    http::get(gateway.http(), &format!("/{ACTIVE}.cfg"), None).status
}

fn ready(gateway: &Gateway) -> u16 {
    http::get(gateway.admin(), "/ready", None).status
}

/// A change that wants room for itself: some KB that cannot be packed.
fn large(number: usize) -> Value {
    let label = |key: usize| format!("{:x}", (number * 7919 + key * 104_729) * 2_654_435_761);
    let keys: serde_json::Map<String, Value> = (1..=20)
        .map(|key| {
            (
                key.to_string(),
                json!({ "type": "speed_dial", "value": label(key), "label": label(key + 50) }),
            )
        })
        .collect();
    json!({
        "type": "company",
        "values": { "company": format!("company{number}"), "settings": { "keys": keys } },
    })
}

/// Makes companies until one is refused; how many were made, and what was said.
fn make_companies(gateway: &Gateway, first: usize) -> (usize, Value) {
    for number in first..first + 2000 {
        let answer = gateway.ask("create", large(number));
        if answer["result"] != "success" {
            return (number, answer["message"].clone());
        }
    }
    panic!("all of it fits");
}

/// All that was acknowledged is there, once, and a gateway that starts now has the same.
fn check(gateway: &Gateway, url: &str, companies: usize) {
    let fresh = Gateway::start_with(|config, _| config.store.url = url.parse().unwrap());
    let [own, new] = [gateway, &fresh].map(|one| view((one.http(), one.admin()), gateway.key()));
    assert_eq!(own, new);
    let read = gateway.done("read", json!({ "type": "company" }));
    let names: Vec<&str> = read["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["company"].as_str().unwrap())
        .collect();
    for number in 0..companies {
        assert!(names.contains(&format!("company{number}").as_str()), "{number} was acknowledged");
    }
    assert_eq!(names.len(), companies + 1, "and `default`: {names:?}");
}

#[test]
fn while_the_tables_have_no_room_changes_are_refused_and_phones_boot() {
    let Some(disk) = SmallDisk::mount(24) else { return };
    let server = Cluster::start("");
    let url = server.database_on(&disk);
    let gateway = start(&url);
    disk.fill();
    let (made, said) = make_companies(&gateway, 0);
    assert_eq!(said, "The store is full; nothing was changed");
    assert_eq!((status(&gateway), ready(&gateway)), (200, 503));
    // Not only until somebody asks once more: what looks once a second wants room, too.
    let asked = Instant::now();
    while asked.elapsed() < Duration::from_millis(2500) {
        assert_eq!((status(&gateway), ready(&gateway)), (200, 503));
    }
    disk.make_room();
    eventually("it is ready", || ready(&gateway) == 200);
    let (answer, number) = (gateway.ask("create", large(made)), made + 1);
    assert_eq!(answer["result"], "success", "{answer}");
    check(&gateway, &url, number);
}

#[test]
fn a_server_that_ends_for_want_of_room_for_its_log_loses_nothing() {
    let Some(disk) = SmallDisk::mount(24) else { return };
    let mut server = Cluster::start_with_log_on(&disk);
    let url = server.database();
    let gateway = start(&url);
    disk.fill();
    let (mut made, said) = make_companies(&gateway, 0);
    server.wait_for_end();
    println!("{made} companies, then: {said}");
    assert_eq!((status(&gateway), ready(&gateway)), (200, 503));
    disk.make_room();
    server.resume();
    let back = Instant::now();
    // The one that was under way may have been made.
    eventually("commands work", || {
        let answer = gateway.ask("create", large(made));
        let is_there = answer["message"].as_str().is_some_and(|said| said.contains("already"));
        answer["result"] == "success" || is_there
    });
    assert!(back.elapsed() < Duration::from_secs(10), "{:?}", back.elapsed());
    made += 1;
    assert_eq!(status(&gateway), 200);
    eventually("it is ready", || ready(&gateway) == 200);
    check(&gateway, &url, made);
}
