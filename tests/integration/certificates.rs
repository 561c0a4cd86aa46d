//! Certificates of phones, and the change of the gateway's own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dialtone::net::tls::{ClientCertificates, PairFiles};
use dialtone::simulator::lab_ca::{CA, LabCa, SERVER, SERVER_KEY};

use crate::support::Gateway;
use crate::support::http::{self, Answer};
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
