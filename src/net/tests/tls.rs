//! HTTPS with certificates made on the spot.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::net::tls::{ClientCertificates, PairFiles, TlsError, TlsOptions, self_signed};
use crate::net::tuning::MIN_WINDOW;

/// An authority, and what it signs in a directory of its own.
struct Lab {
    directory: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Lab {
    fn new() -> Lab {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "lab authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        Lab { directory: tempfile::tempdir().unwrap(), authority }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn pair(&self) -> PairFiles {
        PairFiles { certificate: self.path().join("gw.pem"), key: self.path().join("gw.key") }
    }

    fn options(&self, clients: ClientCertificates) -> TlsOptions {
        TlsOptions { pairs: vec![self.pair()], clients }
    }

    /// Writes a pair for gw.test; `serial` tells it from others, `year` is its last.
    fn write_pair(&self, algorithm: &'static rcgen::SignatureAlgorithm, serial: u8, year: i32) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::new(vec!["gw.test".to_owned()]).unwrap();
        params.serial_number = Some(vec![serial].into());
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        fs::write(self.pair().certificate, certificate.pem()).unwrap();
        fs::write(self.pair().key, key.serialize_pem()).unwrap();
    }

    fn authorities(&self) -> std::path::PathBuf {
        let path = self.path().join("authorities.pem");
        fs::write(&path, self.authority.pem()).unwrap();
        path
    }

    fn load(&self, clients: ClientCertificates) -> Arc<Tls> {
        Arc::new(Tls::load(self.options(clients), SystemTime::now()).unwrap())
    }

    fn handset(&self, cn: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, cn);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    fn client(
        &self,
        handset: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    ) -> TlsClient {
        TlsClient { root: self.authority.der().clone(), handset, versions: rustls::ALL_VERSIONS }
    }
}

struct TlsClient {
    root: CertificateDer<'static>,
    handset: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    versions: Versions,
}

impl TlsClient {
    fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match &self.handset {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                builder.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap()
            }
        };
        Arc::new(config)
    }

    fn name() -> ServerName<'static> {
        ServerName::try_from("gw.test").unwrap()
    }

    /// What a client says first.
    fn hello(&self) -> Vec<u8> {
        let mut hello = Vec::new();
        let mut client = ClientConnection::new(self.config(), TlsClient::name()).unwrap();
        client.write_tls(&mut hello).unwrap();
        hello
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<Client<TlsStream<TcpStream>>> {
        let connector = TlsConnector::from(self.config());
        let stream = TcpStream::connect(address).await?;
        Ok(Client::new(connector.connect(TlsClient::name(), stream).await?))
    }

    /// In TLS 1.3 a client learns only with its first read that it is refused.
    async fn is_refused(&self, running: &Running) -> bool {
        let before = running.server.counts().handshakes_failed;
        let refused = match self.connect(running.address).await {
            Err(_) => true,
            Ok(mut client) => client.end().await.is_empty(),
        };
        running.until(|counts| counts.handshakes_failed == before + 1 || !refused).await;
        refused
    }

    async fn serial(&self, running: &Running) -> u8 {
        let client = self.connect(running.address).await.unwrap();
        let chain = client.stream.get_ref().1.peer_certificates().unwrap();
        *x509_serial(&chain[0]).last().unwrap()
    }
}

fn x509_serial(der: &[u8]) -> Vec<u8> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    X509Certificate::from_der(der).unwrap().1.raw_serial().to_vec()
}

fn serve(tls: Arc<Tls>, limits: Limits) -> Running {
    Running::start_on((Ipv4Addr::LOCALHOST, 0).into(), limits, Some(tls))
}

type Versions = &'static [&'static SupportedProtocolVersion];
const ONLY_1_2: Versions = &[&rustls::version::TLS12];
const ONLY_1_3: Versions = &[&rustls::version::TLS13];
const P256: &rcgen::SignatureAlgorithm = &rcgen::PKCS_ECDSA_P256_SHA256;

#[tokio::test]
async fn every_kind_of_key_serves_both_versions() {
    for algorithm in
        [P256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519, &rcgen::PKCS_RSA_SHA256]
    {
        let lab = Lab::new();
        lab.write_pair(algorithm, 1, 2100);
        let running = serve(lab.load(ClientCertificates::Off), Limits::default());
        for (versions, name) in [(ONLY_1_2, "V1_2"), (ONLY_1_3, "V1_3")] {
            let client = TlsClient { versions, ..lab.client(None) };
            let mut client = client.connect(running.address).await.unwrap();
            let text = client.get("/who").await.text().to_owned();
            let expected =
                format!("127.0.0.1 Some(TlsPeer {{ version: {name}, client_cn: None }})");
            assert_eq!(text, expected, "{algorithm:?}");
            let suite = client.stream.get_ref().1.negotiated_cipher_suite().unwrap();
            assert!(format!("{:?}", suite.suite()).contains("AES_128_GCM"), "{suite:?}");
            assert_eq!(client.get("/").await.text(), "hello", "kept open");
        }
    }
}

#[tokio::test]
async fn a_large_answer_arrives_whole_over_tls() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let running = serve(lab.load(ClientCertificates::Off), Limits::default());
    let mut client = lab.client(None).connect(running.address).await.unwrap();
    assert_eq!(client.get("/large").await.body.len(), 8 * 1024 * 1024);
}

