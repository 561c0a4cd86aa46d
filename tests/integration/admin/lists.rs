//! The lists of the published API: inactive, active, readtypes.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use super::gateway::{Gateway, JSON, fail};
use crate::support::http;

#[test]
fn rows_have_exactly_the_documented_keys() {
    let gateway = Gateway::base();
    let (inactive, active) = gateway.lists();
    assert_eq!(
        inactive["values"][0],
        json!({
            "phoneid": "0123456789ab0", "phone_type": "snom320", "type": "Snom 320",
            "created": 1_500_000_000, "strength": "assumed", "told_by": "nothing",
        })
    );
    assert_eq!(
        active["values"][0],
        json!({
            "phoneid": "0004131111110", "phone_type": "snom320-1",
            "type": "Snom 320 with 1 expansion module", "created": 1_400_000_000,
            "company": "default",
        })
    );
}

#[test]
fn rows_come_in_order_of_created_mac_and_port_with_two_digits() {
    let gateway = Gateway::base();
    let (inactive, _) = gateway.lists();
    let ids: Vec<&str> = inactive["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["phoneid"].as_str().unwrap())
        .collect();
    assert_eq!(ids[..3], ["0123456789ab0", "00049f0000010", "00049f0000011"]);
    assert_eq!(ids[11..], ["00087b0a0b0c8", "00087b0a0b0c9", "00087b0a0b0c10", "00087b0a0b0c11"]);
}

#[test]
fn inactive_ignores_scope_columns_and_order() {
    let gateway = Gateway::base();
    for body in [
        json!({ "scope": { "company": "nosuch" } }),
        json!({ "scope": "nonsense", "columns": 5, "order": [] }),
    ] {
        assert_eq!(gateway.done("inactive/phone", body)["numrows"], 15);
    }
}

#[test]
fn active_filters_by_company() {
    let gateway = Gateway::base();
    let numrows = |company: Value| {
        gateway.done("active/phone", json!({ "scope": { "company": company } }))["numrows"].clone()
    };
    assert_eq!(numrows(json!("bcompany")), 3);
    assert_eq!(numrows(json!(["bcompany"])), 3);
    assert_eq!(numrows(json!(["acompany", "acompany", "default"])), 3);
    assert_eq!(numrows(json!("ccompany")), 0);
    assert_eq!(numrows(json!([])), 0);
    assert_eq!(numrows(json!("")), 6);
    assert_eq!(numrows(json!(null)), 6);
    assert_eq!(gateway.done("active/phone", json!({ "scope": [] }))["numrows"], 6, "PHP's {{}}");
}

#[test]
fn active_fails_for_what_is_no_company() {
    let gateway = Gateway::base();
    for company in [json!("nosuch"), json!("Acompany"), json!(["acompany", "nosuch"]), json!([""])]
    {
        let body = json!({ "scope": { "company": company } });
        assert_eq!(gateway.ask("sysadmin", "active/phone", body), fail("No such company"));
    }
    for company in [json!(5), json!({}), json!(["acompany", 5])] {
        let body = json!({ "scope": { "company": company } });
        let message = "company: must be a string or a list of strings";
        assert_eq!(gateway.ask("sysadmin", "active/phone", body), fail(message));
    }
    let body = json!({ "scope": "acompany" });
    assert_eq!(gateway.ask("sysadmin", "active/phone", body), fail("scope: must be an object"));
}

#[test]
fn readtypes_is_sorted_and_names_key_group_and_description() {
    let gateway = Gateway::base();
    let types = gateway.done("readtypes/phone", json!({}));
    assert_eq!(types["numrows"], 5);
    let keys: Vec<&str> = types["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let names: Vec<&String> = row.as_object().unwrap().keys().collect();
            assert_eq!(names, ["phone_type", "pgroup", "description"]);
            row["phone_type"].as_str().unwrap()
        })
        .collect();
    assert_eq!(keys, ["ip450", "kws300", "pap2t", "snom320", "snom320-1"]);
}

