//! What a device may still come with after it was replaced: until it fetched a file that tells it the
//! new, and came with that, it has nothing else.

use serde::{Deserialize, Serialize, Serializer};

use crate::domain::settings::Secret;
use crate::domain::{CompanyId, Credentials, Timestamp};

/// What was replaced and is proof too until the device came with what was given to it later. Each
/// kind at most [`OldProofs::MAX`] times. Only of the companies that it is in: those it was in know
/// what it had, and may not have what it gets now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OldProofs {
    /// The numbers of its own tokens, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<u32>,
    /// How often the token of each of its companies had been changed when the device was given to
    /// the company or last came with one: an older one does not let it in. 0 where none is said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub company_tokens: Vec<CompanyToken>,
    /// Its credentials, where those were its own, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<OldCredentials>,
}

/// One of a company's tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyToken {
    /// Whose it is.
    pub company: CompanyId,
    /// Which of them.
    pub number: u32,
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
}

impl OldProofs {
    /// How many of a kind: as often may be replaced what a phone was told and not yet used.
    pub const MAX: usize = 4;
    /// It has what counts now.
    pub const NONE: OldProofs =
        OldProofs { tokens: Vec::new(), company_tokens: Vec::new(), credentials: Vec::new() };

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
