//! The PROXY protocol, versions 1 and 2: by its header a proxy that hands on TCP as it is says whose
//! connection it is (<https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt>).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use ppp::{PartialResult, v1, v2};

use super::tuning::CoalescingStream;
use crate::throttle::LogRate;

/// Why it is not known whose a proxy's connection is.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyHeaderError {
    #[error(
        "it does not begin with a header of the PROXY protocol: have the proxy send one \
         (`send-proxy-v2` of haproxy, also for its checks), or turn `proxy_protocol` off"
    )]
    Missing,
    #[error("its header of the PROXY protocol is longer than 2 KiB")]
    TooLong,
    #[error("it ended, or took too long, before or amid its header of the PROXY protocol")]
    Ended,
    #[error("its header of the PROXY protocol is not in order: {0}")]
    Faulty(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Logs why a proxy's connection was closed. One that only opens a connection, as a check of haproxy
/// does without `check-send-proxy`, is not worth a line.
pub(super) fn report(rate: &LogRate, proxy: SocketAddr, error: &ProxyHeaderError) {
    if matches!(error, ProxyHeaderError::Ended | ProxyHeaderError::Io(_)) {
        tracing::debug!(%proxy, "a proxy's connection was closed: {error}");
    } else if let Some(not_logged) = rate.due_at(Instant::now()) {
        tracing::warn!(%proxy, not_logged, "a proxy's connection was closed: {error}");
    }
}

/// Reads the header that a proxy's connection begins with. Returns the address it names: of whom the
/// proxy hands on, or `None` where the connection is the proxy's own, as its checks are.
///
/// It waits for as long as the header is not whole; the time is the caller's.
pub(super) async fn read_header(
    stream: &mut CoalescingStream,
) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    loop {
        let read = stream.peek().await?;
        if read.is_empty() {
            return Err(ProxyHeaderError::Ended);
        }
        if let Some((length, address)) = parse(read)? {
            stream.skip(length);
            return Ok(address);
        }
        let before = read.len();
        if !stream.peek_more().await? {
            let is_full = before >= CoalescingStream::MAX_PEEKED;
            return Err(if is_full { ProxyHeaderError::TooLong } else { ProxyHeaderError::Ended });
        }
    }
}

/// The length of the header and the address it names; `None` while it is not whole.
pub(super) fn parse(read: &[u8]) -> Result<Option<(usize, Option<SocketAddr>)>, ProxyHeaderError> {
    match Version::of(read) {
        None => Err(ProxyHeaderError::Missing),
        Some(Version::One) => parse_v1(read),
        Some(Version::Two) => parse_v2(read),
    }
}

#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

impl Version {
    /// The version of the header that `read` begins, or may begin.
    fn of(read: &[u8]) -> Option<Version> {
        let may_begin = |start: &[u8]| read.iter().zip(start).all(|(is, wanted)| is == wanted);
        match () {
            () if may_begin(v1::PROTOCOL_PREFIX.as_bytes()) => Some(Version::One),
            () if may_begin(v2::PROTOCOL_PREFIX) => Some(Version::Two),
            () => None,
        }
    }
}

/// Whether a connection begins with a header of the PROXY protocol. No request of HTTP does, and no
/// handshake of TLS.
pub(super) fn is_header(first: &[u8]) -> bool {
    first.starts_with(b"PROXY ") || first.starts_with(v2::PROTOCOL_PREFIX)
}

/// What the specification allows a header of version 1, with its line break.
const MAX_V1: usize = 107;

/// The library takes a header that is cut within an address for a faulty one, so it is given the
/// whole line.
fn parse_v1(read: &[u8]) -> Result<Option<(usize, Option<SocketAddr>)>, ProxyHeaderError> {
    let Some(end) = read.iter().take(MAX_V1).position(|&byte| byte == b'\n') else {
        return if read.len() < MAX_V1 { Ok(None) } else { Err(ProxyHeaderError::TooLong) };
    };
    let line = &read[..=end];
    let header = v1::Header::try_from(line).map_err(|e| ProxyHeaderError::Faulty(e.to_string()))?;
    let address = match header.addresses {
        v1::Addresses::Tcp4(tcp) => Some(canonical(tcp.source_address, tcp.source_port)),
        v1::Addresses::Tcp6(tcp) => Some(canonical(tcp.source_address, tcp.source_port)),
        v1::Addresses::Unknown => None,
    };
    Ok(Some((line.len(), address)))
}

