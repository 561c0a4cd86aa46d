//! URLs as settings have them, in their parts, and the hosts in them.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A URL in its parts: `scheme://host[:port][/path][?query]`, without user name and password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Url<'a> {
    /// What stands before the `://`, as it is written.
    pub scheme: &'a str,
    /// A name or an address, an IPv6 address without its brackets.
    pub host: &'a str,
    /// 1 to 65535; `None`: none is written.
    pub port: Option<u16>,
    /// What follows the authority, as it is written; may be empty.
    rest: &'a str,
}

impl<'a> Url<'a> {
    /// `None`: the text is no such URL.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Url<'a>> {
        let (scheme, rest) = text.split_once("://")?;
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, port) = inner.split_once(']')?;
                host.parse::<Ipv6Addr>().ok()?;
                (host, port)
            }
            None => {
                let parts = authority.split_at(authority.find(':').unwrap_or(authority.len()));
                is_name_or_ipv4(parts.0).then_some(parts)?
            }
        };
        let port = match port.strip_prefix(':') {
            Some(port) => Some(parse_port(port)?),
            None if port.is_empty() => None,
            None => return None,
        };
        Some(Url { scheme, host, port, rest })
    }

    /// The port that is written, else the scheme's own.
    #[must_use]
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(match self.scheme {
            "https" => 443,
            "ftp" => 21,
            "tftp" => 69,
            _ => 80,
        })
    }

    /// The path with its query; begins with `/`.
    #[must_use]
    pub fn path(&self) -> Cow<'a, str> {
        match self.rest.starts_with('/') {
            true => self.rest.into(),
            false => format!("/{}", self.rest).into(),
        }
    }
}

/// A name or an address, an IPv6 address without brackets.
pub(super) fn is_host(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok() || is_name_or_ipv4(text)
}

/// A host name of RFC 1123 section 2.1, with the `_` some networks use. A last
/// label of digits is a mistyped address, never a name (RFC 3696 section 2).
fn is_name_or_ipv4(text: &str) -> bool {
    if text.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253
        && text.split('.').all(is_label)
        && !text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
}

/// Digits alone: `u16` would take a `+` before them.
fn parse_port(text: &str) -> Option<u16> {
    let is_decimal = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|&port| is_decimal && port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_its_parts() {
        for (text, host, port, path) in [
            ("http://a.example.com", "a.example.com", 80, "/"),
            ("https://a.example.com/b/c?d=e", "a.example.com", 443, "/b/c?d=e"),
            ("tftp://192.0.2.1:6969/{mac}.cfg", "192.0.2.1", 6969, "/{mac}.cfg"),
            ("ftp://[2001:db8::1]", "2001:db8::1", 21, "/"),
            ("http://[2001:db8::1]:8080/a", "2001:db8::1", 8080, "/a"),
            ("http://a?b=http://c:1/d", "a", 80, "/?b=http://c:1/d"),
        ] {
            let url = Url::parse(text).expect("it is a URL");
            assert_eq!(
                (url.host, url.port_or_default(), &*url.path()),
                (host, port, path),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_url_has_none() {
        for text in [
            "",
            "a.example.com/b",
            "http://",
            "http:///b",
            "http://u:p@a/b",
            "http://a:/b",
            "http://a:0/b",
            "http://a:65536/b",
            "http://a:+80/b",
            "http://[a]/b",
            "http://[2001:db8::1]8080/b",
            "http://2001:db8::1/b",
        ] {
            assert!(Url::parse(text).is_none(), "{text}");
        }
    }
}
