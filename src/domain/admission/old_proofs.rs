//! What a device may still come with after it was replaced: until it fetched a file that tells it the
//! new, and came with that, it has nothing else.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize, Serializer};

use crate::domain::settings::Secret;
use crate::domain::{CompanyId, Credentials, Timestamp};

/// What was replaced and is proof too until the device came with what was given to it later. Each
/// kind at most [`OldProofs::MAX`] times.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OldProofs {
    /// Its own tokens, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<OldToken>,
    /// How often the token of each of its companies had been changed when the device was given to
    /// the company or last came with one: an older one does not let it in. 0 where none is said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub company_tokens: Vec<CompanyToken>,
    /// The companies that it was in, whose tokens it may have, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub companies: Vec<FormerCompany>,
    /// Its credentials, where those were its own or another company's, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<OldCredentials>,
}

/// A token that a device has until it fetched another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldToken {
    /// Its number.
    pub number: u32,
    /// Where it is proof.
    #[serde(default, skip_serializing_if = "Scope::is_everywhere")]
    pub scope: Scope,
}

/// One of a company's tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyToken {
    /// Whose it is.
    pub company: CompanyId,
    /// Which of them.
    pub number: u32,
}

/// A company whose token a device has until it fetched another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerCompany {
    /// The oldest of its tokens that the device may have.
    #[serde(flatten)]
    pub token: CompanyToken,
    /// Where it is proof.
    pub scope: Scope,
}

/// Credentials that a device has until it fetched others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldCredentials {
    /// The user's name.
    pub user: String,
    /// What goes with it.
    #[serde(serialize_with = "exposed")]
    pub password: Secret,
    /// When there were others.
    #[serde(default)]
    pub replaced: Timestamp,
    /// Where they are proof.
    #[serde(default, skip_serializing_if = "Scope::is_everywhere")]
    pub scope: Scope,
}

/// Where something is proof: everywhere, or only in the network that the device was known in, since
/// others know it who may not have the device's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(Option<IpNet>);

impl Scope {
    /// Everywhere.
    pub const EVERYWHERE: Scope = Scope(None);

    /// Only in that network.
    #[must_use]
    pub fn only(network: IpNet) -> Scope {
        Scope(Some(network))
    }

    /// Whether it is one of its addresses.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.is_none_or(|network| network.contains(&address))
    }

    fn is_everywhere(&self) -> bool {
        self.0.is_none()
    }
}

impl OldProofs {
    /// How many of a kind: as often may be replaced what a phone was told and not yet used.
    pub const MAX: usize = 4;
    /// It has what counts now.
    pub const NONE: OldProofs = OldProofs {
        tokens: Vec::new(),
        company_tokens: Vec::new(),
        companies: Vec::new(),
        credentials: Vec::new(),
    };

    /// The oldest of the company's tokens that is proof of the device.
    #[must_use]
    pub fn oldest_of(&self, company: &CompanyId) -> u32 {
        let of_it = self.company_tokens.iter().find(|token| token.company == *company);
        of_it.map_or(0, |token| token.number)
    }

    /// From now on only tokens of the company of that number or a later one are proof.
    pub fn came_with(&mut self, company: &CompanyId, number: u32) {
        match self.company_tokens.iter_mut().find(|token| token.company == *company) {
            Some(token) => token.number = token.number.max(number),
            // What none is said of is 0.
            None if number == 0 => {}
            None => self.company_tokens.push(CompanyToken { company: company.clone(), number }),
        }
    }

    /// Adds the latest of a kind. Where there is no room one between goes: a phone that slept
    /// through all of it has the oldest.
    pub fn keep<T>(old: &mut Vec<T>, latest: T) {
        if old.len() >= OldProofs::MAX {
            old.remove(1);
        }
        old.push(latest);
    }

    /// Those of `self` that others know by now who may not have the device's files: each is proof
    /// only in its network, or nowhere when none is known.
    #[must_use]
    pub fn known_to_others(self, network: Option<IpNet>) -> OldProofs {
        let Some(network) = network else { return OldProofs::NONE };
        let OldProofs { mut tokens, company_tokens, companies, mut credentials } = self;
        let limit = |scope: &mut Scope| *scope = Scope(scope.0.or(Some(network)));
        tokens.iter_mut().for_each(|old| limit(&mut old.scope));
        credentials.iter_mut().for_each(|old| limit(&mut old.scope));
        OldProofs { tokens, company_tokens, companies, credentials }
    }
}

impl From<OldCredentials> for Credentials {
    fn from(OldCredentials { user, password, .. }: OldCredentials) -> Credentials {
        Credentials { user, password }
    }
}

/// For the store, and for an export with secrets.
fn exposed<S: Serializer>(password: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(password.expose())
}
