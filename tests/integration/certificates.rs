//! Certificates of phones, and the change of the gateway's own.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dialtone::net::tls::{ClientCertificates, ExpiredCertificates, PairFiles};
use dialtone::simulator::lab_ca::{CA, LabCa, SERVER, SERVER_KEY};
use rustls::HandshakeKind;
use serde_json::json;

use crate::support::Gateway;
use crate::support::http::{self, Answer};
use crate::support::pki::{Authority, Years};
use crate::support::tls::{self, Identity};

const FILE: &str = "/0015654aa937.cfg";
const ID: &str = "0015654aa9370";

/// An authority with a certificate for the gateway, in a folder of its own.
fn authority(dir: &Path) -> LabCa {
    LabCa::create(dir, &["127.0.0.1".to_owned()], SystemTime::now()).unwrap()
}

fn gateway(clients: fn(PathBuf) -> ClientCertificates) -> (Gateway, LabCa) {
    let mut ca = None;
    let gateway = Gateway::start_with(|config, dir| {
        let lab = dir.join("lab");
        ca = Some(authority(&lab));
        config.tls.pairs =
            vec![PairFiles { certificate: lab.join(SERVER), key: lab.join(SERVER_KEY) }];
        config.tls.clients = clients(lab.join(CA));
    });
    (gateway, ca.expect("start_with calls it"))
}

fn get(gateway: &Gateway, authority: &Path, identity: Option<Identity>) -> Option<Answer> {
    let address: SocketAddr = gateway.https();
    let stream = tls::connect(address, authority, identity)?;
    http::exchange(stream, "GET", FILE, &[], b"")
}

#[test]
fn the_name_in_a_phones_certificate_is_on_record() {
    let (gateway, ca) = gateway(|authorities| ClientCertificates::Optional { authorities });
    let lab = gateway.dir().join("lab");
    let identity = ca.phone("0015654aa937".parse().unwrap()).unwrap();
    assert_eq!(get(&gateway, &lab.join(CA), Some(identity)).unwrap().status, 404);
    assert_eq!(gateway.phone(ID)["sighting"]["certificate"], "0015654AA937");

    assert_eq!(gateway.get("/0015654aa938.cfg", None).status, 404);
    assert!(gateway.phone("0015654aa9380")["sighting"]["certificate"].is_null());
}

#[test]
fn a_certificate_of_another_phone_opens_nothing() {
    let (gateway, ca) = gateway(|authorities| ClientCertificates::Optional { authorities });
    let authority = gateway.dir().join("lab").join(CA);
    let other = || ca.phone("0015654aa938".parse().unwrap()).ok();
    let refusal = get(&gateway, &authority, other()).unwrap();
    assert_eq!(gateway.inactive(), [], "nothing is recorded in another's name");

    gateway.get(FILE, None);
    gateway.promote(ID);
    assert_eq!(get(&gateway, &authority, other()).unwrap(), refusal);
    assert_eq!(gateway.last_outcome("0015654aa937"), "certificate_of_another");
    let own = ca.phone("0015654aa937".parse().unwrap()).unwrap();
    assert_eq!(get(&gateway, &authority, Some(own)).unwrap().status, 200);
}

#[test]
fn one_of_an_unknown_authority_does_not_come_through() {
    let (gateway, _) = gateway(|authorities| ClientCertificates::Optional { authorities });
    let stranger = authority(&gateway.dir().join("stranger"));
    let identity = stranger.phone("0015654aa937".parse().unwrap()).unwrap();
    assert_eq!(get(&gateway, &gateway.dir().join("lab").join(CA), Some(identity)), None);
    assert_eq!(gateway.inactive(), []);
}

#[test]
fn where_one_is_required_a_phone_without_is_not_heard() {
    let (gateway, ca) = gateway(|authorities| ClientCertificates::Required { authorities });
    let lab = gateway.dir().join("lab");
    assert_eq!(get(&gateway, &lab.join(CA), None), None);
    assert_eq!(gateway.inactive(), []);
    let identity = ca.phone("0015654aa937".parse().unwrap()).unwrap();
    assert_eq!(get(&gateway, &lab.join(CA), Some(identity)).unwrap().status, 404);
    assert_eq!(gateway.inactive().len(), 1);
}

