//! Where the admin API is: `http://127.0.0.1:8081`, `https://gateway.example`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use rustls::pki_types::ServerName;

/// Scheme, host and port; the API is always under `/rest/` there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminUrl {
    https: bool,
    name: ServerName<'static>,
    /// The host as it is resolved: an IPv6 address without its brackets.
    host: String,
    port: u16,
}

/// Why a text is not the URL of an admin API. It does not hold the text: there may be a
/// password in it.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    #[error("write http:// or https:// and the address, such as http://127.0.0.1:8081")]
    Form,
    #[error(
        "a user name or password in the URL is not used: a key belongs in a file or in DIALTONE_KEY"
    )]
    User,
    #[error("only scheme, host and port are wanted, nothing behind")]
    Path,
    #[error("the host is neither a DNS name nor an IP address (IPv6 in brackets)")]
    Host,
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

impl AdminUrl {
    /// Whether it is asked over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether what is sent stays on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host
            .parse::<IpAddr>()
            .map_or(self.host == "localhost", |address| address.is_loopback())
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn server_name(&self) -> ServerName<'static> {
        self.name.clone()
    }

    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for AdminUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl FromStr for AdminUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<AdminUrl, InvalidUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidUrl::Form)?;
        let https = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(InvalidUrl::Form),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return Err(InvalidUrl::User);
        }
        if authority.contains(['/', '?', '#']) {
            return Err(InvalidUrl::Path);
        }
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => {
                host.parse::<Ipv6Addr>().map_err(|_| InvalidUrl::Host)?;
                let port = if port.is_empty() {
                    None
                } else {
                    Some(port.strip_prefix(':').ok_or(InvalidUrl::Port)?)
                };
                (host, port)
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            None if https => 443,
            None => 80,
            Some(digits) => {
                let port =
                    digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
                port.filter(|&port| port != 0).ok_or(InvalidUrl::Port)?
            }
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| InvalidUrl::Host)?;
        Ok(AdminUrl { https, name, host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_the_scheme_s_unless_written() {
        for (text, shown) in [
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
            ("http://gateway.example/", "http://gateway.example:80"),
            ("https://gateway.example", "https://gateway.example:443"),
            ("https://[::1]:8081", "https://[::1]:8081"),
            ("http://[2001:db8::1]", "http://[2001:db8::1]:80"),
        ] {
            assert_eq!(text.parse::<AdminUrl>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_such_url_is_said() {
        for (text, error) in [
            ("127.0.0.1:8081", InvalidUrl::Form),
            ("ftp://x", InvalidUrl::Form),
            ("http://root:hunter2@x", InvalidUrl::User),
            ("http://x/rest", InvalidUrl::Path),
            ("http://x?y", InvalidUrl::Path),
            ("http://", InvalidUrl::Host),
            ("http://a b", InvalidUrl::Host),
            ("http://[x]", InvalidUrl::Host),
            ("http://::1", InvalidUrl::Port),
            ("http://x:0", InvalidUrl::Port),
            ("http://x:+1", InvalidUrl::Port),
            ("http://[::1]8081", InvalidUrl::Port),
        ] {
            assert_eq!(text.parse::<AdminUrl>(), Err(error), "{text}");
        }
    }

    #[test]
    fn this_machine_is_told_from_others() {
        let is_loopback = |text: &str| text.parse::<AdminUrl>().unwrap().is_loopback();
        assert!(is_loopback("http://127.8.0.1") && is_loopback("http://[::1]"));
        assert!(is_loopback("http://localhost:1") && !is_loopback("http://localhost.example"));
        assert!(!is_loopback("http://192.0.2.1"));
    }
}
