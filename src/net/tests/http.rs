//! HTTP as handsets speak it.

use std::net::Ipv6Addr;

use super::*;

#[tokio::test]
async fn a_connection_is_kept_for_more_requests() {
    let running = Running::start(Limits::default());
    let mut client = running.connect().await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.text(), "hello");
    }
    assert_eq!(running.server.counts().accepted, 1);
}

#[tokio::test]
async fn an_answer_has_a_length_and_a_date_and_no_server() {
    let running = Running::start(Limits::default());
    let answer = running.connect().await.get("/").await;
    let date = answer.header("Date").unwrap();
    assert!(httpdate::parse_http_date(date).is_ok());
    assert_eq!(
        answer.head,
        format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 5\r\n\r\n")
    );
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let running = Running::start(Limits::default());
    let mut client = running.connect().await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    let answer = client.answer(true).await;
    assert!(answer.head.starts_with("HTTP/1.0 200 OK\r\n"), "{}", answer.head);
    assert_eq!(answer.text(), "hello");
    assert_eq!(client.end().await, b"");
}

#[tokio::test]
async fn a_last_answer_comes_whole_and_then_the_end() {
    let running = Running::start(Limits::default());
    // Short enough to wait for the end, and too long for that.
    for (path, length) in [("/", 5), ("/large", 8 * 1024 * 1024)] {
        let mut client = running.connect().await;
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(client.answer(true).await.body.len(), length);
        assert_eq!(client.end().await, b"");
    }
}

#[tokio::test]
async fn a_last_answer_does_not_wait_for_an_end_that_is_put_off() {
    let running = Running::start(Limits::default());
    let mut client = running.connect().await;
    // The rest of the body never comes, so the HTTP library does not end the connection yet.
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhalf")
        .await;
    assert_eq!(client.answer(true).await.text(), "hello");
}

#[tokio::test]
async fn http_1_0_may_ask_to_be_kept() {
    let running = Running::start(Limits::default());
    let mut client = running.connect().await;
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
        let answer = client.answer(true).await;
        assert_eq!(answer.header("Connection"), Some("keep-alive"));
    }
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let running = Running::start(Limits::default());
    let mut client = running.connect().await;
    client.send("HEAD / HTTP/1.1\r\nHost: gw.test\r\n\r\n").await;
    assert_eq!(client.answer(false).await.header("Content-Length"), Some("5"));
    assert_eq!(client.get("/").await.text(), "hello", "the next answer follows at once");
}

