//! What is known of how a device proved itself.

use ipnet::IpNet;
use serde::{Deserialize, Serialize, Serializer};

use super::Varying;
use crate::domain::settings::Secret;
use crate::domain::{Timestamp, TypeKey};

/// What a device showed before and what an operator said of it, as far as a policy looks at it.
/// Durable with its device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AdmissionState {
    /// Since when [`Proof::Window`](super::Proof::Window) counts: it was promoted, assigned or
    /// armed again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub armed: Option<Timestamp>,
    /// What it was first served with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pins: Option<Box<Pins>>,
    /// It gets nothing until it is armed again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<Lock>,
    /// The number of the phone's own token: when it was given, in seconds since 1970.
    #[serde(skip_serializing_if = "is_zero")]
    pub token: u32,
    /// The number of the one before, which is proof too until the phone came with the present one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_token: Option<u32>,
    /// How often its company's token had been changed when it last came with the present one: with
    /// an older one it is not let in again.
    #[serde(skip_serializing_if = "is_zero")]
    pub company_token_used: u32,
    /// The credentials before the present ones, where those are its own: proof too until it came
    /// with the present ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_credentials: Option<Box<OldCredentials>>,
    /// A hash of the credentials it last came with: those from before are no proof any more.
    #[serde(skip_serializing_if = "is_zero")]
    pub credentials_used: u32,
    /// Hashes of the ways in which it differed from its pins and that are on record, the oldest
    /// first; at most [`AdmissionState::MAX_VARIATIONS`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variations: Vec<u32>,
}

/// What a device was first served with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// When that was.
    pub at: Timestamp,
    /// The network it asked from: an IPv4 /24 or an IPv6 /64.
    pub network: IpNet,
    /// The maker that its User-Agent told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<String>,
    /// The model that its User-Agent told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<TypeKey>,
}

/// Credentials that a device has until it fetched others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldCredentials {
    /// The user's name.
    pub user: String,
    /// What goes with it.
    #[serde(serialize_with = "exposed")]
    pub password: Secret,
}

/// For the store, and for an export with secrets.
fn exposed<S: Serializer>(password: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(password.expose())
}

/// Why and since when a device gets nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Since then.
    pub at: Timestamp,
    /// What was another than it was first served with.
    pub because: Varying,
}

impl AdmissionState {
    /// A phone that is carried between a few places is recorded once for each.
    pub const MAX_VARIATIONS: usize = 8;

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == AdmissionState::default()
    }

    /// Given to a company at `now`: its window begins, and its own token is another one. The one
    /// before is what the phone's URL holds, until it fetched its new file.
    #[must_use]
    pub fn given(&self, now: Timestamp) -> AdmissionState {
        let had_one = self.armed.is_some();
        AdmissionState {
            old_token: had_one.then_some(self.old_token.unwrap_or(self.token)),
            token: number(now).max(self.token.saturating_add(1)),
            // It counted the tokens of the company before.
            company_token_used: 0,
            ..self.rearmed(now)
        }
    }

    /// With another token of its own; the last is proof until it came with the new one.
    #[must_use]
    pub fn with_new_token(&self, now: Timestamp) -> AdmissionState {
        AdmissionState {
            // One that was never used is not the one that the phone has.
            old_token: Some(self.old_token.unwrap_or(self.token)),
            token: number(now).max(self.token.saturating_add(1)),
            ..self.clone()
        }
    }

    /// Without what is secret in it.
    #[must_use]
    pub fn without_secrets(&self) -> AdmissionState {
        AdmissionState { old_credentials: None, ..self.clone() }
    }

    /// Armed again: what it is served with next are its pins, and its window begins.
    #[must_use]
    pub fn rearmed(&self, now: Timestamp) -> AdmissionState {
        AdmissionState {
            armed: Some(now),
            pins: None,
            locked: None,
            variations: Vec::new(),
            ..self.clone()
        }
    }
}

fn number(now: Timestamp) -> u32 {
    u32::try_from(now.seconds()).unwrap_or(u32::MAX)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
