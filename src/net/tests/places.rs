//! Whose connections stay when places run short.

use std::net::IpAddr;

use tokio::net::TcpSocket;

use super::*;

/// For eight addresses with eight connections each.
fn few_places() -> Limits {
    Limits {
        connections: 64,
        connections_per_address: 8,
        newcomer_grace: quick(100),
        accept_pause: quick(5),
        ..Limits::default()
    }
}

impl Running {
    async fn connect_from(&self, source: impl Into<IpAddr>) -> Client<TcpStream> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((source.into(), 0).into()).unwrap();
        let connected = tokio::time::timeout(TIMEOUT, socket.connect(self.address)).await;
        Client::new(connected.expect("the kernel answers").unwrap())
    }

    /// Connections of eight addresses that have sent `words`, as many as the server takes.
    async fn crowd(&self, words: &str) -> Vec<Client<TcpStream>> {
        let mut crowd = Vec::new();
        for _ in 0..8 {
            for last in 1..=8 {
                let mut client = self.connect_from([127, 0, 1, last]).await;
                client.send(words).await;
                crowd.push(client);
            }
        }
        self.until(|counts| counts.accepted >= 60).await;
        crowd
    }

    /// Phones that boot, each with an address of its own and two files on one connection, which it
    /// keeps.
    async fn boots(&self) {
        let mut phones = Vec::new();
        for last in 1..=20 {
            let mut phone = self.connect_from([127, 0, 2, last]).await;
            assert_eq!(phone.get("/").await.text(), "hello", "a file that it does not have");
            assert_eq!(phone.get("/file").await.text(), "a file");
            phones.push(phone);
        }
    }
}

const ASK: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn phones_boot_while_a_crowd_keeps_connections_with_useless_requests() {
    let running = Running::start(few_places());
    let _crowd = running.crowd(ASK).await;
    running.boots().await;
    assert!(running.server.counts().closed_for_others >= 16);
}

#[tokio::test]
async fn phones_boot_while_a_crowd_drips_heads() {
    let running = Running::start(few_places());
    let mut crowd = running.crowd("GET / HTT").await;
    let dripping = async {
        loop {
            for client in &mut crowd {
                let _ = client.stream.write_all(b"P").await;
            }
            tokio::time::sleep(quick(10)).await;
        }
    };
    tokio::select! {
        () = dripping => unreachable!(),
        () = running.boots() => {}
    }
}

#[tokio::test]
async fn phones_boot_while_a_crowd_is_silent() {
    let running = Running::start(few_places());
    let _crowd = running.crowd("").await;
    running.boots().await;
}

#[tokio::test]
async fn phones_boot_while_a_crowd_holds_bodies_back() {
    let running = Running::start(few_places());
    let words = "PUT /body HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf";
    let _crowd = running.crowd(words).await;
    running.boots().await;
}

#[tokio::test]
async fn a_phone_keeps_its_connection_while_a_crowd_comes_again_and_again() {
    let running = Running::start(few_places());
    let mut phone = running.connect_from([127, 0, 2, 1]).await;
    phone.get("/file").await;
    for _ in 0..3 {
        let _crowd = running.crowd(ASK).await;
        assert_eq!(phone.get("/file").await.text(), "a file");
    }
}

#[tokio::test]
async fn behind_one_address_a_neighbour_does_not_lock_phones_out() {
    let running = Running::start(few_places());
    let shared = [127, 0, 1, 1];
    let mut neighbours = Vec::new();
    for _ in 0..8 {
        let mut neighbour = running.connect_from(shared).await;
        neighbour.get("/").await;
        neighbours.push(neighbour);
    }
    let mut phones = Vec::new();
    for _ in 0..4 {
        let mut phone = running.connect_from(shared).await;
        assert_eq!(phone.get("/file").await.text(), "a file");
        phones.push(phone);
    }
    for _ in 0..20 {
        neighbours.push(running.connect_from(shared).await);
    }
    running.until(|counts| counts.accepted == 32).await;
    for phone in &mut phones {
        assert_eq!(phone.get("/file").await.text(), "a file", "on the same connection");
    }
    assert_eq!(running.server.counts().over_address_limit, 0);
}

#[tokio::test]
async fn a_network_that_was_served_lately_goes_before_strangers() {
    let running = Running::start(few_places());
    let site = [127, 0, 2, 1];
    running.connect_from(site).await.get("/file").await;
    running.until(|counts| counts.open == 0).await;
    // A phone with a slow processor says nothing for a while.
    let mut phone = running.connect_from(site).await;
    let mut strangers = Vec::new();
    for number in 0..200 {
        let mut stranger = running.connect_from([127, 0, 3, number]).await;
        stranger.send(ASK).await;
        strangers.push(stranger);
    }
    running.until(|counts| counts.closed_for_others >= 100).await;
    assert_eq!(phone.get("/file").await.text(), "a file");
}

#[tokio::test]
async fn an_answer_that_is_being_made_is_not_given_up() {
    let mut running = Running::start(Limits {
        connections: 4,
        newcomer_grace: quick(300),
        accept_pause: quick(1),
        ..Limits::default()
    });
    let mut busy = Vec::new();
    for last in 1..=4 {
        let mut client = running.connect_from([127, 0, 1, last]).await;
        client.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await;
        running.began.recv().await.unwrap();
        busy.push(client);
    }
    // The kernel takes it; we do not.
    let mut waiting = running.connect_from([127, 0, 1, 5]).await;
    waiting.send(ASK).await;
    assert_eq!(running.server.counts().accepted, 4);
    running.probe.release.add_permits(4);
    for client in &mut busy {
        assert_eq!(client.answer(true).await.text(), "held");
    }
    assert_eq!(waiting.answer(true).await.text(), "hello", "an idle one is closed for it");
    assert!(running.server.counts().closed_for_others >= 1);
}