#[tokio::test]
async fn requests_sent_together_are_answered_in_turn() {
    let running = Running::start(Limits::default());
    let mut client = running.connect().await;
    let together = ["/", "/who", "/"].map(|path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client.send(together.concat()).await;
    assert_eq!(client.answer(true).await.text(), "hello");
    assert_eq!(client.answer(true).await.text(), "127.0.0.1 None");
    assert_eq!(client.answer(true).await.text(), "hello");
}

#[tokio::test]
async fn a_client_that_closes_its_side_still_gets_the_answer() {
    let mut running = Running::start(Limits::default());
    let mut client = running.connect().await;
    client.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await;
    running.began.recv().await.unwrap();
    client.stream.shutdown().await.unwrap();
    running.probe.release.add_permits(1);
    assert_eq!(client.answer(true).await.text(), "held");
}

#[tokio::test]
async fn ipv6_is_served() {
    let running = Running::start_on(
        (Ipv6Addr::LOCALHOST, 0).into(),
        Limits::default(),
        ListenerOptions::new(None),
    );
    assert_eq!(running.connect().await.get("/who").await.text(), "::1 None");
}

#[tokio::test]
async fn a_panic_is_one_failed_request() {
    let running = Running::start(Limits::default());
    let mut client = running.connect().await;
    for path in ["/panic", "/panic-later"] {
        let answer = client.get(path).await;
        assert!(answer.head.starts_with("HTTP/1.1 503 "), "{}", answer.head);
    }
    assert_eq!(client.get("/").await.text(), "hello", "the connection goes on");
    assert_eq!(running.server.counts().panics, 2);
}

#[tokio::test]
async fn control_characters_in_a_header_pass_where_they_are_tolerated() {
    let ask = "GET /agent HTTP/1.1\r\nHost: a\r\nUser-Agent: A\x17/\r\n\r\n";
    let running = Running::start(Limits { tolerate_control_chars: true, ..Limits::default() });
    let mut client = running.connect().await;
    client.send(ask).await;
    assert_eq!(client.answer(true).await.text(), format!("{:?}", b"A\x97/"));

    let strict = Running::start(Limits::default());
    let mut client = strict.connect().await;
    client.send(ask).await;
    assert!(client.answer(true).await.head.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn a_body_stays_as_it_came_where_control_characters_of_a_head_pass() {
    let running = Running::start(Limits { tolerate_control_chars: true, ..Limits::default() });
    let mut body: Vec<u8> = (0..=255).collect();
    body.extend(b"\r\n\r\nUser-Agent: A\x17/\n\n\x01\x7f\r\n");
    let length = body.len();
    let head = |framing: String| {
        format!("PUT /echo HTTP/1.1\r\nHost: a\r\nUser-Agent: A\x17/\r\n{framing}\r\n\r\n")
            .into_bytes()
    };
    let by_length = [head(format!("Content-Length: {length}")), body.clone()].concat();
    let chunked = [
        head("Transfer-Encoding: chunked".to_owned()),
        format!("{length:x}\r\n").into_bytes(),
        body.clone(),
        b"\r\n0\r\n\r\n".to_vec(),
    ]
    .concat();
    let ask = "GET /agent HTTP/1.1\r\nHost: a\r\nUser-Agent: A\x17/\r\n\r\n";
    for request in [by_length, chunked] {
        let mut client = running.connect().await;
        for _ in 0..3 {
            client.send(&request).await;
            assert_eq!(client.answer(true).await.body, body);
        }
        client.send(ask).await;
        assert_eq!(client.answer(true).await.text(), format!("{:?}", b"A\x97/"));
        client.send(&request).await;
        assert_eq!(client.answer(true).await.body, body);

        // One after the other without waiting for an answer; no head of these has anything odd.
        let plain = String::from_utf8_lossy(&request[..60]).replace("User-Agent: A\x17/\r\n", "");
        let plain = [plain.as_bytes(), &request[60..]].concat();
        let end = plain.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        for cut in [end - 1, end + 1, end + 4, plain.len() - 7] {
            client.send([&plain[..], &plain, &plain[..cut]].concat()).await;
            client.send(&plain[cut..]).await;
            for _ in 0..3 {
                assert_eq!(client.answer(true).await.body, body, "{cut}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let running = Running::start(Limits::default());
    let mut client = running.connect().await;
    client.send("PUT /body HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789").await;
    assert_eq!(client.answer(true).await.text(), "10 bytes");
    client
        .send(
            "PUT /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n0\r\n\r\n",
        )
        .await;
    assert_eq!(client.answer(true).await.text(), "more than 10 bytes");
    let mut client = running.connect().await;
    client.send("PUT /body HTTP/1.1\r\nHost: a\r\nContent-Length: 81\r\n\r\n").await;
    let answer = client.answer(true).await;
    assert_eq!(answer.text(), "more than 10 bytes", "without waiting for it");
    assert_eq!(client.end().await, b"");
}

#[tokio::test]
async fn a_discarded_body_leaves_the_connection_usable() {
    let running = Running::start(Limits::default());
    let mut client = running.connect().await;
    client.send("PUT /discard HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234").await;
    client.send("56789").await;
    assert_eq!(client.answer(true).await.text(), "discarded");
    assert_eq!(client.get("/").await.text(), "hello");
    client.send("PUT /discard HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n").await;
    assert_eq!(client.answer(true).await.text(), "discarded");
    assert_eq!(client.end().await, b"", "too long to be read, so the connection ends");
}

#[tokio::test]
async fn a_body_held_back_for_permission_is_not_asked_for() {
    let running = Running::start(Limits::default());
    let mut client = running.connect().await;
    client
        .send(
            "PUT /discard HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        )
        .await;
    let answer = client.answer(true).await;
    assert!(answer.head.starts_with("HTTP/1.1 200 "), "{}", answer.head);
}

#[tokio::test]
async fn a_request_that_readers_could_take_for_different_ones_is_refused_and_the_connection_closed()
{
    let running = Running::start(Limits::default());
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "PUT /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "PUT /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "PUT /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ] {
        let mut client = running.connect().await;
        client.send(head).await;
        let answer = client.answer(true).await;
        assert!(answer.head.starts_with("HTTP/1.1 400 "), "{head}: {}", answer.head);
        assert!(answer.text().contains("RFC 9112"), "{}", answer.text());
        assert_eq!(client.end().await, b"", "{head}");
    }
}

#[tokio::test]
async fn tls_spoken_to_a_plain_port_is_refused_with_an_alert() {
    let running = Running::start(Limits::default());
    let mut client = running.connect().await;
    // The start of a hello.
    client.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]).await;
    // Fatal, handshake failure.
    assert_eq!(client.end().await, [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28]);
}
