//! Several listeners for phones, each with terms of its own.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use dialtone::config::Config;
use dialtone::simulator::lab_ca::{CA, LabCa, SERVER, SERVER_KEY};
use rustls::HandshakeKind;
use serde_json::json;

use crate::admission::policy_of;
use crate::authorization::response;
use crate::support::http::{self, Answer};
use crate::support::pki::{Authority, Years};
use crate::support::tls::{self, Identity};
use crate::support::{Gateway, eventually};

const FILE: &str = "/0015654aa937.cfg";
const PHONE: &str = "0015654aa9370";

/// A gateway whose listeners are those of a configuration file, made of its own folder.
pub(crate) fn start(text: impl FnOnce(&Path) -> String) -> Gateway {
    Gateway::start_with(|config, dir| {
        let file = dir.join("listeners.toml");
        fs::write(&file, text(dir)).unwrap();
        let loaded = Config::load(Some(&file), [], Vec::new());
        let (loaded, warnings) = loaded.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(warnings, Vec::<String>::new());
        let certs_dir = config.tls.certs_dir.clone();
        (config.handset, config.tls, config.listeners) =
            (loaded.handset, loaded.tls, loaded.listeners);
        config.tls.certs_dir = certs_dir;
    })
}

/// What is said of the device's requests, the latest of each kind first, without those that were
/// refused before anything was judged.
pub(crate) fn details(gateway: &Gateway, phone: &str) -> Vec<String> {
    let scope = json!({ "mac": phone[..12] });
    let list = gateway.done("requests", json!({ "type": "phone", "scope": scope }));
    let judged = |outcome: &str| ["served", "not_admitted"].contains(&outcome);
    let all = list["values"].as_array().unwrap().iter();
    let such = all.filter(|request| judged(request["outcome"].as_str().unwrap()));
    let mut details: Vec<String> =
        such.map(|request| request["detail"].as_str().unwrap_or_default().to_owned()).collect();
    details.sort();
    details.dedup();
    details
}

/// An authority in a folder of that name, with the certificate that it signed for a gateway.
fn lab(dir: &Path, name: &str) -> LabCa {
    LabCa::create(&dir.join(name), &["127.0.0.1".to_owned()], SystemTime::now()).unwrap()
}

/// A listener that shows the certificate of that lab.
fn shows(dir: &Path, name: &str, lab: &str) -> String {
    let [certificate, key] = [SERVER, SERVER_KEY].map(|file| dir.join(lab).join(file));
    format!(
        "[listener.{name}]\nlisten = [\"127.0.0.1:0\"]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        certificate.display(),
        key.display()
    )
}

fn get(gateway: &Gateway, listener: &str, lab: &str, phone: Option<Identity>) -> Option<u16> {
    let trusted = gateway.dir().join(lab).join(CA);
    let stream = tls::connect(gateway.listener(listener), &trusted, phone)?;
    http::exchange(stream, "GET", FILE, &[], b"").map(|answer| answer.status)
}

const MAKERS: [&str; 2] = ["north", "south"];

/// Listeners of two makers' phones, each with its own certificate, and `mixed`, with the certificate
/// of the first and the phones of the second.
fn two_makers() -> (Gateway, [Authority; 2]) {
    let mut makers = None;
    let gateway = start(|dir| {
        let asks = |maker: &str| {
            let authorities = dir.join(format!("{maker}-root")).join("ca.pem");
            let authorities = authorities.display();
            format!("client_certificates = \"required\"\nclient_ca = \"{authorities}\"\n")
        };
        makers = Some(MAKERS.map(|maker| Authority::root(dir, &format!("{maker} root"))));
        let own = MAKERS.map(|maker| {
            lab(dir, maker);
            shows(dir, maker, maker) + &asks(maker)
        });
        let mixed = shows(dir, "mixed", MAKERS[0]) + &asks(MAKERS[1]);
        format!("[handset]\nhttp = []\nhttps = []\n{}{mixed}", own.concat())
    });
    (gateway, makers.expect("start calls it"))
}