#[test]
fn a_type_the_catalogue_does_not_have_shows_its_key() {
    let document = json!({
        "version": 2,
        "users": [{ "login": "root", "role": "System-Admin", "key": "KEY-sysadmin" }],
        "devices": [{ "mac": "000413000001", "phone_type": "newYeaVP2009", "ports": [{ "port": 0 }] }],
    });
    let gateway = Gateway::with_document(&serde_json::to_vec(&document).unwrap());
    let (inactive, _) = gateway.lists();
    let row = &inactive["values"][0];
    assert_eq!(
        (&row["phone_type"], &row["type"]),
        (&json!("newYeaVP2009"), &json!("newYeaVP2009"))
    );
}

/// A gateway with `devices` inactive devices of 100 phones each.
fn crowded(devices: usize) -> Gateway {
    // The longest type there can be, so that few phones make a long list.
    let phone_type = "x".repeat(64);
    let ports: Vec<Value> = (0..100).map(|port| json!({ "port": port, "created": 5 })).collect();
    let device =
        |at| json!({ "mac": format!("{at:012x}"), "phone_type": phone_type, "ports": ports });
    let document = json!({
        "version": 2,
        "users": [{ "login": "root", "role": "System-Admin", "key": "KEY-sysadmin" }],
        "devices": (1..=devices).map(device).collect::<Vec<_>>(),
    });
    Gateway::with_document(&serde_json::to_vec(&document).unwrap())
}

fn inactive() -> String {
    json!({ "auth": { "type": "auth", "key": "KEY-sysadmin" } }).to_string()
}

#[test]
fn a_long_list_comes_in_parts_and_has_every_phone_once() {
    let gateway = crowded(50);
    let answer = gateway.send("POST", "/rest/dialplan/inactive/phone", &[JSON], inactive());
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.header("content-length"), None);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let (text, chunks) = http::unchunked(&answer.body);
    assert!(chunks > 5, "{chunks} chunks of {} bytes", text.len());
    let list: Value = serde_json::from_slice(&text).unwrap();
    let names: Vec<&String> = list.as_object().unwrap().keys().collect();
    assert_eq!(names, ["result", "values", "numrows"]);
    assert_eq!(list["numrows"], 5000);
    let rows = list["values"].as_array().unwrap();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row["phoneid"].as_str().unwrap()).collect();
    assert_eq!((rows.len(), ids.len()), (5000, 5000));
}

#[test]
fn a_list_of_a_thousand_comes_whole() {
    let gateway = crowded(10);
    let answer = gateway.send("POST", "/rest/dialplan/inactive/phone", &[JSON], inactive());
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    let list: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(list["numrows"], 1000);
}

/// Asks for the inactive phones and reads the beginning of the answer.
fn begun(gateway: &Gateway) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // The kernel must not take the whole list for a reader that stalls.
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&gateway.address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let body = inactive();
    let head = "POST /rest/dialplan/inactive/phone HTTP/1.1\r\nHost: gateway\r\n";
    let request = format!(
        "{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut begin = [0; 15];
    stream.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK");
    stream
}

#[test]
fn readers_that_stall_wait_for_themselves_and_for_nobody_else() {
    let gateway = crowded(400);
    let stalled: Vec<TcpStream> = (0..4).map(|_| begun(&gateway)).collect();
    let too_many = "Too many lists are still being sent: read those you asked for to their end";
    let refused = gateway.send("POST", "/rest/dialplan/inactive/phone", &[JSON], inactive());
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("5")));
    assert_eq!(serde_json::from_slice::<Value>(&refused.body).unwrap(), fail(too_many));
    let other = json!({ "login": "other", "role": "System-Admin", "key": true });
    let key = gateway.done("create/user", json!({ "values": other }))["key"].clone();
    let body = json!({ "auth": { "type": "auth", "key": key } }).to_string();
    let answer = gateway.send("POST", "/rest/dialplan/inactive/phone", &[JSON], body);
    let (text, _) = http::unchunked(&answer.body);
    assert!(text.ends_with(br#"],"numrows":40000}"#));
    drop(stalled);
}

#[test]
fn readers_that_go_away_in_the_middle_give_others_their_turn() {
    let gateway = crowded(400);
    for _ in 0..2 {
        // A user has four at a time: a fifth is begun when these are given up.
        let stalled: Vec<TcpStream> = (0..4).map(|_| begun(&gateway)).collect();
        drop(stalled);
    }
    let answer = gateway.send("POST", "/rest/dialplan/inactive/phone", &[JSON], inactive());
    let (text, _) = http::unchunked(&answer.body);
    assert!(text.ends_with(br#"],"numrows":40000}"#));
}