#[test]
fn a_reload_takes_a_good_certificate_and_keeps_the_old_one_over_a_bad() {
    let (gateway, _) = gateway(|_| ClientCertificates::Off);
    let (lab, next) = (gateway.dir().join("lab"), gateway.dir().join("next"));
    authority(&next);
    let trusts = |dir: &Path| get(&gateway, &dir.join(CA), None).is_some();
    assert!(trusts(&lab) && !trusts(&next));

    fs::write(lab.join(SERVER), "-----BEGIN CERTIFICATE-----\nno\n").unwrap();
    gateway.reload();
    assert!(trusts(&lab), "a file that cannot be read changes nothing");
    fs::copy(next.join(SERVER), lab.join(SERVER)).unwrap();
    gateway.reload();
    assert!(trusts(&lab), "nor does a certificate without its key");
    fs::copy(next.join(SERVER_KEY), lab.join(SERVER_KEY)).unwrap();
    gateway.reload();
    assert!(trusts(&next) && !trusts(&lab));
}

/// A gateway that asks for certificates of authorities that `make` makes in a folder of theirs, and
/// where the gateway's own authority is. The phone of [`FILE`] is active, and nothing but its
/// certificate is proof.
fn gateway_for<T>(
    expired: ExpiredCertificates,
    make: impl FnOnce(&Path) -> (String, T),
) -> (Gateway, PathBuf, T) {
    let mut made = None;
    let gateway = Gateway::start_with(|config, dir| {
        let lab = dir.join("lab");
        authority(&lab);
        let (authorities, others) = make(dir);
        fs::write(dir.join("phones.pem"), authorities).unwrap();
        config.tls.pairs =
            vec![PairFiles { certificate: lab.join(SERVER), key: lab.join(SERVER_KEY) }];
        config.tls.clients = ClientCertificates::Required { authorities: dir.join("phones.pem") };
        config.tls.expired_clients = expired;
        made = Some(others);
    });
    gateway.get(FILE, None);
    gateway.promote(ID);
    let settings = json!({ "admission": { "mode": "enforce", "require": ["certificate"] } });
    let (scope, values) = (json!({ "company": "default" }), json!({ "settings": settings }));
    gateway.done("update", json!({ "type": "company", "scope": scope, "values": values }));
    let trusted = gateway.dir().join("lab").join(CA);
    (gateway, trusted, made.expect("start_with calls it"))
}

