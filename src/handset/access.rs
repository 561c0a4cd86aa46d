//! Who may ask: the networks handsets come from, and the proxies believed about addresses.

use std::net::IpAddr;

use http::HeaderMap;

use super::forwarded::{ForwardedHeader, client_address, is_https};
use crate::net::Networks;

/// Which networks may ask, and which proxies are believed about whom they ask for.
#[derive(Debug, Clone)]
pub struct Access {
    /// Handsets from elsewhere get the refusal. Default: everywhere.
    pub allowed: Networks,
    /// Proxies whose header is believed. Default: none, and the header of
    /// anybody else is not looked at.
    pub trusted_proxies: Networks,
    /// The one header the proxies write. Only one: a proxy that writes
    /// `X-Forwarded-For` passes on a `Forwarded` its client made up.
    pub header: ForwardedHeader,
}

impl Default for Access {
    fn default() -> Access {
        Access {
            allowed: Networks::all(),
            trusted_proxies: Networks::none(),
            header: ForwardedHeader::XForwardedFor,
        }
    }
}

/// Who asks, as far as the edge can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asker {
    pub address: IpAddr,
    /// Whether its network may ask.
    pub is_allowed: bool,
    /// Whether a proxy that is believed says that it asked over TLS.
    pub is_tls_at_proxy: bool,
}

impl Access {
    /// The handset that asks; `peer` is the connection's address, `headers` those that may name
    /// another.
    pub(super) fn asker(&self, peer: IpAddr, headers: Option<&HeaderMap>) -> Asker {
        let believed = headers.filter(|_| self.trusted_proxies.contains(peer));
        let address = match believed {
            Some(headers) => client_address(peer, headers, self.header, &self.trusted_proxies),
            None => peer,
        };
        Asker {
            address,
            is_allowed: self.allowed.contains(address),
            is_tls_at_proxy: believed.is_some_and(|headers| is_https(headers, self.header)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_counts_only_from_a_trusted_proxy() {
        let access = Access {
            allowed: ["10.0.0.0/8".parse().unwrap()].into_iter().collect(),
            trusted_proxies: ["192.0.2.1".parse().unwrap()].into_iter().collect(),
            header: ForwardedHeader::XForwardedFor,
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "10.1.1.1".parse().unwrap());
        let asker = |peer: &str| access.asker(peer.parse().unwrap(), Some(&headers));
        let admitted = |peer: &str| Some(asker(peer)).filter(|asker| asker.is_allowed);
        let address = |peer: &str| admitted(peer).map(|asker| asker.address);
        assert_eq!(address("192.0.2.1"), Some("10.1.1.1".parse().unwrap()));
        assert_eq!(address("192.0.2.2"), None, "its own address counts, and is not allowed");
        let own = access.asker("192.0.2.1".parse().unwrap(), None);
        assert!(!own.is_allowed, "a proxy's own connection");
        assert_eq!(address("10.9.9.9"), Some("10.9.9.9".parse().unwrap()));
    }
}
