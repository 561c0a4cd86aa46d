//! What a gateway has in memory, as far as its operators and phones can see it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::gateway::call;
use super::http;

/// A command with `key`; the whole answer.
pub(crate) fn ask(admin: SocketAddr, key: &str, verb: &str, mut body: Value) -> Value {
    body["auth"] = json!({ "type": "auth", "key": key });
    call(admin, verb, &body)
}

/// A registry as one gateway has it.
#[derive(Debug, PartialEq)]
pub(crate) struct View {
    /// The answers to the commands that read it, by command.
    lists: BTreeMap<String, Value>,
    /// What each active phone gets.
    files: BTreeMap<String, (u16, Vec<u8>)>,
}

/// All of it. The files are those that phones of Yealink ask for.
pub(crate) fn view((http, admin): (SocketAddr, SocketAddr), key: &str) -> View {
    let mut lists = BTreeMap::new();
    for (verb, of) in [
        ("active", "phone"),
        ("inactive", "phone"),
        ("read", "company"),
        ("read", "user"),
        ("read", "settings"),
    ] {
        let mut answer = ask(admin, key, verb, json!({ "type": of }));
        assert_eq!(answer["result"], "success", "{verb} {of}: {answer}");
        lists.insert(format!("{verb} {of}"), answer["values"].take());
    }
    let active = lists["active phone"].as_array().expect("a list");
    let macs = active.iter().map(|row| row["phoneid"].as_str().expect("a name")[..12].to_owned());
    let file = |mac: String| {
        let answer = http::get(http, &format!("/{mac}.cfg"), None);
        (mac, (answer.status, answer.body))
    };
    let files = macs.map(file).collect();
    View { lists, files }
}
