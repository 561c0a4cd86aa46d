//! That what looks for secrets in all that a gateway says finds them.

use serde_json::json;

use crate::support::Gateway;
use crate::support::canary::learn;

#[test]
#[should_panic(expected = "tells the secret \"planted in a list\"")]
fn a_secret_in_a_list_is_found() {
    let gateway = Gateway::start();
    learn("planted in a list");
    gateway.get("/0015654aa937.cfg", Some("Yealink planted in a list"));
    gateway.settle();
}

#[test]
#[should_panic(expected = "the log tells the secret")]
fn a_secret_in_the_log_is_found() {
    let _gateway = Gateway::start();
    // Each line says which part of the program writes it.
    learn("dialtone::");
}

#[test]
#[should_panic(expected = "the answer to /rest/dialplan/update tells the secret")]
fn a_secret_in_an_error_is_found() {
    let gateway = Gateway::start();
    learn("planted_in_an_error");
    let values = json!({ "settings": { "planted_in_an_error": 1 } });
    gateway.ask("update", json!({ "type": "settings", "values": values }));
}
