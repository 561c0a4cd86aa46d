//! Handshakes and what follows them.

use rustls::{HandshakeKind, ServerConnection};

use super::*;
use crate::net::tuning::MIN_WINDOW;

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
                format!("127.0.0.1 Some(TlsPeer {{ version: {name}, certificate: None }})");
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
    assert!(who.contains("value: Some(\"0004f2abcdef\")"), "{who}");
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
    assert!(client.get("/who").await.text().contains("certificate: None"));
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
    let limits = Limits { tls_handshake: TIMEOUT * 2, ..Limits::default() };
    let running = serve(lab.load(ClientCertificates::Off), limits);
    let mut stuck = Vec::new();
    for _ in 0..MIN_WINDOW * std::thread::available_parallelism().unwrap().get() {
        let mut peer = running.connect().await;
        peer.send(lab.client(None).hello()).await;
        assert!(peer.more().await.unwrap() > 0, "answered");
        stuck.push(peer);
    }
    let phone = lab.client(None);
    let connected = tokio::time::timeout(TIMEOUT, phone.connect(running.address)).await;
    assert_eq!(connected.unwrap().unwrap().get("/").await.text(), "hello");
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

#[tokio::test]
async fn a_proxys_header_comes_before_the_handshake() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    let tls = lab.load(ClientCertificates::Off);
    let running = Running::start_behind_proxies(Limits::default(), Some(tls));
    let client = lab.client(None);
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"PROXY TCP6 2001:db8::7 2001:db8::1 51000 8443\r\n").await.unwrap();
    let connector = TlsConnector::from(client.config());
    let stream = connector.connect(TlsClient::name(), stream).await.unwrap();
    let who = Client::new(stream).get("/who").await.text().to_owned();
    assert!(who.starts_with("2001:db8::7 Some"), "{who}");
    assert!(client.connect(running.address).await.is_err(), "it says nothing of whose it is");
}

#[tokio::test]
async fn a_session_is_not_resumed_when_its_certificate_has_expired_since() {
    let lab = Lab::new();
    lab.write_pair(P256, 1, 2100);
    // Certificates of the lab are good until 4096.
    let later = SystemTime::from(rcgen::date_time_ymd(4097, 1, 1));
    for expired_clients in [ExpiredCertificates::Refuse, ExpiredCertificates::Accept] {
        let clients = ClientCertificates::Required { authorities: lab.authorities() };
        let options = TlsOptions { expired_clients, ..lab.options(clients) };
        let tls = Tls::load(options, SystemTime::now()).unwrap();
        let client = lab.client(Some(lab.handset("0004f2abcdef"))).config();
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let connection = in_memory(&tls, &client).await;
            assert_eq!(connection.handshake_kind(), Some(kind), "{expired_clients:?}");
            let now = tls.peer(&connection, SystemTime::now()).unwrap();
            assert!(!now.certificate.unwrap().is_expired());
            match (tls.peer(&connection, later), expired_clients) {
                (Ok(peer), ExpiredCertificates::Accept) => {
                    assert!(peer.certificate.unwrap().is_expired());
                }
                (Err(_), ExpiredCertificates::Refuse) => {}
                (other, _) => panic!("{expired_clients:?}: {other:?}"),
            }
        }
    }
}

/// The server's side of a connection whose client has all it needs to resume it.
async fn in_memory(tls: &Tls, client: &Arc<ClientConfig>) -> ServerConnection {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let connector = TlsConnector::from(Arc::clone(client));
    let connect = connector.connect(TlsClient::name(), near);
    let (client, server) = tokio::join!(connect, tls.acceptor().accept(far));
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    // A ticket of TLS 1.3 follows the handshake, and is read with what follows it.
    server.write_all(b"x").await.unwrap();
    client.read_exact(&mut [0]).await.unwrap();
    server.into_inner().1
}
