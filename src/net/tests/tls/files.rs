//! Certificates and keys in files: made, changed, bad.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use rcgen::KeyPair;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::net::tls::{TlsError, self_signed};

#[tokio::test]
async fn a_reload_serves_new_connections_and_keeps_the_old() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let tls = lab.load(ClientCertificates::Off);
    let running = serve(Arc::clone(&tls), Limits::default());
    let mut old = lab.client(None).connect(running.address).await.unwrap();
    lab.write_pair(P256, 2, 2100);
    assert_eq!(lab.client(None).serial(&running).await, 1, "not before it is told");
    tls.reload(SystemTime::now()).unwrap();
    assert_eq!(lab.client(None).serial(&running).await, 2);
    assert_eq!(old.get("/").await.text(), "hello");
}

#[tokio::test]
async fn bad_files_are_refused_by_name_and_the_good_ones_serve_on() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let tls = lab.load(ClientCertificates::Off);
    let running = serve(Arc::clone(&tls), Limits::default());
    let refused = || tls.reload(SystemTime::now()).unwrap_err().to_string();
    let PairFiles { certificate, key } = lab.pair();
    let (pem, gw_key) = (certificate.display(), key.display());

    lab.write_pair(P256, 2, 2020);
    assert_eq!(refused(), format!("the certificate in {pem} expired on 2020-01-01T00:00:00Z"));
    let other_key = KeyPair::generate().unwrap().serialize_pem();
    fs::write(&key, &other_key).unwrap();
    assert_eq!(
        refused(),
        format!("the key in {gw_key} does not belong to the certificate in {pem}")
    );
    fs::write(&key, "").unwrap();
    assert!(refused().starts_with(&format!("{gw_key} has no private key in it")), "{}", refused());
    let damaged = other_key.replace("\nM", "\n!");
    fs::write(&key, &damaged).unwrap();
    assert_eq!(refused(), format!("{gw_key} is not PEM: a line is damaged"));
    for encrypted in [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIH0\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n\
         MIH0\n-----END EC PRIVATE KEY-----\n",
    ] {
        fs::write(&key, encrypted).unwrap();
        let start = format!("the key in {gw_key} is encrypted");
        assert!(refused().starts_with(&start), "{}", refused());
    }
    fs::remove_file(&key).unwrap();
    assert_eq!(refused(), format!("cannot read {gw_key}"));
    fs::write(&certificate, "no certificate").unwrap();
    assert!(refused().starts_with(&format!("{pem} has no certificate in it")), "{}", refused());

    assert_eq!(lab.client(None).serial(&running).await, 1);
}

#[tokio::test]
async fn changed_files_are_found_and_a_half_changed_pair_is_not_used() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let tls = lab.load(ClientCertificates::Off);
    let running = serve(Arc::clone(&tls), Limits::default());
    let stop = CancellationToken::new();
    let watching = tokio::spawn(Arc::clone(&tls).watch(quick(10), stop.clone()));
    lab.write_pair(P256, 2, 2100);
    let seen = async { while lab.client(None).serial(&running).await != 2 {} };
    tokio::time::timeout(TIMEOUT, seen).await.expect("the change is found");
    // A bad change, then a good one behind it: the first must not end the looking.
    fs::write(lab.pair().key, "").unwrap();
    lab.write_pair(P256, 3, 2100);
    let seen = async { while lab.client(None).serial(&running).await != 3 {} };
    tokio::time::timeout(TIMEOUT, seen).await.expect("the second change is found");
    stop.cancel();
    watching.await.unwrap();
}

#[test]
fn an_expired_certificate_is_served_at_start() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2020);
    let tls = lab.load(ClientCertificates::Off);
    assert!(tls.expires() < SystemTime::now());
}