#[test]
fn a_phones_certificate_opens_its_own_files_wherever_its_maker_writes_the_mac() {
    let issuers = [
        "Yealink Equipment Issuing CA",
        "Sipura CA",
        "Cisco Manufacturing CA SHA2",
        "Acme Phones CA",
    ];
    let (gateway, trusted, authorities) = gateway_for(ExpiredCertificates::Refuse, |dir| {
        let all = issuers.map(|name| Authority::root(dir, name));
        (all.iter().map(Authority::pem).collect(), all)
    });
    let [yealink, sipura, cisco, acme] = authorities;
    let refusal = gateway.get("/0015654aa999.cfg", None);
    let spa = |mac: &str| {
        format!(
            "/C=US/ST={mac}/L=88012BA01234/O=Cisco Systems, Inc./OU=cisco.com\
             /CN=SPA-525G2, MAC: {mac}, Serial: CBT153908BX/emailAddress=linksys-certadmin@cisco.com"
        )
    };
    let is_served = |identity: Identity, what: &str| {
        let answer = get(&gateway, &trusted, Some(identity)).expect("its authority is known");
        assert!(answer == refusal || answer.status == 200, "{what}: {answer:?}");
        answer.status == 200
    };
    for (authority, subject, san) in [
        (&yealink, "/CN=0015654aa938", None),
        (&sipura, &*spa("0015654AA938"), None),
        (&cisco, "/CN=CP-8841-SEP0015654AA938", None),
        (&acme, "/CN=0015654aa938", None),
        (&acme, "/CN=desk", Some("DNS:0015654aa938")),
        // Two of them.
        (&yealink, "/CN=0015654aa937/CN=0015654aa938", None),
        (&yealink, "/CN=0015654aa937", Some("DNS:0015654aa938")),
        (&sipura, "/ST=0015654aa937/CN=SPA-962, MAC: 0015654AA938, Serial: X", None),
        (&acme, "/CN=0015654aa937", Some("DNS:0015654aa938")),
    ] {
        assert!(!is_served(authority.openssl(subject, san), subject), "{subject}");
        assert_eq!(gateway.last_outcome("0015654aa937"), "certificate_of_another", "{subject}");
    }
    // None: it came through where one is required, and is of no phone.
    for (authority, subject, san) in [
        (&yealink, "/CN=phone-0015654aa937", None),
        (&yealink, "/CN=0015654aa937.example.com", None),
        (&yealink, "/serialNumber=0015654aa937", None),
        (&yealink, "/CN=0015654aa937/CN=phone", None),
        (&sipura, "/OU=cisco.com/L=ciscogeneric/ST=ciscogeneric", None),
        (&sipura, "/OU=SPA-962/L=0015654aa937/ST=California", None),
        (&sipura, "/CN=0015654aa937", None),
        (&cisco, "/C=US/ST=California/L=San Jose/O=Cisco Systems/CN=AP1G4-0015654AA937", None),
        (&acme, "/CN=desk", Some("DNS:0015654aa937.acme.example")),
        (&acme, "/CN=desk", None),
    ] {
        assert!(!is_served(authority.openssl(subject, san), subject), "{subject}");
        assert_eq!(gateway.last_outcome("0015654aa937"), "not_admitted", "{subject}");
    }
    for (authority, subject, san) in [
        (&yealink, "/CN=0015654aa937", None),
        (&yealink, "/C=CN/O=Yealink, Inc./CN=0015654AA937", None),
        (&sipura, &*spa("0015654AA937"), None),
        (&sipura, "/OU=SPA-962/L=88012BA01234/ST=0015654aa937", None),
        (&cisco, "/O=Cisco Systems Inc./CN=CP-8841-SEP0015654AA937/serialNumber=PID:CP-8841", None),
        (&acme, "/CN=00-15-65-4A-A9-37", None),
        (&acme, "/CN=desk", Some("DNS:0015654aa937")),
    ] {
        assert!(is_served(authority.openssl(subject, san), subject), "{subject}");
    }
}

#[test]
fn one_that_has_expired_comes_through_where_that_is_said_and_its_authority_is_known() {
    for expired in [ExpiredCertificates::Refuse, ExpiredCertificates::Accept] {
        let (gateway, trusted, (maker, short)) = gateway_for(expired, |dir| {
            let maker = Authority::root(dir, "Yealink Root CA");
            // It is over, too, and began before what it signed, or ended after it.
            let short = [Years(-12, -7), Years(-8, -4)];
            let short = short.map(|valid| maker.between(&format!("Yealink CA {}", valid.0), valid));
            (maker.pem(), (maker, short))
        });
        let ask = |identity: Identity| get(&gateway, &trusted, Some(identity));
        let [old, new] = &short;
        let is_accepted = expired == ExpiredCertificates::Accept;
        for identity in [
            maker.phone("0015654aa937", Years(-10, -1)),
            old.phone("0015654aa937", Years(-11, -5)),
            new.phone("0015654aa937", Years(-9, -5)),
        ] {
            let served = ask(identity).map(|answer| answer.status);
            assert_eq!(served, is_accepted.then_some(200), "{expired:?}");
        }
        // As ever.
        assert_eq!(ask(maker.phone("0015654aa937", Years(-1, 1))).unwrap().status, 200);
        if is_accepted {
            assert_eq!(ask(maker.phone("0015654aa938", Years(-10, -1))).unwrap().status, 404);
        }
        for (identity, why) in [
            (maker.phone("0015654aa937", Years(1, 2)), "it is of the future"),
            (old.phone("0015654aa937", Years(-6, -5)), "its authority was over"),
            (new.phone("0015654aa937", Years(-9, 1)), "only its authority is"),
        ] {
            assert_eq!(ask(identity), None, "{why}");
        }
        let stranger = Authority::root(&gateway.dir().join("stranger"), "Yealink Root CA");
        assert_eq!(ask(stranger.phone("0015654aa937", Years(-10, -1))), None);
        let beneath = stranger.between("Yealink CA -12", Years(-12, -7));
        assert_eq!(ask(beneath.phone("0015654aa937", Years(-11, -8))), None);
    }
}

