//! A SIP registrar over UDP: challenges each REGISTER and verifies the answer
//! (RFC 3261 section 22, RFC 2617 with MD5 and qop=auth, which every old phone speaks).

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

const REALM: &str = "dialtone test";
const NONCE: &str = "8b3c3a1f5d7e4a6b9c0d";

pub(super) struct Registrar {
    socket: UdpSocket,
}

/// A REGISTER whose digest was right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Registration {
    /// The display name of the From header, as it came.
    pub name: String,
    /// User part of the address of record.
    pub user: String,
    /// `username` of the digest.
    pub auth_user: String,
}

impl Registrar {
    pub(super) fn bind() -> Registrar {
        Registrar { socket: UdpSocket::bind("127.0.0.1:0").expect("a UDP port is free") }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket has an address")
    }

    /// Whether anything at all has arrived.
    pub(super) fn heard_anything(&self) -> bool {
        self.socket.set_nonblocking(true).expect("the socket is ours");
        let heard = self.socket.peek_from(&mut [0; 1]).is_ok();
        self.socket.set_nonblocking(false).expect("the socket is ours");
        heard
    }

    /// The first registration with the right password.
    ///
    /// # Panics
    /// When a digest is wrong, or none comes in time.
    pub(super) fn registration(&self, password: &str, patience: Duration) -> Registration {
        let deadline = Instant::now() + patience;
        let mut buffer = [0; 8192];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no REGISTER with credentials within {patience:?}");
            self.socket.set_read_timeout(Some(left)).expect("a timeout above zero");
            let Ok((length, peer)) = self.socket.recv_from(&mut buffer) else { continue };
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if !message.starts_with("REGISTER ") {
                continue;
            }
            match header(&message, "Authorization") {
                None => self.answer(peer, &message, "401 Unauthorized", &challenge()),
                Some(credentials) => {
                    verify(&credentials, password);
                    self.answer(peer, &message, "200 OK", "Expires: 3600\r\n");
                    let to = header(&message, "To").expect("a request has a To");
                    let user = to.split("sip:").nth(1).and_then(|rest| rest.split('@').next());
                    let from = header(&message, "From").expect("a request has a From");
                    return Registration {
                        name: from.split(" <sip:").next().unwrap_or_default().to_owned(),
                        user: user.expect("a To has a user").to_owned(),
                        auth_user: parameter(&credentials, "username"),
                    };
                }
            }
        }
    }

    fn answer(&self, peer: SocketAddr, request: &str, status: &str, more: &str) {
        let copied: String = ["Via", "From", "Call-ID", "CSeq"]
            .iter()
            .map(|name| format!("{name}: {}\r\n", header(request, name).unwrap_or_default()))
            .collect();
        let to = header(request, "To").unwrap_or_default();
        let contact = header(request, "Contact").unwrap_or_default();
        let response = format!(
            "SIP/2.0 {status}\r\n{copied}To: {to};tag=r\r\nContact: {contact}\r\n{more}Content-Length: 0\r\n\r\n"
        );
        self.socket.send_to(response.as_bytes(), peer).expect("loopback takes a packet");
    }
}

fn challenge() -> String {
    format!(
        "WWW-Authenticate: Digest realm=\"{REALM}\", nonce=\"{NONCE}\", qop=\"auth\", algorithm=MD5\r\n"
    )
}

fn verify(credentials: &str, password: &str) {
    let get = |name| parameter(credentials, name);
    assert_eq!((get("realm").as_str(), get("nonce").as_str()), (REALM, NONCE));
    let secret = md5(&format!("{}:{REALM}:{password}", get("username")));
    let request = md5(&format!("REGISTER:{}", get("uri")));
    let expected = md5(&format!("{secret}:{NONCE}:{}:{}:auth:{request}", get("nc"), get("cnonce")));
    assert_eq!(get("response"), expected, "the digest was made with another password");
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn header(message: &str, name: &str) -> Option<String> {
    let mut lines = message.split("\r\n");
    let line = lines.find(|line| {
        line.split_once(':').is_some_and(|(own, _)| own.trim().eq_ignore_ascii_case(name))
    })?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// A parameter of a Digest header, with or without quotes; empty when it is not there.
fn parameter(credentials: &str, name: &str) -> String {
    let list = credentials.strip_prefix("Digest ").unwrap_or(credentials);
    let found = list.split(',').find_map(|pair| {
        let (own, value) = pair.trim().split_once('=')?;
        (own == name).then(|| value.trim_matches('"').to_owned())
    });
    found.unwrap_or_default()
}
