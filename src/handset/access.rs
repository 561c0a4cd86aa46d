//! Who may ask: the networks handsets come from, and the proxies believed about addresses.

use std::net::IpAddr;

use http::HeaderMap;

use super::forwarded::{ForwardedHeader, client_address, is_https};
use crate::net::Networks;

/// Which networks may ask, and which proxies are believed about whom they ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Access {
    /// Handsets from elsewhere get the refusal. Default: everywhere.
    pub allowed: Networks,
    /// Those of them that may ask without TLS. Default: all.
    pub without_tls: Networks,
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
            without_tls: Networks::all(),
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
    /// another. `is_tls`: the connection is one over TLS.
    pub(super) fn asker(&self, peer: IpAddr, headers: Option<&HeaderMap>, is_tls: bool) -> Asker {
        let believed = headers.filter(|_| self.trusted_proxies.contains(peer));
        let address = match believed {
            Some(headers) => client_address(peer, headers, self.header, &self.trusted_proxies),
            None => peer,
        };
        let is_tls_at_proxy = believed.is_some_and(|headers| is_https(headers, self.header));
        let is_private = is_tls || is_tls_at_proxy || self.without_tls.contains(address);
        Asker { address, is_allowed: is_private && self.allowed.contains(address), is_tls_at_proxy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Network;

    #[test]
    fn a_header_counts_only_from_a_trusted_proxy() {
        let access = Access {
            allowed: ["10.0.0.0/8".parse().unwrap()].into_iter().collect(),
            without_tls: Networks::all(),
            trusted_proxies: ["192.0.2.1".parse().unwrap()].into_iter().collect(),
            header: ForwardedHeader::XForwardedFor,
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "10.1.1.1".parse().unwrap());
        let asker = |peer: &str| access.asker(peer.parse().unwrap(), Some(&headers), true);
        let admitted = |peer: &str| Some(asker(peer)).filter(|asker| asker.is_allowed);
        let address = |peer: &str| admitted(peer).map(|asker| asker.address);
        assert_eq!(address("192.0.2.1"), Some("10.1.1.1".parse().unwrap()));
        assert_eq!(address("192.0.2.2"), None, "its own address counts, and is not allowed");
        let own = access.asker("192.0.2.1".parse().unwrap(), None, true);
        assert!(!own.is_allowed, "a proxy's own connection");
        assert_eq!(address("10.9.9.9"), Some("10.9.9.9".parse().unwrap()));
    }

    #[test]
    fn without_tls_only_those_may_ask_that_are_named() {
        let access = Access {
            allowed: ["10.0.0.0/8".parse().unwrap()].into_iter().collect(),
            without_tls: ["10.20.0.0/16", "192.0.2.0/24"]
                .iter()
                .map(|network| network.parse::<Network>().unwrap())
                .collect(),
            trusted_proxies: ["10.0.0.1".parse().unwrap()].into_iter().collect(),
            ..Access::default()
        };
        let may = |peer: &str, said: Option<&str>, is_tls| {
            let mut headers = HeaderMap::new();
            if let Some(said) = said {
                headers.insert("x-forwarded-for", said.parse().unwrap());
            }
            access.asker(peer.parse().unwrap(), Some(&headers), is_tls).is_allowed
        };
        assert_eq!([false, true].map(|is_tls| may("10.20.0.7", None, is_tls)), [true, true]);
        assert_eq!([false, true].map(|is_tls| may("10.21.0.7", None, is_tls)), [false, true]);
        // Both lists count.
        assert_eq!([false, true].map(|is_tls| may("192.0.2.7", None, is_tls)), [false, false]);
        // The phone's own address counts, and not its proxy's.
        assert!(may("10.0.0.1", Some("10.20.0.7"), false));
        assert!(!may("10.0.0.1", Some("10.21.0.7"), false) && !may("10.0.0.1", None, false));
    }
}