#[test]
fn a_certificate_counts_where_its_authority_does_and_ends_the_handshake_elsewhere() {
    let (gateway, makers) = two_makers();
    for (own, other) in [(0, 1), (1, 0)] {
        let phone = || Some(makers[own].phone("0015654aa937", Years(-1, 1)));
        let (own, other) = (MAKERS[own], MAKERS[other]);
        assert_eq!(get(&gateway, own, own, phone()), Some(404));
        assert_eq!(get(&gateway, other, other, phone()), None, "its authority is not asked there");
        assert_eq!(get(&gateway, own, other, phone()), None, "it shows a certificate of its own");
        assert_eq!(get(&gateway, own, own, None), None);
    }
    eventually("it is listed", || !gateway.inactive().is_empty());
    gateway.promote(PHONE);
    policy_of(&gateway, "default", json!({ "require": ["certificate"] }));
    let phone = makers[1].phone("0015654aa937", Years(-1, 1));
    assert_eq!(get(&gateway, "south", "south", Some(phone)), Some(200));
}

#[test]
fn no_session_is_resumed_at_a_listener_of_other_authorities() {
    let (gateway, makers) = two_makers();
    for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
        let trusted = gateway.dir().join("north").join(CA);
        let phone = makers[0].phone("0015654aa937", Years(-1, 1));
        let client = tls::client_of(&trusted, Some(phone), versions);
        let status = |listener, kind| {
            let stream = tls::connect_with(gateway.listener(listener), client.clone())?;
            assert_eq!(stream.conn.handshake_kind(), Some(kind), "{listener} {versions:?}");
            http::exchange(stream, "GET", FILE, &[], b"").map(|answer| answer.status)
        };
        assert_eq!(status("north", HandshakeKind::Full), Some(404));
        assert_eq!(status("north", HandshakeKind::Resumed), Some(404));
        assert_eq!(status("mixed", HandshakeKind::Full), None);
    }
}

#[test]
fn each_reads_its_own_certificate_again() {
    let gateway = start(|dir| {
        for name in ["one", "other", "next", "last"] {
            lab(dir, name);
        }
        let both = shows(dir, "one", "one") + &shows(dir, "other", "other");
        format!("[handset]\nhttp = []\nhttps = []\n{both}")
    });
    let copy = |from: &str, to: &str| {
        for file in [SERVER, SERVER_KEY] {
            let [from, to] = [from, to].map(|lab| gateway.dir().join(lab).join(file));
            fs::copy(from, to).unwrap();
        }
    };
    let shown = |listener: &str| {
        let all = ["one", "other", "next", "last"].into_iter();
        all.filter(|lab| get(&gateway, listener, lab, None).is_some()).collect::<Vec<_>>()
    };
    assert_eq!([shown("one"), shown("other")], [["one"], ["other"]]);
    copy("next", "one");
    gateway.reload();
    assert_eq!([shown("one"), shown("other")], [["next"], ["other"]]);
    // One that cannot be used keeps no other from being read.
    fs::write(gateway.dir().join("one").join(SERVER), "no certificate").unwrap();
    copy("last", "other");
    gateway.reload();
    assert_eq!([shown("one"), shown("other")], [["next"], ["last"]]);
}

/// A request at that listener: the answer without its nonce, and the nonce.
fn ask(
    gateway: &Gateway,
    listener: &str,
    target: &str,
    authorization: Option<&str>,
) -> (Answer, String) {
    let headers: Vec<_> = authorization.map(|value| ("Authorization", value)).into_iter().collect();
    let address = gateway.listener(listener);
    let mut answer = http::request(address, "GET", target, &headers, b"").unwrap();
    let mut nonce = String::new();
    for (_, value) in answer.headers.iter_mut().filter(|(name, _)| name == "www-authenticate") {
        let (start, rest) = value.split_once("nonce=\"").unwrap();
        let (found, rest) = rest.split_once('"').unwrap();
        nonce = found.to_owned();
        *value = format!("{start}nonce=\"N{rest}");
    }
    gateway.settle();
    (answer, nonce)
}

