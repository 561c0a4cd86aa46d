//! Where a run is pointed: a URL, resolved once, and only at a lab.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::Uri;
use ipnet::IpNet;
use rustls::pki_types::ServerName;

/// A gateway to ask. Its address is looked up once: a storm measures the gateway, not DNS.
#[derive(Clone)]
pub struct GatewayUrl {
    /// Where to connect to.
    pub address: SocketAddr,
    /// `None` for plain HTTP.
    pub tls_name: Option<ServerName<'static>>,
    /// The host and port as the `Host` header has them.
    pub host: String,
    /// Begins and ends with `/`.
    base: String,
}

impl fmt::Debug for GatewayUrl {
    /// Shows no path: there may be a token in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayUrl").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Why a run cannot be pointed there.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, thiserror::Error)]
pub enum GatewayUrlError {
    #[error("`{0}` is not a URL like http://127.0.0.1:8080/ or https://gateway.lab/")]
    NotAUrl(String),
    #[error("cannot find the address of {host}")]
    Lookup { host: String, source: std::io::Error },
    #[error("{host} has no address")]
    NoAddress { host: String },
    /// A fleet aimed at a stranger by a slip of the keyboard is an attack.
    #[error(
        "{host} is {address}, which is not a loopback, private or test address; \
         a simulator must not flood strangers. If that network is yours, say --i-own-the-target"
    )]
    Public { host: String, address: IpAddr },
}

impl GatewayUrl {
    /// Reads a URL and looks its host up; the first of its addresses counts.
    ///
    /// # Errors
    /// As of [`GatewayUrl::resolve_all`].
    pub async fn resolve(url: &str, any_address: bool) -> Result<GatewayUrl, GatewayUrlError> {
        let all = GatewayUrl::resolve_all(url, any_address).await?;
        Ok(all.into_iter().next().expect("a host without an address is an error"))
    }

    /// Reads a URL and looks its host up: one target for each of its addresses, at least one, all
    /// of IPv4 where it has one. Most handsets speak nothing else.
    ///
    /// # Errors
    /// [`GatewayUrlError::Public`] unless `any_address`, for an address outside a lab.
    pub async fn resolve_all(
        url: &str,
        any_address: bool,
    ) -> Result<Vec<GatewayUrl>, GatewayUrlError> {
        let not_a_url = || GatewayUrlError::NotAUrl(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| not_a_url())?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(not_a_url()),
        };
        let authority = uri.authority().filter(|own| !own.as_str().contains('@'));
        let authority = authority.ok_or_else(not_a_url)?;
        if uri.query().is_some() {
            return Err(not_a_url());
        }
        let name = authority.host().trim_matches(['[', ']']).to_owned();
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let found = tokio::net::lookup_host((name.as_str(), port)).await;
        let found =
            found.map_err(|source| GatewayUrlError::Lookup { host: name.clone(), source })?;
        let mut addresses: Vec<SocketAddr> = found.collect();
        if addresses.iter().any(SocketAddr::is_ipv4) {
            addresses.retain(SocketAddr::is_ipv4);
        }
        // Each once: a resolver may tell an address for every type of socket.
        let mut seen = HashSet::new();
        addresses.retain(|address| seen.insert(*address));
        if addresses.is_empty() {
            return Err(GatewayUrlError::NoAddress { host: name });
        }
        if let Some(public) = addresses.iter().find(|own| !any_address && !is_lab(own.ip())) {
            return Err(GatewayUrlError::Public { host: name, address: public.ip() });
        }
        let tls_name = is_tls
            .then(|| ServerName::try_from(name.clone()).map_err(|_| not_a_url()))
            .transpose()?;
        let base = format!("{}/", uri.path().trim_end_matches('/'));
        let host = authority.to_string();
        let target = |address| GatewayUrl {
            address,
            tls_name: tls_name.clone(),
            host: host.clone(),
            base: base.clone(),
        };
        Ok(addresses.into_iter().map(target).collect())
    }

    /// The request target of a path without its leading `/`.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl fmt::Display for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls_name.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.host, self.base)
    }
}

/// Addresses that reach no stranger.
const LAB_NETWORKS: [IpNet; 14] = [
    // Loopback.
    v4([127, 0, 0, 0], 8),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128),
    // Private: RFC 1918, RFC 4193.
    v4([10, 0, 0, 0], 8),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    // Link-local: RFC 3927, RFC 4291.
    v4([169, 254, 0, 0], 16),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    // Shared: RFC 6598.
    v4([100, 64, 0, 0], 10),
    // Benchmarking: RFC 2544.
    v4([198, 18, 0, 0], 15),
    // Documentation: RFC 5737, RFC 3849.
    v4([192, 0, 2, 0], 24),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> IpNet {
    IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> IpNet {
    IpNet::new_assert(IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), prefix)
}

fn is_lab(address: IpAddr) -> bool {
    let address = address.to_canonical();
    LAB_NETWORKS.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(url: &str) -> Result<GatewayUrl, GatewayUrlError> {
        GatewayUrl::resolve(url, false).await
    }

    #[tokio::test]
    async fn a_url_gives_address_host_and_base() {
        let target = resolve("http://127.0.0.1:8080/prov/acme").await.unwrap();
        assert_eq!(target.address, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(target.host, "127.0.0.1:8080");
        assert_eq!(target.path("a.cfg?x=1"), "/prov/acme/a.cfg?x=1");
        assert_eq!(target.to_string(), "http://127.0.0.1:8080/prov/acme/");
        let target = resolve("https://[::1]").await.unwrap();
        assert_eq!(target.address, "[::1]:443".parse().unwrap());
        assert!(target.tls_name.is_some());
        assert_eq!(target.path("a"), "/a");
    }

    #[tokio::test]
    async fn what_is_no_url_is_said() {
        for url in
            ["127.0.0.1", "ftp://127.0.0.1/", "http://u:p@127.0.0.1/", "http://127.0.0.1/?a", ""]
        {
            assert!(matches!(resolve(url).await, Err(GatewayUrlError::NotAUrl(_))), "{url}");
        }
    }

    #[tokio::test]
    async fn a_stranger_is_refused_unless_claimed() {
        for url in ["http://8.8.8.8/", "http://[2001:4860:4860::8888]/", "http://172.32.0.1/"] {
            assert!(matches!(resolve(url).await, Err(GatewayUrlError::Public { .. })), "{url}");
            assert!(GatewayUrl::resolve(url, true).await.is_ok(), "{url}");
        }
    }

    #[test]
    fn lab_addresses_are_those_that_reach_no_stranger() {
        for (address, expected) in [
            ("127.9.9.9", true),
            ("10.255.0.1", true),
            ("172.31.0.1", true),
            ("192.168.1.1", true),
            ("169.254.1.1", true),
            ("100.127.0.1", true),
            ("100.128.0.1", false),
            ("198.19.255.255", true),
            ("198.20.0.1", false),
            ("192.0.2.1", true),
            ("1.1.1.1", false),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
            ("::ffff:10.0.0.1", true),
            ("::ffff:8.8.8.8", false),
        ] {
            assert_eq!(is_lab(address.parse().unwrap()), expected, "{address}");
        }
    }
}
