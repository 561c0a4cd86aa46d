//! Operators who show a certificate, and who shows none.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dialtone::net::tls::{ClientCertificates, PairFiles};
use dialtone::simulator::lab_ca::{CA, LabCa, SERVER, SERVER_KEY};
use serde_json::{Value, json};

use super::gateway::{JSON, fail, read};
use crate::support::Gateway;
use crate::support::http::exchange;
use crate::support::process::command;
use crate::support::tls::{self, Identity};

/// The authority writes MAC addresses as common names: a login like any other.
const LOGIN: &str = "0015654AA937";

struct Lab {
    gateway: Gateway,
    ca: LabCa,
}

impl Lab {
    fn start(clients: fn(std::path::PathBuf) -> ClientCertificates, login: bool) -> Lab {
        let mut ca = None;
        let gateway = Gateway::start_with(|config, dir| {
            let lab = dir.join("lab");
            ca = LabCa::create(&lab, &["127.0.0.1".to_owned()], SystemTime::now()).ok();
            let pair = PairFiles { certificate: lab.join(SERVER), key: lab.join(SERVER_KEY) };
            config.admin.pairs = vec![pair];
            config.admin.clients = clients(lab.join(CA));
            config.admin.certificate_login = login;
        });
        Lab { gateway, ca: ca.expect("an authority can be made") }
    }

    fn identity(&self) -> Option<Identity> {
        self.ca.phone("0015654aa937".parse().unwrap()).ok()
    }

    /// `None`: there is no handshake.
    fn ask(
        &self,
        identity: Option<Identity>,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Option<Value> {
        let authority = self.gateway.dir().join("lab").join(CA);
        let stream = tls::connect(self.gateway.admin(), &authority, identity)?;
        let mut all = vec![JSON];
        all.extend(headers);
        let answer = exchange(stream, "POST", path, &all, body.to_string().as_bytes())?;
        Some(read(&answer))
    }

    fn by_key(&self, identity: Option<Identity>, command: &str, mut body: Value) -> Option<Value> {
        body["auth"] = json!({ "type": "auth", "key": self.gateway.key() });
        self.ask(identity, &format!("/rest/dialplan/{command}"), &[], &body)
    }

    fn create_user(&self) {
        let values = json!({ "login": LOGIN, "role": "Company-Admin", "companies": ["default"] });
        let made = self.by_key(self.identity(), "create/user", json!({ "values": values }));
        assert_eq!(made.unwrap()["result"], "success");
    }
}

#[test]
fn where_one_is_required_nobody_without_one_gets_to_the_login() {
    let lab = Lab::start(|authorities| ClientCertificates::Required { authorities }, false);
    let body = json!({});
    assert_eq!(lab.by_key(None, "read/user", body.clone()), None, "not with the right key");
    let stranger = tempfile::TempDir::new().unwrap();
    let other = LabCa::create(stranger.path(), &[], SystemTime::now()).unwrap();
    let other = other.phone("0015654aa937".parse().unwrap()).ok();
    assert_eq!(lab.by_key(other, "read/user", body.clone()), None, "of another authority");

    lab.create_user();
    let nobody = lab.ask(lab.identity(), "/rest/dialplan/inactive/phone", &[], &body);
    assert_eq!(nobody.unwrap(), fail("Not logged in"), "the login is needed as before");
    assert_eq!(lab.by_key(lab.identity(), "read/user", body).unwrap()["numrows"], 2);
}

#[test]
fn a_certificate_signs_its_user_in_where_that_is_said_and_no_page_of_elsewhere() {
    let lab = Lab::start(|authorities| ClientCertificates::Optional { authorities }, true);
    let inactive = "/rest/dialplan/inactive/phone";
    let ask = |headers: &[(&str, &str)], body: Value| {
        lab.ask(lab.identity(), inactive, headers, &body).unwrap()
    };
    assert_eq!(ask(&[], json!({})), fail("Not logged in"), "there is no such user");
    lab.create_user();
    assert_eq!(ask(&[], json!({}))["result"], "success");
    let users = lab.ask(lab.identity(), "/rest/dialplan/read/user", &[], &json!({})).unwrap();
    assert_eq!(users, fail("Permission denied"), "it is the user's role that counts");
    assert_eq!(lab.ask(None, inactive, &[], &json!({})).unwrap(), fail("Not logged in"));

    for foreign in [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
        let answer = ask(&[foreign], json!({}));
        assert!(answer["message"].as_str().unwrap().starts_with("Not logged in: a page of"));
    }
    for wrong in [
        json!({ "type": "auth", "key": "wrong" }),
        json!({ "type": "auth", "username": LOGIN, "password": "" }),
    ] {
        assert_eq!(ask(&[], json!({ "auth": wrong })), fail("Login incorrect."), "no way back");
    }
    let wrong = [("Authorization", "Bearer wrong")];
    assert_eq!(ask(&wrong, json!({})), fail("Login incorrect."));

    let me = lab.ask(lab.identity(), "/rest/auth", &[], &json!({})).unwrap();
    assert_eq!((&me["user"]["login"], &me["user"]["session"]), (&json!(LOGIN), &Value::Null));
    let events = lab.by_key(None, "events/user", json!({})).unwrap();
    assert_eq!(events["values"][0]["action"], "login");
    assert_eq!(events["values"][0]["after"], json!({ "by": "certificate" }));

    let scope = json!({ "scope": { "login": LOGIN } });
    assert_eq!(lab.by_key(None, "delete/user", scope).unwrap()["result"], "success");
    assert_eq!(ask(&[], json!({})), fail("Not logged in"), "a user who is gone");
}

#[test]
fn the_command_shows_a_certificate_and_needs_no_key_then() {
    let lab = Lab::start(|authorities| ClientCertificates::Required { authorities }, true);
    lab.create_user();
    let dir = lab.gateway.dir();
    let (chain, key) = lab.identity().unwrap();
    let chain = chain.iter().map(|der| pem("CERTIFICATE", der)).collect::<String>();
    fs::write(dir.join("own.pem"), chain).unwrap();
    fs::write(dir.join("own.key"), pem("PRIVATE KEY", key.secret_der())).unwrap();
    let run = |dir: &Path, more: &str| {
        let url = format!("https://{}", lab.gateway.admin());
        command(dir, &format!("phone inactive --url {url} --ca lab/{CA} {more}")).output().unwrap()
    };
    let with = run(dir, "--client-certificate own.pem --client-key own.key");
    assert!(with.status.success(), "{}", String::from_utf8_lossy(&with.stderr));
    let without = run(dir, "");
    assert!(!without.status.success());
    let half = run(dir, "--client-certificate own.pem");
    assert!(String::from_utf8_lossy(&half.stderr).contains("go together"));
}

fn pem(label: &str, der: &[u8]) -> String {
    let lines: Vec<String> = STANDARD
        .encode(der)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
