//! Whether a request gets a file of a phone's own: the policies of its device's companies, and what
//! the device showed before.
//!
//! It is decided from memory. What is to be remembered of it is stored behind the answer
//! ([`writer`]), for all gateways.

mod commands;
mod policies;
mod writer;

use std::net::IpAddr;
use std::sync::Arc;

use super::Registry;
use super::index::AdmissionFacts;
use crate::domain::admission::{
    AdmissionState, Judged, Mode, Policy, Shown, TokenOf, UrlToken, Verdict,
};
use crate::domain::{Company, CompanyId, Mac, TypeKey};

pub(super) use commands::below;
pub use commands::{ShownToken, TokenOwner};
pub(super) use policies::PolicyCache;
pub(super) use writer::{AdmissionWriter, Noted, channel};

/// What a request shows of what a policy asks.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionEvidence<'a> {
    /// Where it came from.
    pub address: IpAddr,
    /// The token that its URL holds, whosever that is.
    pub token: Option<&'a UrlToken>,
    /// Whether it showed user name and password of its phone.
    pub credentials: bool,
    /// Whether it showed a client certificate that holds its MAC.
    pub certificate: bool,
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
}

/// What a token proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProvenBy {
    /// The phone's own, or its company's.
    Present,
    /// The one before, which is proof until the present one was used.
    Old,
}

impl Registry {
    /// What becomes of a request of an active device. Costs two look-ups in memory where no policy is
    /// kept to.
    pub fn admit(&self, mac: Mac, evidence: AdmissionEvidence<'_>) -> Admission {
        let nothing_asked = Admission { verdict: Verdict::Admitted, is_first: false };
        let Some(AdmissionFacts { company, others, state }) = self.memory.index.admission(mac)
        else {
            return nothing_asked;
        };
        let directory = self.directory();
        let mut verdict = Verdict::Admitted;
        let mut is_proven = true;
        let at = self.clock.now();
        let mut asked = Vec::with_capacity(1);
        for id in std::iter::once(&company).chain(&others) {
            let Some(company) = directory.companies.get(id) else { continue };
            let policy = directory.policies.of(company, &directory.system);
            if policy.mode == Mode::Off {
                continue;
            }
            let token = self.proven_by(mac, company, &policy, &state, evidence.token);
            let shown = Shown {
                at,
                address: evidence.address,
                token: token.is_some(),
                credentials: evidence.credentials,
                certificate: evidence.certificate,
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
            self.note_judged(mac, shown, *judged);
            if *token == Some(ProvenBy::Present) {
                self.note_token(mac, company, policy, &state, evidence.token);
            }
        }
        Admission { verdict, is_first: is_known && state.pins.is_none() }
    }

    /// The device was sent a file of its own, for the first time since it was promoted or armed
    /// again: what it showed then is what it is known by.
    pub fn note_first_served(&self, mac: Mac, evidence: AdmissionEvidence<'_>) {
        let shown = Shown {
            at: self.clock.now(),
            address: evidence.address,
            token: false,
            credentials: false,
            certificate: false,
            maker: evidence.maker,
            model: evidence.model,
            contradicts: false,
        };
        self.note_admission(mac, Noted::Pins(shown.pins()));
    }

    /// Whether a token is that of the phone, the present or the one before, or that of a company: who
    /// has one does not walk MACs.
    #[must_use]
    pub fn is_token_of(&self, mac: Mac, token: &UrlToken) -> bool {
        let own = || {
            let state = self.memory.index.admission(mac)?.state;
            let seed = self.directory().system.password_seed?;
            let is = |number| seed.is_token(TokenOf::Phone(mac, number), token);
            Some(is(state.token) || state.old_token.is_some_and(is))
        };
        self.company_of_token(token).is_some() || own().unwrap_or(false)
    }

    /// The company whose token it is, the present or the one before: of a phone that nobody
    /// promoted, too.
    #[must_use]
    pub fn company_of_token(&self, token: &UrlToken) -> Option<CompanyId> {
        let directory = self.directory();
        let seed = directory.system.password_seed?;
        let tokens = directory.policies.tokens(&seed, &directory.companies, &directory.system);
        tokens.get(token).map(|(company, _)| company.clone())
    }

    /// Whether the company of a token has phones that nobody promoted sent a holding file.
    #[must_use]
    pub fn gives_holding_files(&self, company: &CompanyId) -> bool {
        let directory = self.directory();
        let company = directory.companies.get(company);
        company.is_some_and(|company| directory.policies.of(company, &directory.system).holding)
    }

    fn note_judged(&self, mac: Mac, shown: &Shown<'_>, judged: Judged) {
        if let Some(variation) = judged.variation {
            let (address, maker) = (shown.address, shown.maker.map(str::to_owned));
            let model = shown.model.cloned();
            let locks = judged.locks;
            let noted = Noted::Variation { variation, locks, address, maker, model };
            self.note_admission(mac, noted);
        }
    }

    fn proven_by(
        &self,
        mac: Mac,
        company: &Company,
        policy: &Policy,
        state: &AdmissionState,
        token: Option<&UrlToken>,
    ) -> Option<ProvenBy> {
        let token = token?;
        let directory = self.directory();
        let seed = directory.system.password_seed?;
        let is_own = |number| seed.is_token(TokenOf::Phone(mac, number), token);
        if is_own(state.token) {
            return Some(ProvenBy::Present);
        }
        if state.old_token.is_some_and(is_own) {
            return Some(ProvenBy::Old);
        }
        let tokens = directory.policies.tokens(&seed, &directory.companies, &directory.system);
        let (_, number) = tokens.get(token).filter(|(id, _)| *id == company.id)?;
        if *number == policy.company_token {
            return Some(ProvenBy::Present);
        }
        (state.company_token_used < policy.company_token).then_some(ProvenBy::Old)
    }

    /// That the phone came with the present token is to be known when it comes with the one before.
    fn note_token(
        &self,
        mac: Mac,
        company: &Company,
        policy: &Policy,
        state: &AdmissionState,
        token: Option<&UrlToken>,
    ) {
        let is_changed = state.company_token_used < policy.company_token;
        if state.old_token.is_none() && !is_changed {
            return;
        }
        let Some((token, seed)) = token.zip(self.directory().system.password_seed) else { return };
        if seed.is_token(TokenOf::Company(company, policy.company_token), token) {
            if is_changed {
                self.note_admission(mac, Noted::CompanyToken(policy.company_token));
            }
        } else if state.old_token.is_some() {
            self.note_admission(mac, Noted::OwnToken(state.token));
        }
    }

    pub(super) fn note_admission(&self, mac: Mac, noted: Noted) {
        // A full queue drops it; the next request tells it again.
        let _ = self.admission_notes.try_send((mac, noted));
    }

    /// The policy of a company, or of the system where there is none of that name.
    #[must_use]
    pub fn policy(&self, company: &CompanyId) -> Arc<Policy> {
        let directory = self.directory();
        match directory.companies.get(company) {
            Some(company) => directory.policies.of(company, &directory.system),
            None => Arc::default(),
        }
    }
}