#[test]
fn a_bad_file_of_authorities_is_named() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let authorities = lab.path().join("authorities.pem");
    fs::write(&authorities, "").unwrap();
    let options = lab.options(ClientCertificates::Required { authorities: authorities.clone() });
    match Tls::load(options, SystemTime::now()) {
        Err(TlsError::NoCertificate { path }) => assert_eq!(path, authorities),
        other => panic!("{other:?}"),
    }
}

/// It could sign others, as the library takes all it is given for authorities.
#[test]
fn a_phones_certificate_is_no_authority() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let (phone, _) = lab.handset("0004f2abcdef");
    let mut params = CertificateParams::default();
    // As a phone that made its own at its first start.
    params.is_ca = IsCa::ExplicitNoCa;
    let own = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    for der in [phone, own.der().clone()] {
        let pem = pem_of(&der);
        let authorities = lab.path().join("authorities.pem");
        fs::write(&authorities, lab.authority.pem() + &pem).unwrap();
        let clients = ClientCertificates::Optional { authorities: authorities.clone() };
        match Tls::load(lab.options(clients), SystemTime::now()) {
            Err(TlsError::NoAuthority { path, number: 2 }) => assert_eq!(path, authorities),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_self_signed_pair_is_made_once_and_serves() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let certs = directory.path().join("certs");
    let names = ["gw.test".to_owned(), "127.0.0.1".to_owned()];
    let now = SystemTime::now();
    let pair = self_signed::ensure(&certs, &names, now).unwrap();
    assert_eq!(fs::metadata(&pair.key).unwrap().permissions().mode() & 0o777, 0o600);
    let first = fs::read(&pair.certificate).unwrap();

    let again = self_signed::ensure(&certs, &["else.test".to_owned()], now).unwrap();
    assert_eq!(fs::read(&again.certificate).unwrap(), first, "used again");

    let options = TlsOptions {
        pairs: vec![pair],
        clients: ClientCertificates::Off,
        expired_clients: ExpiredCertificates::Refuse,
    };
    let running = serve(Arc::new(Tls::load(options, now).unwrap()), Limits::default());
    let root = rustls::pki_types::pem::PemObject::from_pem_slice(&first).unwrap();
    let client = TlsClient { root, handset: None, versions: rustls::ALL_VERSIONS };
    let mut client = client.connect(running.address).await.unwrap();
    assert_eq!(client.get("/").await.text(), "hello");
}

#[test]
fn a_self_signed_pair_is_made_anew_before_it_expires() {
    let directory = tempfile::tempdir().unwrap();
    let names = ["gw.test".to_owned()];
    let now = SystemTime::now();
    let pair = self_signed::ensure(directory.path(), &names, now).unwrap();
    let first = fs::read(&pair.certificate).unwrap();
    let later = now + Duration::from_secs(3_630 * 24 * 3_600);
    self_signed::ensure(directory.path(), &names, later).unwrap();
    assert_ne!(fs::read(&pair.certificate).unwrap(), first);
    let options = TlsOptions {
        pairs: vec![pair],
        clients: ClientCertificates::Off,
        expired_clients: ExpiredCertificates::Refuse,
    };
    assert!(Tls::load(options, later).unwrap().expires() > later);
}

#[test]
fn a_file_of_the_operator_is_not_overwritten() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2020);
    let certificate = lab.path().join(self_signed::CERTIFICATE);
    let key = lab.path().join(self_signed::KEY);
    let ensure = || self_signed::ensure(lab.path(), &["gw.test".to_owned()], SystemTime::now());
    let in_the_way = |path: &Path| match ensure() {
        Err(TlsError::InTheWay { path: named }) => assert_eq!(named, path),
        other => panic!("{other:?}"),
    };
    fs::rename(lab.pair().key, &key).unwrap();
    in_the_way(&key);
    fs::rename(lab.pair().certificate, &certificate).unwrap();
    let before = fs::read(&certificate).unwrap();
    in_the_way(&certificate);
    fs::remove_file(&key).unwrap();
    in_the_way(&certificate);
    assert_eq!(fs::read(&certificate).unwrap(), before);
}
