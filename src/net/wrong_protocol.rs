//! Peers that speak TLS to a plain port, or plain HTTP to one with TLS: both are told, and so is
//! the operator who wrote the wrong URL. And proxies that nobody said are to be believed.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use super::proxy_protocol::is_header as is_proxy_header;
use crate::throttle::LogRate;

/// A fatal alert, `handshake_failure` (RFC 8446 section 6, RFC 5246 section 7.2): what a TLS client
/// understands. Its record says TLS 1.0, as before there is a version.
pub(super) const ALERT: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28];

/// Readable for whoever spoke HTTP to a port with TLS.
pub(super) const ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Content-Length: 47\r\nConnection: close\r\n\r\nThis port speaks HTTPS: ask for https:// here.\n";

/// Whether a connection begins as TLS does: with a handshake record of version 3.x (RFC 8446
/// section 5.1).
fn is_tls(first: &[u8]) -> bool {
    matches!(first, [0x16, 0x03, ..] | [0x16])
}

/// Whether a connection begins as HTTP does: with a method of capital letters, and a space.
fn is_http(first: &[u8]) -> bool {
    let method = first.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    (3..=8).contains(&method) && first.get(method) == Some(&b' ')
}

/// What was spoken instead of what is spoken here, and what an operator would look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum WrongProtocol {
    #[error("TLS was spoken to a port of plain HTTP; is a URL wrong there?")]
    TlsToPlainPort,
    #[error("plain HTTP was spoken to a port of TLS; is a URL wrong there?")]
    HttpToTlsPort,
    #[error(
        "a header of the PROXY protocol came from who is not believed; if it is a proxy of yours, \
         name it in `trusted_proxies` and turn `proxy_protocol` on"
    )]
    Proxy,
}

impl WrongProtocol {
    /// What a connection to a plain port begins with, if it is not HTTP.
    pub(super) fn to_plain_port(first: &[u8]) -> Option<WrongProtocol> {
        match first {
            first if is_tls(first) => Some(WrongProtocol::TlsToPlainPort),
            first if is_proxy_header(first) => Some(WrongProtocol::Proxy),
            _ => None,
        }
    }

    /// What a connection to a port of TLS begins with, if it is not TLS.
    pub(super) fn to_tls_port(first: &[u8]) -> Option<WrongProtocol> {
        match first {
            first if is_proxy_header(first) => Some(WrongProtocol::Proxy),
            first if is_http(first) => Some(WrongProtocol::HttpToTlsPort),
            _ => None,
        }
    }
}

/// Logs `error` if a wrong protocol is behind it.
pub(super) fn report(rate: &LogRate, address: SocketAddr, error: &io::Error) {
    // An error that `io::Error::other` made does not name what is in it as its source.
    if let Some(&wrong) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        log(rate, address, wrong);
    }
}

/// Logs what was spoken to the wrong port: for a wrong URL in a phone or in a DHCP option,
/// or a scanner, so not more often than the log's rate.
pub(super) fn log(rate: &LogRate, address: SocketAddr, wrong: WrongProtocol) {
    if let Some(not_logged) = rate.due_at(Instant::now()) {
        tracing::info!(%address, not_logged, "{wrong}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell() {
        assert!(is_tls(&[0x16, 0x03, 0x01, 0x02, 0x00]));
        assert!(!is_tls(b"GET / HTTP/1.1\r\n"));
        assert!(is_http(b"GET / HTTP/1.1\r\n"));
        assert!(is_http(b"OPTIONS * HTTP/1.1\r\n"));
        assert!(!is_http(&[0x16, 0x03, 0x01, 0x02, 0x00]));
        assert!(!is_http(b"GET"));
        assert!(!is_http(b""));
    }

    #[test]
    fn the_answers_length_is_right() {
        let text = std::str::from_utf8(ANSWER).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
