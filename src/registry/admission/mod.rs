//! Whether a request gets a file of a phone's own: the policies of its device's companies, and what
//! the device showed before.
//!
//! It is decided from memory. What is to be remembered of it is stored behind the answer
//! ([`writer`]), for all gateways.

mod commands;
mod credentials;
mod kept;
mod policies;
mod tokens;
mod writer;

use std::net::IpAddr;

use super::Registry;
use super::index::AdmissionFacts;
use crate::domain::admission::{
    Judged, Lack, Missing, Mode, Pins, Proof, ProofSet, Shown, Verdict,
};
use crate::domain::{CompanyId, Mac, TypeKey};

pub(super) use commands::below;
pub use commands::{GivenFileKeys, ShownToken, TokenChange};
pub(super) use kept::TokenNumbers;
pub(super) use policies::PolicyCache;
pub use tokens::FoundToken;
pub use writer::Arming;
pub(super) use writer::{AdmissionWriter, Noted, channel};

/// What a request shows of what a policy asks.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionEvidence<'a> {
    /// Where it came from.
    pub address: IpAddr,
    /// Whose the token is that its URL holds.
    pub token: Option<&'a FoundToken>,
    /// Whether it showed user name and password of its phone.
    pub credentials: bool,
    /// Whether it showed a client certificate that holds its MAC.
    pub certificate: bool,
    /// Whether the client certificate that it showed has expired.
    pub is_expired: bool,
    /// What counts as proof where it came in.
    pub counting: ProofSet,
    /// The maker that its User-Agent tells.
    pub maker: Option<&'a str>,
    /// The model that its User-Agent tells.
    pub model: Option<&'a TypeKey>,
    /// Whether what it says contradicts itself.
    pub contradicts: bool,
}

/// What becomes of a request of an active device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Whether it gets its file.
    pub verdict: Verdict,
    /// What the device is known by is still to be noted, when it was sent a file.
    pub is_first: bool,
    /// Whether it showed enough to all companies of the device: what it shows is the device's.
    pub is_proven: bool,
    /// What it was judged by.
    pub arming: Arming,
}

impl Admission {
    /// Nothing that it could show would be enough.
    fn refused(arming: Arming) -> Admission {
        let verdict = Verdict::Refused(Lack::Proof(Missing::default()));
        Admission { verdict, is_first: false, is_proven: false, arming }
    }
}

impl Registry {
    /// What becomes of a request of an active device. Costs two look-ups in memory where no policy is
    /// kept to.
    pub fn admit(&self, mac: Mac, evidence: AdmissionEvidence<'_>) -> Admission {
        let Some(AdmissionFacts { company, others, state }) = self.memory.index.admission(mac)
        else {
            // SECURITY: taken from everybody since the request was looked up.
            return Admission::refused(Arming::default());
        };
        let arming = Arming::of(&state);
        let directory = self.directory();
        let mut verdict = Verdict::Admitted;
        let mut is_proven = true;
        let at = self.clock.now();
        let mut asked = Vec::with_capacity(1);
        for id in std::iter::once(&company).chain(&others) {
            let Some(company) = directory.companies.get(id) else {
                // SECURITY: nobody can say what a company asks for that has just gone.
                return Admission::refused(arming);
            };
            let policy = directory.policies.of(company, &directory.system);
            if policy.mode == Mode::Off {
                continue;
            }
            let token = evidence.token.and_then(|found| found.proves_to(company, &policy, &state));
            let shown = Shown {
                at,
                address: evidence.address,
                token: token.is_some(),
                credentials: evidence.credentials,
                certificate: evidence.certificate,
                is_expired: evidence.is_expired,
                counting: evidence.counting,
                maker: evidence.maker,
                model: evidence.model,
                contradicts: evidence.contradicts,
            };
            let judged = policy.judge(&state, &shown);
            verdict = verdict.and(judged.verdict);
            is_proven &= judged.is_proven;
            asked.push((company, policy, token, shown, judged));
        }
        // SECURITY: only what shows enough to all its companies is remembered, also where a policy
        // refuses nothing yet: else a stranger would be what the phone is known by, lock it, or
        // retire the token that it still has.
        let is_known = is_proven && !asked.is_empty();
        for (company, policy, token, shown, judged) in asked.iter().filter(|_| is_known) {
            self.note_judged(mac, arming, shown, *judged);
            let counted = token.filter(|_| shown.counting.contains(Proof::Token));
            if let Some(token) = counted {
                self.note_token(mac, company, policy, &state, token);
            }
        }
        let is_first = is_known && state.pins.is_none();
        Admission { verdict, is_first, is_proven, arming }
    }

    /// The device was sent a file of its own, for the first time since it was promoted or armed
    /// again: what it showed then is what it is known by.
    pub fn note_first_served(&self, mac: Mac, arming: Arming, evidence: AdmissionEvidence<'_>) {
        let AdmissionEvidence { address, maker, model, .. } = evidence;
        let pins = Pins::of(self.clock.now(), address, maker, model);
        self.note_admission(mac, arming, Noted::Pins(pins));
    }

    /// Whether the company of a token has phones that nobody promoted sent a holding file.
    #[must_use]
    pub fn gives_holding_files(&self, company: &CompanyId) -> bool {
        let directory = self.directory();
        let company = directory.companies.get(company);
        company.is_some_and(|company| directory.policies.of(company, &directory.system).holding)
    }

    fn note_judged(&self, mac: Mac, arming: Arming, shown: &Shown<'_>, judged: Judged) {
        if let Some(variation) = judged.variation {
            let (address, maker) = (shown.address, shown.maker.map(str::to_owned));
            let model = shown.model.cloned();
            let locks = judged.locks;
            let noted = Noted::Variation { variation, locks, address, maker, model };
            self.note_admission(mac, arming, noted);
        }
    }

    pub(super) fn note_admission(&self, mac: Mac, arming: Arming, noted: Noted) {
        // A full queue drops it; the next request tells it again.
        let _ = self.admission_notes.try_send((mac, arming, noted));
    }
}
