//! Connections that a proxy hands on, with whose they are written before them.

use super::*;
use crate::net::OverAddressLimit;

fn believing(limits: Limits) -> Running {
    Running::start_behind_proxies(limits, None)
}

const V1: &str = "PROXY TCP4 192.0.2.7 198.51.100.1 51000 8080\r\n";

/// The same in version 2.
fn v2() -> Vec<u8> {
    let ends = [192, 0, 2, 7, 198, 51, 100, 1, 0xc7, 0x38, 0x1f, 0x90];
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &ends].concat()
}

#[tokio::test]
async fn a_believed_proxy_says_whose_the_connection_is() {
    let running = believing(Limits::default());
    for header in [V1.as_bytes(), &v2()] {
        let mut client = running.connect().await;
        client.send(header).await;
        assert_eq!(client.get("/who").await.text(), "192.0.2.7 None");
        assert_eq!(client.get("/who").await.text(), "192.0.2.7 None", "kept open");
    }
}

#[tokio::test]
async fn a_header_may_come_in_pieces_or_with_the_request() {
    let running = believing(Limits::default());
    let request = b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut together = running.connect().await;
    together.send([&v2()[..], request].concat()).await;
    assert_eq!(together.answer(true).await.text(), "192.0.2.7 None");
    let mut pieces = running.connect().await;
    for byte in V1.as_bytes() {
        pieces.send([*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(pieces.get("/who").await.text(), "192.0.2.7 None");
}

#[tokio::test]
async fn a_proxys_own_connection_has_its_address() {
    let running = believing(Limits::default());
    for header in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        let mut check = running.connect().await;
        check.send(header).await;
        assert_eq!(check.get("/who").await.text(), "127.0.0.1 None");
    }
}

#[tokio::test]
async fn a_proxy_that_says_nothing_of_it_is_closed() {
    let running = believing(Limits { head: quick(100), ..Limits::default() });
    for sent in [&b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"PROXY TCP4 1.2.3\r\n", b"PRO"] {
        let mut client = running.connect().await;
        client.send(sent).await;
        assert_eq!(client.end().await, b"");
    }
    assert_eq!(running.connect().await.end().await, b"", "silent");
}

#[tokio::test]
async fn from_anybody_else_a_header_says_nothing() {
    let running = Running::start(Limits::default());
    for header in [V1.as_bytes(), &v2()] {
        let mut client = running.connect().await;
        client.send([header, b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n"].concat()).await;
        assert_eq!(client.end().await, b"");
    }
    assert_eq!(running.connect().await.get("/who").await.text(), "127.0.0.1 None");
}

#[tokio::test]
async fn the_limit_counts_whose_they_are() {
    let limits = Limits {
        connections_per_address: 1,
        over_address_limit: OverAddressLimit::Say503,
        ..Limits::default()
    };
    let mut running = believing(limits);
    let mut first = running.connect().await;
    first.send([V1.as_bytes(), b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"].concat()).await;
    running.began.recv().await.unwrap();
    let mut second = running.connect().await;
    second.send(v2()).await;
    let turned_away = second.answer(false).await.head;
    assert!(turned_away.starts_with("HTTP/1.1 503 "), "{turned_away}");
    let mut other = running.connect().await;
    other.send(V1.replace("192.0.2.7", "192.0.2.8")).await;
    assert_eq!(other.get("/who").await.text(), "192.0.2.8 None");
    assert_eq!(running.server.counts().over_address_limit, 1);
    running.probe.release.add_permits(1);
    assert_eq!(first.answer(true).await.text(), "held");
    drop((first, other));
    running.until(|counts| counts.open == 0).await;
    let mut again = running.connect().await;
    again.send(v2()).await;
    assert_eq!(again.get("/").await.text(), "hello", "the place is free again");
}

#[tokio::test]
async fn it_is_believed_at_its_listener_alone() {
    let running = believing(Limits { connections_per_address: 1, ..Limits::default() });
    let bound = bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let elsewhere = bound.local_addr();
    let options = ListenerOptions::new(None);
    running.server.serve(bound, options, Arc::clone(&running.probe)).unwrap();
    let connect = async || Client::new(TcpStream::connect(elsewhere).await.unwrap());
    let mut other = connect().await;
    assert_eq!(other.get("/who").await.text(), "127.0.0.1 None");
    drop(other);
    running.until(|counts| counts.open == 0).await;
    let mut lying = connect().await;
    lying.send([V1.as_bytes(), b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n"].concat()).await;
    assert_eq!(lying.end().await, b"");
    // The places are one server's: whose a connection is counts, whichever way it came.
    let mut first = running.connect().await;
    first.send(V1.replace("192.0.2.7", "127.0.0.1")).await;
    assert_eq!(first.get("/who").await.text(), "127.0.0.1 None");
    assert_eq!(connect().await.get("/").await.text(), "hello", "the proxy's own is not counted");
}
