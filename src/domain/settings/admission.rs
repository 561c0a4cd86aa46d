//! What is asked of requests: settings that no phone is told.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::overlay::{Overlay, layered};
use super::schema::Kind;
use super::value::{AdmissionMode, Contradictions, ExpiredCertificates, Secret, TokenInUrl};
use super::{Layer, UnreadableLayer};
use crate::domain::admission::{OldProofs, Varying};

layered! {
    /// What a request must show before it gets a file of a phone's own.
    pub struct AdmissionSettings {
        /// Whether that is kept to, only put on record, or not looked at.
        pub mode: Option<AdmissionMode> = Kind::Choice(AdmissionMode::NAMES),
        /// What is proof enough: any of these.
        pub require: Vec<String> = Kind::List { of: &Kind::Proofs, max: 8 },
        /// The networks that are proof, where `require` names them.
        pub networks: Vec<String> = Kind::List { of: &Kind::Net, max: 64 },
        /// How long after it was promoted, assigned or armed again a phone is in its window, where
        /// `require` names that.
        pub window_minutes: Option<u32> = Kind::Integer { min: 1, max: 43_200, unit: "minutes" },
        /// What locks a phone when it is another than when it was first served, until it is armed
        /// again. Each such change is on record in any case.
        pub lock_on_change: Vec<String> = Kind::List { of: &Kind::Choice(Varying::NAMES), max: 3 },
        /// What becomes of a request whose address block, User-Agent and file contradict each
        /// other, whatever it proves.
        pub contradictions: Option<Contradictions> = Kind::Choice(Contradictions::NAMES),
        /// Whether the certificate of a phone is proof when it has expired, as those of many old
        /// phones have; what a listener does not let through is none in any case.
        pub expired_certificates: Option<ExpiredCertificates> = Kind::Choice(ExpiredCertificates::NAMES),
        /// Whether a phone that nobody promoted gets a holding file, when its URL holds the
        /// company's token.
        pub holding: Option<bool> = Kind::Bool,
        /// Whose token the URLs in phones' files hold.
        pub token_in_url: Option<TokenInUrl> = Kind::Choice(TokenInUrl::NAMES),
        /// Which of its tokens the company has; each number is another one, and it only rises. The
        /// three before are proof too, for each phone that had them until it came with a later one.
        pub company_token: Option<u32> = Kind::Integer { min: 0, max: 1_000_000_000, unit: "" },
        /// What `provisioning.user` and `provisioning.password` were before, the latest first: proof
        /// too, for each phone that had them until it came with later ones. Kept by itself when
        /// those are changed.
        pub old_credentials: BTreeMap<u16, ReplacedCredentials> = Kind::Numbered { max: OldProofs::MAX as u16, of: ReplacedCredentials::FIELDS },
    }
}

layered! {
    /// Credentials that there were.
    pub struct ReplacedCredentials {
        /// The user name.
        pub user: Option<String> = Kind::AuthUser,
        /// The password that went with it.
        pub password: Option<Secret> = Kind::Secret,
        /// When there were others: no proof of phones that the company got later.
        pub replaced: Option<u32> = Kind::Integer { min: 0, max: u32::MAX as u64, unit: "seconds since 1970" },
    }
}

/// A layer as far as it is about admission.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    admission: AdmissionSettings,
}

impl AdmissionSettings {
    /// What `layers` say of it, the lowest first.
    ///
    /// # Errors
    /// [`UnreadableLayer`] when a layer's stored text is not of this schema.
    pub fn resolve(layers: &[&Layer]) -> Result<AdmissionSettings, UnreadableLayer> {
        let mut all = AdmissionSettings::default();
        for layer in layers.iter().filter(|layer| !layer.is_empty()) {
            let document: Document = serde_json::from_str(layer.as_stored())?;
            all.overlay(document.admission);
        }
        Ok(all)
    }
}