#[tokio::test]
async fn a_handsets_certificate_names_it() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let authorities = lab.authorities();
    let tls = lab.load(ClientCertificates::Required { authorities });
    let running = serve(tls, Limits::default());
    let handset = lab.client(Some(lab.handset("0004f2abcdef")));
    let mut client = handset.connect(running.address).await.unwrap();
    let who = client.get("/who").await.text().to_owned();
    assert!(who.contains("client_cn: Some(\"0004f2abcdef\")"), "{who}");
    assert!(lab.client(None).is_refused(&running).await, "required");
    let stranger = Lab::new().handset("0004f2abcdef");
    assert!(lab.client(Some(stranger)).is_refused(&running).await, "another authority");
}

#[tokio::test]
async fn an_optional_certificate_may_be_missing_but_not_strange() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let authorities = lab.authorities();
    let tls = lab.load(ClientCertificates::Optional { authorities });
    let running = serve(tls, Limits::default());
    let mut client = lab.client(None).connect(running.address).await.unwrap();
    assert!(client.get("/who").await.text().contains("client_cn: None"));
    // Our test client, as handsets do, shows what it has even when its issuer is
    // none of those asked for.
    let stranger = Lab::new().handset("0004f2abcdef");
    assert!(lab.client(Some(stranger)).is_refused(&running).await);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_cut_and_holds_up_nobody() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let limits = Limits { tls_handshake: quick(200), ..Limits::default() };
    let running = serve(lab.load(ClientCertificates::Off), limits);
    let mut silent = running.connect().await;
    let mut client = lab.client(None).connect(running.address).await.unwrap();
    assert_eq!(client.get("/").await.text(), "hello");
    assert_eq!(silent.end().await, b"");
    assert_eq!(running.server.counts().handshakes_failed, 1);
}

#[tokio::test]
async fn handshakes_that_do_not_go_on_hold_up_nobody() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let limits = Limits { tls_handshake: PATIENCE * 2, ..Limits::default() };
    let running = serve(lab.load(ClientCertificates::Off), limits);
    let mut stuck = Vec::new();
    for _ in 0..MIN_WINDOW * std::thread::available_parallelism().unwrap().get() {
        let mut peer = running.connect().await;
        peer.send(lab.client(None).hello()).await;
        assert!(peer.more().await.unwrap() > 0, "answered");
        stuck.push(peer);
    }
    let phone = lab.client(None);
    let connected = tokio::time::timeout(PATIENCE, phone.connect(running.address)).await;
    assert_eq!(connected.unwrap().unwrap().get("/").await.text(), "hello");
}

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
    tokio::time::timeout(PATIENCE, seen).await.expect("the change is found");
    // A bad change, then a good one behind it: the first must not end the looking.
    fs::write(lab.pair().key, "").unwrap();
    lab.write_pair(P256, 3, 2100);
    let seen = async { while lab.client(None).serial(&running).await != 3 {} };
    tokio::time::timeout(PATIENCE, seen).await.expect("the second change is found");
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

    let options = TlsOptions { pairs: vec![pair], clients: ClientCertificates::Off };
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
    let options = TlsOptions { pairs: vec![pair], clients: ClientCertificates::Off };
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

#[tokio::test]
async fn a_last_answer_comes_whole_with_its_close_notify() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let running = serve(lab.load(ClientCertificates::Off), Limits::default());
    // Short enough to wait for the close, and too long for that.
    for (path, length) in [("/", 5), ("/large", 8 * 1024 * 1024)] {
        let mut client = lab.client(None).connect(running.address).await.unwrap();
        client
            .send(format!("GET {path} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n"))
            .await;
        assert_eq!(client.answer(true).await.body.len(), length);
        // Without `close_notify` the TLS library makes the end an error.
        assert_eq!(client.more().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn an_answer_does_not_wait_for_an_end_that_is_put_off() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let running = serve(lab.load(ClientCertificates::Off), Limits::default());
    let mut client = lab.client(None).connect(running.address).await.unwrap();
    // The rest of the body never comes, so the HTTP library does not end the connection yet.
    client
        .send("POST / HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhalf")
        .await;
    assert_eq!(client.answer(true).await.text(), "hello");
}

#[tokio::test]
async fn http_spoken_to_a_port_with_tls_is_told_so() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let running = serve(lab.load(ClientCertificates::Off), Limits::default());
    let mut client = running.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.answer(true).await;
    assert!(answer.head.starts_with("HTTP/1.1 400 "), "{}", answer.head);
    assert!(answer.text().contains("HTTPS"), "{}", answer.text());
    assert_eq!(client.end().await, b"");
}

#[tokio::test]
async fn a_phone_is_served_while_others_say_hello_and_nothing_more() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let limits = Limits {
        connections: 32,
        newcomer_grace: quick(100),
        accept_pause: quick(5),
        ..Limits::default()
    };
    let running = serve(lab.load(ClientCertificates::Off), limits);
    let mut others = Vec::new();
    for number in 0..40 {
        let mut other = running.connect().await;
        if number % 2 == 0 {
            other.send(lab.client(None).hello()).await;
        }
        others.push(other);
    }
    let mut phone = lab.client(None).connect(running.address).await.unwrap();
    assert_eq!(phone.get("/file").await.text(), "a file");
    assert!(running.server.counts().closed_for_others > 0);
}
