//! `[listener.NAME]`: a listener for phones with terms of its own.
//!
//! `http` and `https` of `[handset]` are the short form, for listeners that are all alike. What a
//! `[listener.NAME]` does not say is as in `[handset]` and `[tls]`.

use std::net::SocketAddr;

use super::from_text::{FromText, one_of};
use super::reader::Section;
use super::tls::{clients, expired_clients, pairs};
use super::{HandsetSection, TlsSection};
use crate::domain::admission::{Proof, ProofSet};
use crate::handset::{Access, AuthorizationOptions, Challenge};
use crate::net::tls::TlsOptions;
use crate::net::{Network, Networks};

/// Where phones ask, and on which terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// The NAME; `None` of `http` and `https` in `[handset]`.
    pub name: Option<String>,
    /// The key with its addresses, `handset.http` or `listener.NAME.listen`.
    pub key: String,
    /// Where it listens.
    pub listen: Vec<SocketAddr>,
    /// `None`: plain HTTP. Where it has no pair, the gateway's self-signed one is shown.
    pub tls: Option<TlsOptions>,
    /// Who may ask there, and who is believed about whom.
    pub access: Access,
    /// Whether each connection of a trusted proxy begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// What phones must prove over HTTP there.
    pub authorization: AuthorizationOptions,
    /// What counts there for the policies of companies; whatever else a phone shows proves nothing.
    pub proofs: ProofSet,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    Https,
}

/// The keys that only a listener with TLS has.
const OF_TLS: [&str; 5] =
    ["certificate", "key", "client_certificates", "client_ca", "expired_client_certificates"];

impl Listener {
    /// Reads the one of that name, with what `handset` and `tls` say where it says nothing.
    pub(super) fn read(
        name: &str,
        mut section: Section<'_>,
        handset: &HandsetSection,
        tls: &TlsSection,
    ) -> Listener {
        if !is_name(name) {
            let message = "is no name of a listener: 1 to 32 of a-z, 0-9 and `-`";
            section.problem(message);
        }
        let listen: Vec<SocketAddr> = section.list("listen", &[]);
        if listen.is_empty() && !section.is_bad("listen") {
            section.problem("needs `listen`, its addresses, such as [\"10.20.0.2:8080\"]");
        }
        let is_tls = section.value::<Protocol>("protocol", "https") == Protocol::Https;
        let proxies = section.optional_list("trusted_proxies").map(Networks::from_iter);
        let trusted_proxies = proxies.unwrap_or_else(|| handset.trusted_proxies.clone());
        let is_announced = handset.proxy_protocol && !trusted_proxies.is_empty();
        let listener = Listener {
            name: Some(name.to_owned()),
            key: format!("listener.{name}.listen"),
            listen,
            tls: read_tls(&mut section, tls, is_tls),
            proxy_protocol: section.switch("proxy_protocol", is_announced),
            access: Access {
                trusted_proxies,
                header: section.optional("forwarded_header").unwrap_or(handset.forwarded_header),
                ..networks(&mut section, handset)
            },
            authorization: AuthorizationOptions {
                challenge: section.optional("challenge").unwrap_or(handset.authorization.challenge),
                realm: handset.authorization.realm.clone(),
                without_qop: section
                    .switch("digest_without_qop", handset.authorization.without_qop),
            },
            proofs: section.optional_list("proofs").map_or(ProofSet::ALL, ProofSet::from_iter),
        };
        listener.check(&mut section);
        listener
    }

    /// The name of another of its keys.
    pub(super) fn key(&self, name: &str) -> String {
        let section = self.key.rsplit_once('.').map_or("", |(section, _)| section);
        format!("{section}.{name}")
    }

    fn check(&self, section: &mut Section<'_>) {
        if self.proxy_protocol && self.access.trusted_proxies.is_empty() {
            let message = "names no proxy that could be believed: \
                           list the addresses of yours, or turn `proxy_protocol` off";
            section.problem_between(&["trusted_proxies", "proxy_protocol"], message);
        }
        if self.access.allowed.is_empty() {
            let message = "has no address in common with handset.allowed_networks, \
                           so that nobody could ask: name networks that are in both";
            section.problem_between(&["networks"], message);
        }
        let asks_in_clear = self.tls.is_none()
            && self.authorization.challenge == Challenge::Basic
            && section.is_given("challenge");
        if asks_in_clear {
            let message = "is `basic`, a password that is asked for over TLS alone, and this \
                           listener is plain: say protocol = \"https\", or ask for a digest";
            section.problem_between(&["challenge", "protocol"], message);
        }
        let is_challenged = self.authorization.challenge != Challenge::None && !asks_in_clear;
        if is_challenged && !self.proofs.contains(Proof::Credentials) {
            let message = "leaves out `credentials`, for which `challenge` has each phone asked: \
                           they open nothing of themselves here";
            section.warn_between(&["proofs", "challenge"], message);
        }
    }
}

/// What [`OF_TLS`] says. Whoever says some of that of a plain listener means another protocol.
fn read_tls(section: &mut Section<'_>, tls: &TlsSection, is_tls: bool) -> Option<TlsOptions> {
    let clients = clients(section, &tls.clients);
    let options = TlsOptions {
        pairs: pairs(section, &tls.pairs),
        expired_clients: expired_clients(section, &clients, tls.expired_clients),
        clients,
    };
    if is_tls {
        return Some(options);
    }
    for key in OF_TLS {
        if !section.is_given(key) {
            continue;
        }
        let message = "is not used by a plain listener: say protocol = \"https\", or leave it out";
        section.problem_between(&[key, "protocol"], message);
    }
    None
}

/// Its own networks stand in the place of `http_networks`, and within `allowed_networks`.
fn networks(section: &mut Section<'_>, handset: &HandsetSection) -> Access {
    let allowed = &handset.allowed_networks;
    let own: Vec<Network> = section.list("networks", &[]);
    match own.is_empty() {
        true => Access {
            allowed: allowed.clone(),
            without_tls: handset.http_networks.clone(),
            ..Access::default()
        },
        false => Access { allowed: allowed.both(&own.into_iter().collect()), ..Access::default() },
    }
}

fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(is_part)
}

impl FromText for Protocol {
    fn from_text(text: &str) -> Result<Protocol, String> {
        one_of(text, &[("http", Protocol::Http), ("https", Protocol::Https)])
    }
}

impl FromText for Proof {
    fn from_text(text: &str) -> Result<Proof, String> {
        one_of(text, &Proof::ALL.map(|proof| (proof.as_str(), proof)))
    }
}
