//! `[handset]`: the listeners phones ask, and what one of them may take up.

use std::net::SocketAddr;
use std::time::Duration;

use super::from_text::{FromText, one_of};
use super::reader::Section;
use super::{Listener, TlsSection};
use crate::domain::admission::ProofSet;
use crate::handset::{
    Access, AuthorizationOptions, Challenge, EdgeOptions, ForwardedHeader, Realm,
};
use crate::net::tls::TlsOptions;
use crate::net::{Limits, Network, Networks};
use crate::registry::PublicUrl;

/// What `[handset]` says.
#[derive(Debug, Clone, PartialEq)]
pub struct HandsetSection {
    /// Plain HTTP; empty: off.
    pub http: Vec<SocketAddr>,
    /// HTTP over TLS; empty: off.
    pub https: Vec<SocketAddr>,
    /// Where phones reach the gateway, for those that nobody tells another place.
    pub public_url: Option<PublicUrl>,
    /// How long it may be from accept to the end of the TLS handshake, 1 to 300 s.
    pub tls_handshake_timeout: Duration,
    /// How long it may be from the first byte of a request to the end of its head, 1 to 300 s.
    pub header_timeout: Duration,
    /// How long making an answer may take, 1 to 300 s and less than `request_timeout`.
    pub answer_timeout: Duration,
    /// How long it may be from the end of a head to the last byte of the answer, 1 s to an hour.
    pub request_timeout: Duration,
    /// How long a connection may wait for its next request, 1 s to an hour.
    pub idle_timeout: Duration,
    /// Connections at a time, 16 to 1,000,000; of all listeners of phones together.
    pub max_connections: usize,
    /// Connections at a time from one address (IPv6: a /64), 1 to 1,000,000.
    pub max_connections_per_address: u32,
    /// How long a connection that was of no use yet is left alone when places run short.
    pub newcomer_grace: Duration,
    /// The longest head of a request in bytes, from [`Limits::MIN_HEAD_BYTES`] to 1 MiB.
    pub max_header_bytes: usize,
    /// Who may ask at all.
    pub allowed_networks: Networks,
    /// Who may ask without TLS.
    pub http_networks: Networks,
    /// Who is believed about the address of a phone behind it.
    pub trusted_proxies: Networks,
    /// Whether each connection of a trusted proxy begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// Where a trusted proxy names the phone.
    pub forwarded_header: ForwardedHeader,
    /// What phones must prove over HTTP.
    pub authorization: AuthorizationOptions,
}

impl HandsetSection {
    pub(super) fn read(mut section: Section<'_>) -> HandsetSection {
        let parts = Limits::default();
        let handset = HandsetSection {
            http: section.list("http", &["0.0.0.0:8080"]),
            https: section.list("https", &["0.0.0.0:8443"]),
            public_url: section.optional("public_url"),
            tls_handshake_timeout: section.seconds(
                "tls_handshake_timeout_s",
                parts.tls_handshake,
                1..=300,
            ),
            header_timeout: section.seconds("header_timeout_s", parts.head, 1..=300),
            answer_timeout: section.seconds(
                "answer_timeout_s",
                EdgeOptions::ANSWER_TIMEOUT,
                1..=300,
            ),
            request_timeout: section.seconds("request_timeout_s", parts.request, 1..=3_600),
            idle_timeout: section.seconds("idle_timeout_s", parts.idle, 1..=3_600),
            max_connections: section.number("max_connections", parts.connections, 16..=1_000_000),
            max_connections_per_address: section.number(
                "max_connections_per_address",
                parts.connections_per_address,
                1..=1_000_000,
            ),
            newcomer_grace: section.seconds("newcomer_grace_s", parts.newcomer_grace, 1..=60),
            max_header_bytes: section.number(
                "max_header_bytes",
                parts.head_bytes,
                Limits::MIN_HEAD_BYTES as u64..=1_048_576,
            ),
            allowed_networks: allowed(section.list("allowed_networks", &[])),
            http_networks: allowed(section.list("http_networks", &[])),
            trusted_proxies: section.list::<Network>("trusted_proxies", &[]).into_iter().collect(),
            proxy_protocol: section.switch("proxy_protocol", false),
            forwarded_header: section.value("forwarded_header", "x-forwarded-for"),
            authorization: AuthorizationOptions {
                challenge: section.value("challenge", "none"),
                realm: section.value("realm", Realm::default().as_str()),
                without_qop: section.switch("digest_without_qop", false),
            },
        };
        if handset.proxy_protocol && handset.trusted_proxies.is_empty() {
            let message = "names no proxy that could be believed: \
                           list the addresses of yours, or turn `proxy_protocol` off";
            section.problem_between(&["trusted_proxies", "proxy_protocol"], message);
        }
        if handset.answer_timeout >= handset.request_timeout {
            let message = "must be smaller than request_timeout_s, \
                           or phones would be cut off before they hear that they should come again";
            section.problem_between(&["answer_timeout_s", "request_timeout_s"], message);
        }
        handset
    }
}

impl HandsetSection {
    /// Those of `http` and of `https`, as far as there are any.
    pub(super) fn listeners(&self, tls: &TlsSection) -> Vec<Listener> {
        let listener = |key: &str, listen: &[SocketAddr], tls| Listener {
            name: None,
            key: key.to_owned(),
            listen: listen.to_vec(),
            tls,
            access: Access {
                allowed: self.allowed_networks.clone(),
                without_tls: self.http_networks.clone(),
                trusted_proxies: self.trusted_proxies.clone(),
                header: self.forwarded_header,
            },
            proxy_protocol: self.proxy_protocol,
            authorization: self.authorization.clone(),
            proofs: ProofSet::ALL,
        };
        let shown = TlsOptions {
            pairs: tls.pairs.clone(),
            clients: tls.clients.clone(),
            expired_clients: tls.expired_clients,
        };
        let both = [
            listener("handset.http", &self.http, None),
            listener("handset.https", &self.https, Some(shown)),
        ];
        both.into_iter().filter(|listener| !listener.listen.is_empty()).collect()
    }
}

/// An empty list means all: a gateway that serves nobody is not worth a notation.
fn allowed(networks: Vec<Network>) -> Networks {
    if networks.is_empty() { Networks::all() } else { networks.into_iter().collect() }
}

impl FromText for ForwardedHeader {
    fn from_text(text: &str) -> Result<ForwardedHeader, String> {
        let headers = [
            ("x-forwarded-for", ForwardedHeader::XForwardedFor),
            ("forwarded", ForwardedHeader::Forwarded),
        ];
        one_of(&text.to_ascii_lowercase(), &headers)
    }
}

impl FromText for Challenge {
    fn from_text(text: &str) -> Result<Challenge, String> {
        let challenges = [
            ("none", Challenge::None),
            ("basic", Challenge::Basic),
            ("digest-md5", Challenge::DigestMd5),
            ("digest-sha256", Challenge::DigestSha256),
            ("digest", Challenge::Digest),
        ];
        one_of(text, &challenges)
    }
}

impl FromText for Realm {
    fn from_text(text: &str) -> Result<Realm, String> {
        Realm::new(text).ok_or_else(|| {
            format!(
                "`{}` is no realm of 1 to {} printable ASCII characters without quotes and \
                 backslashes",
                text.escape_debug(),
                Realm::MAX
            )
        })
    }
}