fn parse_v2(read: &[u8]) -> Result<Option<(usize, Option<SocketAddr>)>, ProxyHeaderError> {
    let header = v2::Header::try_from(read);
    if header.is_incomplete() {
        return Ok(None);
    }
    let header = header.map_err(|error| ProxyHeaderError::Faulty(error.to_string()))?;
    let address = match (header.command, header.addresses) {
        (v2::Command::Proxy, v2::Addresses::IPv4(ip)) => {
            Some(canonical(ip.source_address, ip.source_port))
        }
        (v2::Command::Proxy, v2::Addresses::IPv6(ip)) => {
            Some(canonical(ip.source_address, ip.source_port))
        }
        // The proxy's own connection; somebody on its machine; nobody it can name.
        (v2::Command::Local, _)
        | (v2::Command::Proxy, v2::Addresses::Unix(_) | v2::Addresses::Unspecified) => None,
    };
    Ok(Some((header.len(), address)))
}

/// An IPv4 address is one, also where a proxy with IPv6 sockets writes it as IPv6.
fn canonical(address: impl Into<IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(address.into().to_canonical(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(header: &[u8]) -> Option<SocketAddr> {
        let with_more = [header, b"GET / HTTP/1.1\r\n"].concat();
        let (length, address) = parse(&with_more).unwrap().unwrap();
        assert_eq!(length, header.len());
        for cut in 1..header.len() {
            assert!(parse(&header[..cut]).unwrap().is_none(), "cut after {cut} bytes");
        }
        address
    }

    /// Command, family and protocol, and what follows them.
    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [v2::PROTOCOL_PREFIX, &[0x20 | command, family], &length, rest].concat()
    }

    #[test]
    fn both_versions_name_the_client() {
        let v4 = "192.0.2.7:51000".parse().ok();
        let v6 = "[2001:db8::7]:51000".parse().ok();
        assert_eq!(address(b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\n"), v4);
        assert_eq!(address(b"PROXY TCP6 2001:db8::7 2001:db8::1 51000 443\r\n"), v6);
        assert_eq!(address(b"PROXY TCP6 ::ffff:192.0.2.7 ::1 51000 443\r\n"), v4);
        assert_eq!(address(b"PROXY UNKNOWN\r\n"), None);
        let ports = [51_000_u16.to_be_bytes(), 443_u16.to_be_bytes()].concat();
        let ip = [&[192, 0, 2, 7, 198, 51, 100, 1][..], &ports].concat();
        assert_eq!(address(&version_2(1, 0x11, &ip)), v4);
        // Behind the addresses: a name of the server (PP2_TYPE_AUTHORITY).
        let more = [&ip[..], &[0x02, 0, 2, b'g', b'w']].concat();
        assert_eq!(address(&version_2(1, 0x11, &more)), v4);
        let (from, to) = ("2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap(), [0; 16]);
        let ip = [&from.octets()[..], &to, &ports].concat();
        assert_eq!(address(&version_2(1, 0x21, &ip)), v6);
        // The check of a proxy.
        assert_eq!(address(&version_2(0, 0x00, &[])), None);
    }

    #[test]
    fn what_is_no_header_is_told_at_once() {
        assert!(matches!(parse(b"GET / HTTP/1.1\r\n"), Err(ProxyHeaderError::Missing)));
        assert!(matches!(parse(&[0x16, 0x03, 0x01]), Err(ProxyHeaderError::Missing)));
        let endless = [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat();
        assert!(matches!(parse(&endless), Err(ProxyHeaderError::TooLong)));
        for faulty in [&b"PROXY TCP4 192.0.2.300 198.51.100.1 1 2\r\n"[..], b"PROXY TCP5\r\n"] {
            assert!(matches!(parse(faulty), Err(ProxyHeaderError::Faulty(_))));
        }
        assert!(matches!(parse(&version_2(1, 0x11, &[1])), Err(ProxyHeaderError::Faulty(_))));
    }
}
