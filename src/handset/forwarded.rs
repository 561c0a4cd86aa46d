//! The client's address as proxies report it: `X-Forwarded-For` or `Forwarded` (RFC 7239).

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header};

use crate::net::Networks;

/// The header in which a proxy names the phone's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: addresses, the nearest last.
    XForwardedFor,
    /// `Forwarded` (RFC 7239), of which `for` is read.
    Forwarded,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Read from the right, where the nearest proxy wrote: the first address that
/// is no trusted proxy is the client. What stands further left is the client's
/// own claim. Where an entry cannot be read, the proxy that wrote it is the
/// last one known, and its address is returned.
pub(super) fn client_address(
    peer: IpAddr,
    headers: &HeaderMap,
    header: ForwardedHeader,
    trusted: &Networks,
) -> IpAddr {
    let name = match header {
        ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
        ForwardedHeader::Forwarded => header::FORWARDED,
    };
    let mut known = peer;
    // Several lines are one list (RFC 9110 section 5.3). The size of the head
    // bounds it.
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
    for line in lines.into_iter().rev() {
        let Ok(line) = std::str::from_utf8(line) else { return known };
        for entry in line.rsplit(',') {
            let node = match header {
                ForwardedHeader::XForwardedFor => Some(entry.trim()),
                ForwardedHeader::Forwarded => for_parameter(entry),
            };
            let Some(address) = node.and_then(node_address) else { return known };
            known = address;
            if !trusted.contains(address) {
                return known;
            }
        }
    }
    known
}

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether the nearest proxy says that it was asked over TLS: `X-Forwarded-Proto: https`, or
/// `proto=https` in the last element of `Forwarded`. A list of protocols is of several proxies.
pub(super) fn is_https(headers: &HeaderMap, header: ForwardedHeader) -> bool {
    let last = |name: &HeaderName| {
        let last = headers.get_all(name).iter().next_back()?.to_str().ok()?;
        last.rsplit(',').next()
    };
    let proto = match header {
        ForwardedHeader::XForwardedFor => last(&X_FORWARDED_PROTO).map(str::trim),
        ForwardedHeader::Forwarded => {
            last(&header::FORWARDED).and_then(|element| parameter(element, "proto"))
        }
    };
    proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https"))
}

/// The value of `for` in one element: `for="[2001:db8::1]:4711";proto=https`.
fn for_parameter(element: &str) -> Option<&str> {
    parameter(element, "for")
}

fn parameter<'e>(element: &'e str, wanted: &str) -> Option<&'e str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let value = value.trim();
        name.trim()
            .eq_ignore_ascii_case(wanted)
            .then(|| value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value))
    })
}

/// An address, with or without brackets and port. `unknown` and `_hidden` are none.
fn node_address(node: &str) -> Option<IpAddr> {
    let in_brackets = node.strip_prefix('[').and_then(|node| node.strip_suffix(']'));
    in_brackets
        .unwrap_or(node)
        .parse()
        .or_else(|_| node.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(header: ForwardedHeader, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap()].into_iter().collect();
        let name = match header {
            ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => header::FORWARDED,
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, line.parse().unwrap());
        }
        client_address("10.0.0.1".parse().unwrap(), &headers, header, &trusted).to_string()
    }

    #[test]
    fn only_what_the_nearest_proxy_says_of_tls_counts() {
        let is_https = |header, name: &'static str, line: &str| {
            let headers = [(HeaderName::from_static(name), line.parse().unwrap())];
            super::is_https(&headers.into_iter().collect(), header)
        };
        let proto = |line| is_https(ForwardedHeader::XForwardedFor, "x-forwarded-proto", line);
        assert!(proto("https") && proto("http, HTTPS"));
        assert!(!proto("http") && !proto("https, http") && !proto("") && !proto("httpsx"));
        let forwarded = |line| is_https(ForwardedHeader::Forwarded, "forwarded", line);
        assert!(forwarded("for=192.0.2.1;proto=https") && forwarded("proto=http, Proto=\"https\""));
        assert!(!forwarded("for=192.0.2.1;proto=https, for=192.0.2.2") && !forwarded("https"));
        // The other header is its client's.
        assert!(!is_https(ForwardedHeader::Forwarded, "x-forwarded-proto", "https"));
    }

    #[test]
    fn what_the_client_claims_itself_is_not_believed() {
        let client = |lines: &[&str]| client(ForwardedHeader::XForwardedFor, lines);
        assert_eq!(client(&["192.0.2.7"]), "192.0.2.7");
        assert_eq!(client(&["203.0.113.9, 192.0.2.7"]), "192.0.2.7");
        assert_eq!(client(&["203.0.113.9, 192.0.2.7,10.0.0.2"]), "192.0.2.7", "two proxies");
        assert_eq!(client(&["203.0.113.9", "192.0.2.7"]), "192.0.2.7", "two lines");
    }

    #[test]
    fn an_unreadable_entry_ends_what_is_known() {
        let client = |lines: &[&str]| client(ForwardedHeader::XForwardedFor, lines);
        assert_eq!(client(&[]), "10.0.0.1");
        assert_eq!(client(&["192.0.2.7, junk"]), "10.0.0.1");
        assert_eq!(client(&["192.0.2.7, junk, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(client(&["192.0.2.7,"]), "10.0.0.1");
    }

    #[test]
    fn addresses_may_have_ports_and_brackets() {
        let xff = |line| client(ForwardedHeader::XForwardedFor, &[line]);
        assert_eq!(xff("192.0.2.7:5060"), "192.0.2.7");
        assert_eq!(xff("2001:db8::7"), "2001:db8::7");
        assert_eq!(xff("[2001:db8::7]"), "2001:db8::7");
        assert_eq!(xff("::ffff:192.0.2.7"), "192.0.2.7");
        let forwarded = |line| client(ForwardedHeader::Forwarded, &[line]);
        assert_eq!(forwarded("for=\"[2001:db8::7]:4711\";proto=https"), "2001:db8::7");
        assert_eq!(forwarded("proto=http;For=192.0.2.7, for=10.0.0.2"), "192.0.2.7");
        assert_eq!(forwarded("for=unknown"), "10.0.0.1");
        assert_eq!(forwarded("proto=https"), "10.0.0.1");
    }
}
