//! Peers that speak TLS to a plain port, or plain HTTP to one with TLS: both are told, and so is
//! the operator who wrote the wrong URL.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use crate::domain::LogRate;

/// A fatal alert, `handshake_failure` (RFC 8446 section 6, RFC 5246 section 7.2): what a TLS client
/// understands. Its record says TLS 1.0, as before there is a version.
pub(super) const ALERT: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28];

/// Readable for whoever spoke HTTP to a port with TLS.
pub(super) const ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Content-Length: 47\r\nConnection: close\r\n\r\nThis port speaks HTTPS: ask for https:// here.\n";

/// Whether a connection begins as TLS does: with a handshake record of version 3.x (RFC 8446
/// section 5.1).
pub(super) fn is_tls(first: &[u8]) -> bool {
    matches!(first, [0x16, 0x03, ..] | [0x16])
}

/// Whether a connection begins as HTTP does: with a method of capital letters, and a space.
pub(super) fn is_http(first: &[u8]) -> bool {
    let method = first.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    (3..=8).contains(&method) && first.get(method) == Some(&b' ')
}

#[derive(Debug, thiserror::Error)]
#[error("TLS was spoken to a port of plain HTTP")]
pub(super) struct TlsToPlainPort;

#[derive(Debug, thiserror::Error)]
#[error("plain HTTP was spoken to a port of TLS")]
pub(super) struct HttpToTlsPort;

/// Logs `error` if plain HTTP to a port of TLS is behind it.
pub(super) fn report(rate: &LogRate, address: SocketAddr, error: &io::Error) {
    // An error that `io::Error::other` made does not name what is in it as its source.
    if let Some(wrong) = error.get_ref().filter(|inner| inner.is::<HttpToTlsPort>()) {
        log(rate, address, wrong);
    }
}

/// Logs what was spoken to the wrong port: for a wrong URL in a phone or in a DHCP option,
/// or a scanner, so not more often than the log's rate.
pub(super) fn log(rate: &LogRate, address: SocketAddr, wrong: &(dyn Error + 'static)) {
    if let Some(not_logged) = rate.due_at(Instant::now()) {
        tracing::info!(%address, not_logged, "{wrong}; is a URL wrong there?");
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
