//! What goes out when, over real sockets.

use std::io::Read;
use std::pin::pin;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::*;
use crate::net::watch::Event;

async fn pair() -> (CoalescingStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    (CoalescingStream::new(accepted.unwrap().0, Arc::new(Watch::new())), peer.unwrap())
}

#[tokio::test]
async fn a_silent_peer_is_waited_for_and_its_first_words_are_read_once() {
    let (mut stream, mut peer) = pair().await;
    {
        let mut peeked = pin!(stream.peek());
        let first = poll_fn(|cx| Poll::Ready(peeked.as_mut().poll(cx))).await;
        assert!(first.is_pending());
        peer.write_all(b"hello").await.unwrap();
        peeked.await.unwrap();
    }
    peer.write_all(b", then more").await.unwrap();
    let mut read = [0; 16];
    // In small parts, as somebody with little room would.
    for part in read.chunks_mut(3) {
        stream.read_exact(part).await.unwrap();
    }
    assert_eq!(&read, b"hello, then more");
    drop(peer);
    stream.peek().await.unwrap();
    assert_eq!(stream.read(&mut read).await.unwrap(), 0);
}

#[tokio::test]
async fn a_handshakes_words_go_out_when_the_peer_is_waited_for() {
    let (mut stream, mut peer) = pair().await;
    stream.write_all(b"hello").await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = [0; 2];
    let mut read = [0; 5];
    let (_, answered) = tokio::join!(stream.read_exact(&mut answer), async {
        peer.read_exact(&mut read).await.unwrap();
        peer.write_all(b"ok").await
    });
    answered.unwrap();
    assert_eq!((&read, &answer), (b"hello", b"ok"));
}

#[tokio::test]
async fn the_last_of_a_handshake_goes_out_with_what_follows() {
    let (mut stream, mut peer) = pair().await;
    stream.write_all(b"ticket ").await.unwrap();
    stream.flush().await.unwrap();
    stream.handshake_done();
    assert_eq!(stream.held, b"ticket ");
    stream.write_all(b"answer").await.unwrap();
    assert!(stream.held.is_empty());
    let mut read = [0; 13];
    peer.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"ticket answer");
}

#[tokio::test]
async fn a_flush_after_the_handshake_sends_it_alone() {
    let (mut stream, mut peer) = pair().await;
    stream.write_all(b"ticket").await.unwrap();
    stream.handshake_done();
    stream.flush().await.unwrap();
    let mut read = [0; 6];
    peer.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"ticket");
}

#[tokio::test]
async fn the_last_answer_goes_out_with_the_close() {
    let (mut stream, mut peer) = pair().await;
    stream.handshake_done();
    stream.watch.request_came(Instant::now(), true);
    stream.watch.on(Event::LastAnswerMade);
    stream.write_all(b"answer ").await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(stream.held, b"answer ");
    stream.write_all(b"goodbye").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut read = Vec::new();
    peer.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"answer goodbye");
}

#[tokio::test]
async fn the_last_answer_goes_out_with_the_fin() {
    let (mut stream, peer) = pair().await;
    let mut peer = peer.into_std().unwrap();
    stream.handshake_done();
    stream.watch.request_came(Instant::now(), false);
    stream.watch.on(Event::LastAnswerMade);
    stream.write_all(b"answer").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut read = Vec::new();
    let error = peer.read_to_end(&mut read).unwrap_err();
    assert_eq!((error.kind(), &read[..]), (io::ErrorKind::WouldBlock, &b""[..]));
    drop(stream);
    peer.set_nonblocking(false).unwrap();
    peer.read_to_end(&mut read).unwrap();
    assert_eq!(read, b"answer");
}

#[tokio::test]
async fn an_answer_does_not_wait_for_a_close_that_is_late_or_when_it_is_long() {
    let (mut stream, mut peer) = pair().await;
    stream.handshake_done();
    stream.watch.on(Event::LastAnswerMade);
    stream.write_all(b"answer").await.unwrap();
    assert!(stream.watch.take_close_follows());
    stream.flush().await.unwrap();
    let mut read = [0; 6];
    peer.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"answer");

    stream.watch.on(Event::LastAnswerMade);
    let long = vec![7; MAX_HELD + 1];
    stream.write_all(&long).await.unwrap();
    let mut read = vec![0; long.len()];
    peer.read_exact(&mut read).await.unwrap();
    assert_eq!(read, long);
}

#[tokio::test]
async fn a_long_flight_and_last_words_arrive_whole() {
    let (mut stream, mut peer) = pair().await;
    let flight = vec![7; 3 * MAX_HELD + 1];
    for part in flight.chunks(1_000) {
        stream.write_all(part).await.unwrap();
    }
    assert!(stream.held.len() < MAX_HELD + 1_000);
    drop(stream);
    let mut read = Vec::new();
    peer.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, flight);
}
