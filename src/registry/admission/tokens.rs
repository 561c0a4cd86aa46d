//! Whose a token is that a request shows.

use super::AdmissionEvidence;
use super::writer::Noted;
use crate::domain::admission::{AdmissionState, Policy, TokenOf, UrlToken};
use crate::domain::settings::TokenInUrl;
use crate::domain::{Company, CompanyId, Mac};
use crate::registry::Registry;

/// A token that proves something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProvingToken {
    /// The phone's own of that number, the present one or one from before.
    Own(u32),
    /// Its company's of that number, the present one or one from before.
    OfCompany(u32),
    /// That of a company it was in.
    OfFormerCompany,
}

impl Registry {
    /// Whether who shows the token walks no MACs with this one: it is the phone's own, or that of a
    /// company which the phone is in, or nobody's phone yet. A company's token says nothing for the
    /// phones of others.
    #[must_use]
    pub fn vouches_for(&self, mac: Mac, token: &UrlToken) -> bool {
        let facts = self.memory.index.admission(mac);
        let of_company = self.company_of_token(token);
        let Some(facts) = facts else { return of_company.is_some() };
        let is_its_company =
            |id: &CompanyId| facts.company == *id || facts.others.iter().any(|other| other == id);
        let is_own = || {
            let seed = self.directory().system.password_seed?;
            let is = |number| seed.is_token(TokenOf::Phone(mac, number), token);
            let old = facts.state.old();
            Some(is(facts.state.token) || old.tokens.iter().any(|token| is(token.number)))
        };
        of_company.as_ref().is_some_and(is_its_company) || is_own().unwrap_or(false)
    }

    /// The company whose token it is, the present one or one before: of a phone that nobody
    /// promoted, too.
    #[must_use]
    pub fn company_of_token(&self, token: &UrlToken) -> Option<CompanyId> {
        let directory = self.directory();
        let seed = directory.system.password_seed?;
        let tokens = directory.policies.tokens(&seed, &directory.companies, &directory.system);
        tokens.get(token).map(|(company, _)| company.clone())
    }

    /// The token of a request, when it proves to the company that the request is of its phone.
    pub(super) fn shown_token(
        &self,
        mac: Mac,
        company: &Company,
        policy: &Policy,
        state: &AdmissionState,
        evidence: AdmissionEvidence<'_>,
    ) -> Option<ProvingToken> {
        let token = evidence.token?;
        let directory = self.directory();
        let seed = directory.system.password_seed?;
        let is_own = |number| seed.is_token(TokenOf::Phone(mac, number), token);
        if is_own(state.token) {
            return Some(ProvingToken::Own(state.token));
        }
        let old = state.old();
        let mut own = old.tokens.iter().filter(|old| old.scope.contains(evidence.address));
        if let Some(old) = own.find(|old| is_own(old.number)) {
            return Some(ProvingToken::Own(old.number));
        }
        let tokens = directory.policies.tokens(&seed, &directory.companies, &directory.system);
        let &(ref id, number) = tokens.get(token)?;
        if *id == company.id {
            let counts = number == policy.company_token || number >= old.oldest_of(id);
            return counts.then_some(ProvingToken::OfCompany(number));
        }
        let is_former = old.companies.iter().any(|former| {
            former.token.company == *id
                && number >= former.token.number
                && former.scope.contains(evidence.address)
        });
        is_former.then_some(ProvingToken::OfFormerCompany)
    }

    /// Notes which token the phone has: those from before are no proof from then on.
    pub(super) fn note_token(
        &self,
        mac: Mac,
        company: &Company,
        policy: &Policy,
        state: &AdmissionState,
        token: ProvingToken,
    ) {
        let old = state.old();
        let later = |number| number > old.oldest_of(&company.id);
        let note = |noted| self.note_admission(mac, noted);
        let of_company = |number| Noted::CompanyToken { company: company.id.clone(), number };
        match token {
            ProvingToken::Own(number) if number == state.token => {
                if !old.tokens.is_empty() || !old.companies.is_empty() {
                    note(Noted::OwnToken(number));
                }
                // It has a URL of its own, and the company's no more.
                if policy.token_in_url == TokenInUrl::Phone && later(policy.company_token) {
                    note(of_company(policy.company_token));
                }
            }
            ProvingToken::Own(number) => {
                if old.tokens.first().is_some_and(|oldest| oldest.number != number) {
                    note(Noted::OwnToken(number));
                }
            }
            ProvingToken::OfCompany(number) => {
                if later(number) || !old.companies.is_empty() {
                    note(of_company(number));
                }
            }
            ProvingToken::OfFormerCompany => {}
        }
    }
}