#[test]
fn whether_a_phone_is_asked_for_credentials_goes_by_the_listener_alone() {
    let plain = |name: &str, challenge: &str| {
        format!(
            "[listener.{name}]\nlisten = [\"127.0.0.1:0\"]\nprotocol = \"http\"\n\
             challenge = \"{challenge}\"\n"
        )
    };
    let gateway = start(|_| {
        let all = [("open", "none"), ("asking", "digest-md5"), ("too", "digest-md5")];
        let all = all.map(|(name, challenge)| plain(name, challenge));
        format!("[handset]\nhttp = []\nhttps = []\n{}", all.concat())
    });
    for (mac, company) in [("0015654aa937", "open"), ("0015654aa93a", "strict")] {
        let values = json!({ "company": company, "name": company });
        gateway.done("create", json!({ "type": "company", "values": values }));
        let credentials = json!({ "provisioning": { "user": "dev", "password": "s3cret" } });
        let values = json!({
            "mac": mac, "company": company, "phone_type": "t46u", "settings": credentials,
        });
        gateway.done("create", json!({ "type": "phone", "values": values }));
    }
    policy_of(&gateway, "strict", json!({ "require": ["token"] }));
    ask(&gateway, "open", "/0015654aa938.cfg", None);
    let refused = ["/0015654aa938.cfg", "/0015654aa939.cfg", "/0015654aa93a.cfg", "/nothing", "/"];
    let (refusal, _) = ask(&gateway, "open", "/0015654aa938.cfg", None);
    let (challenge, _) = ask(&gateway, "asking", "/0015654aa938.cfg", None);
    assert_eq!((refusal.status, challenge.status), (404, 401));
    for target in refused {
        assert_eq!(ask(&gateway, "open", target, None).0, refusal, "{target}");
        for listener in ["asking", "too"] {
            assert_eq!(ask(&gateway, listener, target, None).0, challenge, "{listener} {target}");
        }
    }
    assert_eq!(ask(&gateway, "open", FILE, None).0.status, 200);
    assert_eq!(ask(&gateway, "asking", FILE, None).0, challenge);

    // An answer to a challenge is good once, wherever that was.
    for [made_at, used_at] in [["asking", "too"], ["too", "too"]] {
        let (_, nonce) = ask(&gateway, made_at, FILE, None);
        let proof = response(&nonce, FILE, ["dev", "s3cret"]);
        assert_eq!(ask(&gateway, used_at, FILE, Some(&proof)).0.status, 200);
        for listener in ["asking", "too"] {
            assert_eq!(ask(&gateway, listener, FILE, Some(&proof)).0, challenge, "{listener}");
        }
    }
    // What counts for nothing where it is not asked for is the refusal as well.
    let (_, nonce) = ask(&gateway, "asking", FILE, None);
    let proof = response(&nonce, "/0015654aa93a.cfg", ["dev", "s3cret"]);
    assert_eq!(ask(&gateway, "open", "/0015654aa93a.cfg", Some(&proof)).0, refusal);
}

#[test]
fn a_proxy_is_believed_at_its_listener_alone() {
    let gateway = start(|_| {
        let listener = |name: &str| {
            format!("[listener.{name}]\nlisten = \"127.0.0.1:0\"\nprotocol = \"http\"\n")
        };
        let behind = listener("behind") + "trusted_proxies = [\"127.0.0.1\"]\n";
        format!("[handset]\nhttp = []\nhttps = []\n{}{behind}", listener("direct"))
    });
    for (listener, target, address) in [
        ("direct", "/0015654aa937.cfg", "127.0.0.1"),
        ("behind", "/0015654aa938.cfg", "198.51.100.7"),
    ] {
        let headers = [("X-Forwarded-For", "198.51.100.7")];
        http::request(gateway.listener(listener), "GET", target, &headers, b"").unwrap();
        gateway.settle();
        let seen = gateway.phone(&format!("{}0", &target[1..13]));
        assert_eq!(seen["sighting"]["address"], address, "{listener}");
    }
}

#[test]
fn operators_are_told_of_each_by_its_name() {
    let gateway = start(|_| {
        "[listener.old-phones]\nlisten = \"127.0.0.1:0\"\nprotocol = \"http\"\n\
         [handset]\nhttp = []\nhttps = \"127.0.0.1:0\"\n"
            .to_owned()
    });
    let ready = http::get(gateway.admin(), "/ready", None);
    let state: serde_json::Value = serde_json::from_slice(&ready.body).unwrap();
    let expected = json!({
        format!("https {}", gateway.https()): "up",
        format!("http {} (old-phones)", gateway.listener("old-phones")): "up",
        format!("admin {}", gateway.admin()): "up",
    });
    assert_eq!(state["listeners"], expected);
}

#[test]
fn the_example_of_the_paper_can_be_read() {
    let [text] = &crate::papers::examples("docs/admission.md", "toml")[..] else { panic!() };
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let (config, warnings) = Config::load(Some(file.path()), [], Vec::new()).unwrap();
    assert_eq!((config.listeners.len(), warnings), (2, Vec::new()));
}