#[test]
fn a_company_may_refuse_one_that_has_expired_and_was_let_through() {
    let (gateway, trusted, maker) = gateway_for(ExpiredCertificates::Accept, |dir| {
        let maker = Authority::root(dir, "Yealink Root CA");
        (maker.pem(), maker)
    });
    let ask = |valid| {
        let identity = maker.phone("0015654aa937", valid);
        get(&gateway, &trusted, Some(identity)).unwrap().status
    };
    let (old, good) = (Years(-10, -1), Years(-1, 1));
    assert_eq!(ask(old), 200, "as long as nobody says otherwise");
    let say = |level: &str, word: &str| {
        let scope = match level {
            "settings" => json!({}),
            _ => json!({ "company": "default" }),
        };
        let values = json!({ "settings": { "admission": { "expired_certificates": word } } });
        gateway.done("update", json!({ "type": level, "scope": scope, "values": values }));
    };
    say("settings", "refuse");
    assert_eq!([ask(old), ask(good)], [404, 200]);
    let scope = json!({ "mac": &ID[..12] });
    let list = gateway.done("requests", json!({ "type": "phone", "scope": scope }));
    let detail = list["values"].as_array().unwrap().iter().find_map(|request| {
        (request["outcome"] == "not_admitted").then(|| request["detail"].clone())
    });
    let why = "not shown: certificate; its certificate has expired";
    assert_eq!(detail.unwrap(), why, "{list}");
    say("company", "accept");
    assert_eq!([ask(old), ask(good)], [200, 200], "what a company says counts before that of all");
}

#[test]
fn an_authority_between_counts_where_the_phone_does_not_send_it() {
    let between = |is_named: bool| {
        let (gateway, trusted, issuing) = gateway_for(ExpiredCertificates::Refuse, |dir| {
            let root = Authority::root(dir, "Polycom Root CA");
            let issuing = root.between("Polycom Equipment Issuing CA 1", Years(-1, 1));
            let named = if is_named { issuing.pem() } else { String::new() };
            (root.pem() + &named, issuing)
        });
        let (chain, key) = issuing.phone("0015654AA937", Years(-1, 1));
        let alone = (chain[..1].to_vec(), key.clone_key());
        [(chain, key), alone]
            .map(|identity| get(&gateway, &trusted, Some(identity)).map(|answer| answer.status))
    };
    assert_eq!(between(false), [Some(200), None]);
    assert_eq!(between(true), [Some(200), Some(200)]);
}

#[test]
fn a_session_that_is_resumed_is_its_phones() {
    let (gateway, trusted, maker) = gateway_for(ExpiredCertificates::Refuse, |dir| {
        let maker = Authority::root(dir, "Yealink Root CA");
        (maker.pem(), maker)
    });
    for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
        for (name, statuses) in [("0015654aa937", [200, 404]), ("0015654aa938", [404, 404])] {
            let identity = maker.phone(name, Years(-1, 1));
            let client = tls::client_of(&trusted, Some(identity), versions);
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
                let mut stream = tls::connect_with(gateway.https(), client.clone()).unwrap();
                assert_eq!(stream.conn.handshake_kind(), Some(kind), "{versions:?}");
                // Both on one connection: what was made of the certificate first goes for both.
                let ask =
                    |target, last| format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\n{last}\r\n");
                let both = ask(FILE, "") + &ask("/0015654aa939.cfg", "Connection: close\r\n");
                stream.write_all(both.as_bytes()).unwrap();
                let mut answers = String::new();
                stream.read_to_string(&mut answers).unwrap();
                let got =
                    answers.match_indices("HTTP/1.1 ").map(|(at, _)| &answers[at + 9..at + 12]);
                let got: Vec<u16> = got.map(|status| status.parse().unwrap()).collect();
                assert_eq!(got, statuses, "{name} {kind:?}");
            }
        }
    }
}
