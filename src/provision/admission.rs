//! Whether an active device gets its files: what its request shows, held against the policies of its
//! companies.

use super::Fetch;
use super::credentials::CredentialCheck;
use super::parse_cache::ParsedRequest;
use super::provisioner::Provisioner;
use crate::domain::admission::{Lack, Verdict};
use crate::domain::{Mac, Strength};
use crate::registry::{Admission, AdmissionEvidence, Arming, FoundToken, Known, RequestOutcome};

/// An active device whose request may have a file of the device's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admitted {
    pub mac: Mac,
    pub known: Known,
    /// What is missing, where the policy is only on record.
    pub reported: Option<Lack>,
    /// What it shows is to be noted, when it is sent a file.
    pub is_first: bool,
    /// What it was judged by.
    pub arming: Arming,
}

/// Why a request gets no file of a device's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct NotAdmitted {
    pub outcome: RequestOutcome,
    /// What its companies' policies ask for besides.
    pub lack: Option<Lack>,
}

impl From<RequestOutcome> for NotAdmitted {
    fn from(outcome: RequestOutcome) -> NotAdmitted {
        NotAdmitted { outcome, lack: None }
    }
}

/// What a request shows of what policies ask.
pub(super) fn shown<'a>(
    fetch: &'a Fetch,
    parsed: &'a ParsedRequest,
    proof: &CredentialCheck,
    token: Option<&'a FoundToken>,
    certificate: bool,
) -> AdmissionEvidence<'a> {
    let identity = &parsed.identity;
    // What a path tells is what was asked for, and no more than that.
    let is_named = identity.strength >= Strength::UserAgent;
    AdmissionEvidence {
        address: fetch.address,
        token,
        credentials: proof.is_proven(),
        certificate,
        is_expired: fetch.certificate.as_ref().is_some_and(|shown| shown.is_expired()),
        counting: fetch.counting,
        maker: identity.vendor.as_deref().filter(|_| is_named),
        model: identity.phone_type.as_ref().filter(|_| is_named),
        contradicts: identity.strength == Strength::Contradicted || identity.contradicts.is_some(),
    }
}

impl Provisioner {
    /// Holds what an active device's request shows against the policies of its companies.
    pub(super) fn judge(
        &self,
        mac: Mac,
        known: Known,
        evidence: AdmissionEvidence<'_>,
        proof: &CredentialCheck,
    ) -> Result<Admitted, NotAdmitted> {
        let Admission { verdict, is_first, is_proven, arming } = self.registry.admit(mac, evidence);
        // SECURITY: who shows too little besides retires none.
        if let CredentialCheck::Proven { retires: Some(retires) } = proof
            && is_proven
        {
            self.registry.note_credentials(mac, arming, &retires.0, retires.1);
        }
        let reported = match verdict {
            Verdict::Admitted => None,
            Verdict::Reported(lack) => Some(lack),
            Verdict::Refused(lack) => {
                return Err(NotAdmitted { outcome: RequestOutcome::NotAdmitted, lack: Some(lack) });
            }
        };
        Ok(Admitted { mac, known, reported, is_first, arming })
    }
}
