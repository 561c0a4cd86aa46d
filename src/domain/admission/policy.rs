//! What is proof enough.

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use crate::domain::settings::AdmissionMode as Mode;
use crate::domain::settings::{AdmissionSettings, Contradictions, ExpiredCertificates, TokenInUrl};

/// One thing that a request can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// It comes from one of the policy's networks.
    Network,
    /// The URL holds a token of the phone or of its company.
    Token,
    /// User name and password over HTTP.
    Credentials,
    /// A client certificate that holds its MAC, of an authority that is trusted with it.
    Certificate,
    /// It comes soon after it was promoted, assigned or armed again.
    Window,
    /// It comes from the network that it was first served in.
    Pinned,
}

impl Proof {
    /// Every proof, in the order of the documentation.
    pub const ALL: [Proof; 6] = [
        Proof::Network,
        Proof::Token,
        Proof::Credentials,
        Proof::Certificate,
        Proof::Window,
        Proof::Pinned,
    ];

    /// The name as settings spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Proof::Network => "network",
            Proof::Token => "token",
            Proof::Credentials => "credentials",
            Proof::Certificate => "certificate",
            Proof::Window => "window",
            Proof::Pinned => "pinned",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Proofs that are enough together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProofSet(u8);

/// The text is no set of proofs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not one or more of network, token, credentials, certificate, window, pinned, each once, with + \
     between"
)]
pub struct InvalidProofSet;

impl ProofSet {
    /// None.
    pub const NONE: ProofSet = ProofSet(0);

    /// Every proof there is.
    pub const ALL: ProofSet = ProofSet((1 << Proof::ALL.len()) - 1);

    /// This set and `proof`, when `is_shown`.
    #[must_use]
    pub fn with(self, proof: Proof, is_shown: bool) -> ProofSet {
        ProofSet(if is_shown { self.0 | proof.bit() } else { self.0 })
    }

    /// Whether `proof` is one of them.
    #[must_use]
    pub fn contains(self, proof: Proof) -> bool {
        self.0 & proof.bit() != 0
    }

    /// Whether all of `other` are among them.
    #[must_use]
    pub fn covers(self, other: ProofSet) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those that are in `other`, too.
    #[must_use]
    pub fn intersection(self, other: ProofSet) -> ProofSet {
        ProofSet(self.0 & other.0)
    }

    /// Those of them that are not in `shown`.
    #[must_use]
    pub fn missing(self, shown: ProofSet) -> ProofSet {
        ProofSet(self.0 & !shown.0)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Proof> for ProofSet {
    fn from_iter<I: IntoIterator<Item = Proof>>(proofs: I) -> ProofSet {
        proofs.into_iter().fold(ProofSet::NONE, |set, proof| set.with(proof, true))
    }
}

impl FromStr for ProofSet {
    type Err = InvalidProofSet;

    fn from_str(text: &str) -> Result<ProofSet, InvalidProofSet> {
        text.split('+').try_fold(ProofSet::NONE, |set, name| {
            let proof = Proof::ALL.into_iter().find(|proof| proof.as_str() == name.trim());
            let proof = proof.filter(|proof| !set.contains(*proof)).ok_or(InvalidProofSet)?;
            Ok(set.with(proof, true))
        })
    }
}

/// As settings spell it.
impl fmt::Display for ProofSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Proof::ALL.into_iter().filter(|proof| self.contains(*proof));
        let names: Vec<&str> = names.map(Proof::as_str).collect();
        f.write_str(&names.join("+"))
    }
}

/// What of a device can be another than it was when it was first served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Varying {
    /// The network it asks from.
    Network,
    /// The maker that its User-Agent tells.
    Maker,
    /// The model that its User-Agent tells.
    Model,
}

impl Varying {
    /// The names as settings spell them.
    pub const NAMES: &[&str] = &["network", "maker", "model"];

    /// The name as settings spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Varying::NAMES[self as usize]
    }
}

/// What a company asks of requests in its phones' names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whether it is kept to.
    pub mode: Mode,
    /// Any of these is enough.
    pub require: Vec<ProofSet>,
    /// What [`Proof::Network`] is about.
    pub networks: Vec<IpNet>,
    /// How long [`Proof::Window`] is, in seconds.
    pub window_s: u32,
    /// What locks a phone when it is another than at first.
    pub lock_on: Vec<Varying>,
    /// Whether what contradicts itself is refused, whatever it proves.
    pub refuse_contradictions: bool,
    /// Whether a certificate that has expired is none, where the listener lets it through.
    pub refuse_expired: bool,
    /// Whether a phone that nobody promoted and that shows the company's token gets a holding file.
    pub holding: bool,
    /// Whose token the URLs in its phones' files hold.
    pub token_in_url: TokenInUrl,
    /// How often the company's token was changed.
    pub company_token: u32,
}

/// Networks that nobody outside is in: RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291 and
/// loopback.
const PRIVATE_NETWORKS: [&str; 9] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
];

impl Policy {
    /// Proofs that are enough where nobody says otherwise: on a private network a phone is served
    /// once it is promoted, as always; over the internet it has to know something that a stranger
    /// does not.
    pub const REQUIRE: [&str; 4] = ["network", "token", "credentials", "certificate"];
    /// A shift: promoted in the morning, plugged in by the evening.
    pub const WINDOW_MINUTES: u32 = 8 * 60;

    /// What settings come to, with the defaults for what they leave out.
    #[must_use]
    pub fn of(settings: &AdmissionSettings) -> Policy {
        let require = match settings.require.is_empty() {
            true => read(Policy::REQUIRE),
            false => read(settings.require.iter().map(String::as_str)),
        };
        let networks = match settings.networks.is_empty() {
            true => read(PRIVATE_NETWORKS),
            false => read(settings.networks.iter().map(String::as_str)),
        };
        let locks =
            |varying: &Varying| settings.lock_on_change.iter().any(|name| name == varying.as_str());
        Policy {
            mode: settings.mode.unwrap_or(Mode::Enforce),
            require,
            networks,
            window_s: settings.window_minutes.unwrap_or(Policy::WINDOW_MINUTES) * 60,
            lock_on: [Varying::Network, Varying::Maker, Varying::Model]
                .into_iter()
                .filter(locks)
                .collect(),
            refuse_contradictions: settings.contradictions == Some(Contradictions::Refuse),
            refuse_expired: settings.expired_certificates == Some(ExpiredCertificates::Refuse),
            holding: settings.holding.unwrap_or(false),
            token_in_url: settings.token_in_url.unwrap_or(TokenInUrl::None),
            company_token: settings.company_token.unwrap_or(0),
        }
    }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy::of(&AdmissionSettings::default())
    }
}

/// Those that can be read, which settings are that were checked.
fn read<'a, T: FromStr>(texts: impl IntoIterator<Item = &'a str>) -> Vec<T> {
    texts.into_iter().filter_map(|text| text.parse().ok()).collect()
}
