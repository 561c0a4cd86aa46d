//! What is known of how a device proved itself.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{OldProofs, Varying};
use crate::domain::{Timestamp, TypeKey, neighbourhood};

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
    /// When it was last given to a company: what had been replaced by then is nothing to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<Timestamp>,
    /// The number of the phone's own token: when it was given, in seconds since 1970, or more.
    #[serde(skip_serializing_if = "is_zero")]
    pub token: u32,
    /// A hash of the credentials it last came with: those from before are no proof any more.
    #[serde(skip_serializing_if = "is_zero")]
    pub credentials_used: u32,
    /// What it may still come with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Box<OldProofs>>,
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

impl Pins {
    /// Those of a request.
    #[must_use]
    pub fn of(
        at: Timestamp,
        address: IpAddr,
        maker: Option<&str>,
        model: Option<&TypeKey>,
    ) -> Pins {
        let network = neighbourhood(address);
        Pins { at, network, maker: maker.map(str::to_owned), model: model.cloned() }
    }
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

    /// What it may still come with.
    #[must_use]
    pub fn old(&self) -> &OldProofs {
        static NONE: OldProofs = OldProofs::NONE;
        self.old.as_deref().unwrap_or(&NONE)
    }

    /// With that as what it may still come with.
    #[must_use]
    pub fn with_old(self, old: OldProofs) -> AdmissionState {
        let old = (old != OldProofs::NONE).then(|| Box::new(old));
        AdmissionState { old, ..self }
    }

    /// Given to a company at `now`: its window begins, and its own token is another one. What it
    /// may still come with is for who knows the companies to say.
    #[must_use]
    pub fn given(&self, now: Timestamp) -> AdmissionState {
        AdmissionState { given: Some(now), token: self.next_token(now), ..self.rearmed(now) }
    }

    /// With another token of its own; those before are proof until it came with a later one.
    #[must_use]
    pub fn with_new_token(&self, now: Timestamp) -> AdmissionState {
        let mut old = self.old().clone();
        OldProofs::keep(&mut old.tokens, self.token);
        AdmissionState { token: self.next_token(now), ..self.clone() }.with_old(old)
    }

    /// Another number than all before.
    fn next_token(&self, now: Timestamp) -> u32 {
        let seconds = u32::try_from(now.seconds()).unwrap_or(u32::MAX);
        seconds.max(self.token.saturating_add(1))
    }

    /// Without what is secret in it.
    #[must_use]
    pub fn without_secrets(&self) -> AdmissionState {
        let old = OldProofs { credentials: Vec::new(), ..self.old().clone() };
        self.clone().with_old(old)
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
