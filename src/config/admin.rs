//! `[admin]`: the operators' API, apart from the phones.

use std::net::SocketAddr;
use std::time::Duration;

use super::from_text::{FromText, one_of};
use super::reader::Section;
use super::tls::{clients, pairs};
use crate::admin::{AdminOptions, SecondFactorRule};
use crate::net::tls::{ClientCertificates, PairFiles};

/// What `[admin]` says.
#[derive(Debug, Clone, PartialEq)]
pub struct AdminSection {
    /// Empty: no API.
    pub listen: Vec<SocketAddr>,
    /// Empty: plain HTTP.
    pub pairs: Vec<PairFiles>,
    /// Whether operators are asked for a certificate.
    pub clients: ClientCertificates,
    /// Whether the common name of one signs the user of that login in.
    pub certificate_login: bool,
    /// Where plain HTTP may be spoken.
    pub plain_http: PlainHttp,
    /// Whether everybody who signs in with a password must have a second factor.
    pub second_factor: SecondFactorRule,
    /// Connections at a time, 8 to 65,536; of all listeners of operators together.
    pub max_connections: usize,
    /// Connections at a time from one address (IPv6: a /64), 1 to 65,536.
    pub max_connections_per_address: u32,
    /// The longest body of a request in bytes, 4 KiB to 64 MiB.
    pub max_body_bytes: usize,
    /// A session ends when it was not used for so long.
    pub session_idle: Duration,
    /// And at the latest so long after the login.
    pub session_max: Duration,
}

/// Where operators may be listened to without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// On addresses that only this machine reaches.
    Loopback,
    /// On any: a proxy, a tunnel or a wire of its own hides what is said.
    Anywhere,
}

impl AdminSection {
    pub(super) fn read(mut section: Section<'_>) -> AdminSection {
        let parts = AdminOptions::default();
        let limits = AdminOptions::listener_limits();
        let admin = AdminSection {
            listen: section.list("listen", &["127.0.0.1:8081"]),
            pairs: pairs(&mut section, &[]),
            clients: clients(&mut section, &ClientCertificates::Off),
            certificate_login: section.switch("certificate_login", false),
            plain_http: section.value("plain_http", "loopback"),
            second_factor: section.value("second_factor", "optional"),
            max_connections: section.number("max_connections", limits.connections, 8..=65_536),
            max_connections_per_address: section.number(
                "max_connections_per_address",
                limits.connections_per_address,
                1..=65_536,
            ),
            max_body_bytes: section.number("max_body_bytes", parts.body_bytes, 4_096..=67_108_864),
            session_idle: section.seconds("session_idle_s", parts.sessions.idle, 60..=604_800),
            session_max: section.seconds("session_max_s", parts.sessions.absolute, 60..=2_592_000),
        };
        if admin.clients != ClientCertificates::Off && admin.pairs.is_empty() {
            let keys = ["client_certificates", "certificate"];
            section.problem_between(&keys, "needs TLS: set `certificate` and `key` as well");
        }
        if admin.certificate_login && admin.clients == ClientCertificates::Off {
            let keys = ["certificate_login", "client_certificates"];
            let message = "needs `client_certificates` to be \"optional\" or \"required\"";
            section.problem_between(&keys, message);
        }
        if admin.session_idle > admin.session_max {
            let keys = ["session_idle_s", "session_max_s"];
            section.problem_between(&keys, "must not be larger than session_max_s");
        }
        admin
    }
}

impl FromText for PlainHttp {
    fn from_text(text: &str) -> Result<PlainHttp, String> {
        one_of(text, &[("loopback", PlainHttp::Loopback), ("anywhere", PlainHttp::Anywhere)])
    }
}

impl FromText for SecondFactorRule {
    fn from_text(text: &str) -> Result<SecondFactorRule, String> {
        let rules =
            [("optional", SecondFactorRule::Optional), ("required", SecondFactorRule::Required)];
        one_of(text, &rules)
    }
}
