//! Counts, sizes, times, and the end.

use super::*;
use crate::net::{Drained, OverAddressLimit};

#[tokio::test]
async fn a_slow_head_is_cut() {
    let running = Running::start(Limits { head: quick(50), ..Limits::default() });
    let mut client = running.connect().await;
    client.send("GET / HTTP/1.1\r\nHost:").await;
    assert_eq!(client.end().await, b"");
    assert_eq!(running.server.counts().timed_out, 1);
}

#[tokio::test]
async fn a_head_sent_byte_by_byte_gains_no_time() {
    let running = Running::start(Limits { head: quick(100), ..Limits::default() });
    drip(running.connect().await).await;
    assert_eq!(running.server.counts().timed_out, 1);
}

#[tokio::test]
async fn a_body_sent_byte_by_byte_gains_no_time() {
    let running = Running::start(Limits { request: quick(200), ..Limits::default() });
    let mut client = running.connect().await;
    client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").await;
    drip(client).await;
    assert_eq!(running.server.counts().timed_out, 1);
}

/// Sends a byte now and then until the server ends the connection.
async fn drip(mut client: Client<TcpStream>) {
    let (mut read, mut write) = client.stream.split();
    let dripping = async {
        while write.write_all(b"a").await.is_ok() {
            tokio::time::sleep(quick(5)).await;
        }
    };
    let cut = async { while let Ok(1..) = read.read(&mut [0; 64]).await {} };
    let ended = async {
        tokio::select! { () = dripping => {}, () = cut => {} }
    };
    tokio::time::timeout(TIMEOUT, ended).await.expect("the server ends the connection");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_cut() {
    let running = Running::start(Limits { head: quick(50), ..Limits::default() });
    assert_eq!(running.connect().await.end().await, b"");
}

#[tokio::test]
async fn an_idle_connection_is_cut_after_the_idle_time_only() {
    let limits = Limits { idle: quick(300), head: quick(20), ..Limits::default() };
    let running = Running::start(limits);
    let mut client = running.connect().await;
    client.get("/").await;
    let start = std::time::Instant::now();
    assert_eq!(client.end().await, b"");
    assert!(start.elapsed() >= quick(299), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_cut() {
    let running = Running::start(Limits { request: quick(50), ..Limits::default() });
    let mut client = running.connect().await;
    client.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.end().await, b"");
    assert_eq!(running.server.counts().timed_out, 1);
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_cut() {
    let running = Running::start(Limits { request: quick(100), ..Limits::default() });
    let mut client = running.connect().await;
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    running.until(|counts| counts.timed_out == 1).await;
    assert!(client.end().await.len() < 8 * 1024 * 1024);
}

#[tokio::test]
async fn a_head_too_large_is_refused() {
    let running = Running::start(Limits { head_bytes: 8_192, ..Limits::default() });
    let mut client = running.connect().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(9_000))).await;
    let answer = client.answer(true).await;
    assert!(answer.head.starts_with("HTTP/1.1 431 "), "{}", answer.head);
}

#[tokio::test]
async fn over_the_global_limit_a_connection_waits_its_turn() {
    let newcomer_grace = TIMEOUT * 2;
    let running = Running::start(Limits { connections: 1, newcomer_grace, ..Limits::default() });
    let mut first = running.connect().await;
    first.get("/").await;
    // The kernel takes it; we do not.
    let mut second = running.connect().await;
    second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    first.get("/").await;
    assert_eq!(running.server.counts().accepted, 1);
    drop(first);
    assert_eq!(second.answer(true).await.text(), "hello");
}

#[tokio::test]
async fn over_its_limit_an_address_is_told_when_to_come_again() {
    let mut running = Running::start(Limits { connections_per_address: 1, ..Limits::default() });
    let mut first = running.connect().await;
    first.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await;
    running.began.recv().await.unwrap();
    let mut second = running.connect().await;
    let answer = second.answer(true).await;
    assert!(answer.head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{}", answer.head);
    let seconds: u64 = answer.header("Retry-After").unwrap().parse().unwrap();
    assert!((10..=40).contains(&seconds));
    assert_eq!(second.end().await, b"");
    running.probe.release.add_permits(1);
    assert_eq!(first.answer(true).await.text(), "held", "the first is not touched");

    drop(first);
    running.until(|counts| counts.open == 0).await;
    assert_eq!(running.connect().await.get("/").await.text(), "hello");
    assert_eq!(running.server.counts().over_address_limit, 1);
}

#[tokio::test]
async fn over_its_limit_an_address_can_be_closed_without_a_word() {
    let running = Running::start(Limits {
        connections_per_address: 0,
        over_address_limit: OverAddressLimit::Close,
        ..Limits::default()
    });
    assert_eq!(running.connect().await.end().await, b"");
}

#[tokio::test]
async fn a_drain_finishes_requests_and_closes_the_idle() {
    let mut running = Running::start(Limits::default());
    let mut idle = running.connect().await;
    idle.get("/").await;
    let mut fresh = running.connect().await;
    running.until(|counts| counts.open == 2).await;
    let mut busy = running.connect().await;
    busy.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await;
    running.began.recv().await.unwrap();

    let (address, release) = (running.address, Arc::clone(&running.probe));
    let seen_by_clients = async {
        assert_eq!(idle.end().await, b"");
        assert_eq!(fresh.end().await, b"");
        TcpStream::connect(address).await.expect_err("nobody listens any more");
        release.release.add_permits(1);
        let answer = busy.answer(true).await;
        assert_eq!(answer.text(), "held");
        assert_eq!(answer.header("Connection"), Some("close"));
        assert_eq!(busy.end().await, b"");
    };
    let (drained, ()) = tokio::join!(running.server.drain(TIMEOUT), seen_by_clients);
    assert_eq!(drained, Drained { finished: 3, cut: 0 });
}

#[tokio::test]
async fn a_drain_cuts_what_does_not_finish_in_time() {
    let mut running = Running::start(Limits::default());
    let mut busy = running.connect().await;
    busy.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await;
    running.began.recv().await.unwrap();
    assert_eq!(running.server.drain(quick(50)).await, Drained { finished: 0, cut: 1 });
    assert_eq!(busy.end().await, b"");
    assert_eq!(running.server.counts().open, 0);
}
