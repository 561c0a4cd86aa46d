//! Who may have a phone's secrets: what a request must show before it gets a file of a phone's own.
//!
//! Anybody can ask in a phone's name: a MAC is an identifier, not a secret. So the companies of a
//! device have a [`Policy`], which says what is proof enough; a request [shows](Shown) what it has,
//! and [`Policy::judge`] says what becomes of it. What a device showed before is its
//! [`AdmissionState`].

mod judge;
mod old_proofs;
mod policy;
mod state;
mod token;

pub use judge::{Judged, Lack, Missing, Shown, Variation, Verdict};
pub use old_proofs::{CompanyToken, OldCredentials, OldProofs};
pub use policy::{Mode, Policy, Proof, ProofSet, Varying};
pub use state::{AdmissionState, Lock, Pins};
pub use token::{TokenOf, UrlToken};
