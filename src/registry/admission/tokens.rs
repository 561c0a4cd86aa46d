//! Whose a token is that a request shows.

use super::writer::{Arming, Noted};
use crate::domain::admission::{AdmissionState, OldProofs, Policy, TokenOf, UrlToken};
use crate::domain::settings::TokenInUrl;
use crate::domain::{Company, CompanyId, Mac};
use crate::registry::Registry;

/// Whose a token is that came with a request for a device.
#[derive(Debug)]
pub struct FoundToken {
    /// The number of the device's own, the present one or one from before.
    own: Option<u32>,
    /// The company that has it, and the number of it, the present one or one from before.
    of_company: Option<(CompanyId, u32)>,
    /// Whether who shows it walks no MACs with this one.
    vouches: bool,
}

impl FoundToken {
    /// Whether who shows it walks no MACs with this one: it is the phone's own, or that of a company
    /// which the phone is in, or of any company and the phone is in none yet. A company's token says
    /// nothing for the phones of others.
    #[must_use]
    pub fn vouches(&self) -> bool {
        self.vouches
    }
}

/// A token that proves something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProvingToken {
    /// The phone's own of that number, the present one or one from before.
    Own(u32),
    /// Its company's of that number, the present one or one from before.
    OfCompany(u32),
}

impl Registry {
    /// Finds out whose the token is.
    #[must_use]
    pub fn find_token(&self, mac: Mac, token: &UrlToken) -> FoundToken {
        let facts = self.memory.index.admission(mac);
        let state = facts.as_ref().map(|facts| &*facts.state);
        let of_company = self.company_of_token(token);
        let own = match of_company {
            Some(_) => None,
            None => self.own_token(mac, state, token),
        };
        let vouches = match (&facts, &of_company) {
            (None, found) => found.is_some(),
            (Some(_), None) => own.is_some(),
            (Some(facts), Some((id, _))) => facts.company == *id || facts.others.contains(id),
        };
        FoundToken { own, of_company, vouches }
    }

    /// The number of the device's own token, when it is one of them.
    ///
    /// SECURITY: as many hashes for each device, known or not, however many tokens it had: the time
    /// tells nothing.
    fn own_token(&self, mac: Mac, state: Option<&AdmissionState>, token: &UrlToken) -> Option<u32> {
        let seed = self.directory().system.password_seed?;
        let mut numbers = [None; OldProofs::MAX + 1];
        if let Some(state) = state {
            let old = state.old().tokens.iter().rev().copied();
            for (place, number) in numbers.iter_mut().zip(std::iter::once(state.token).chain(old)) {
                *place = Some(number);
            }
        }
        numbers.into_iter().find_map(|number| {
            let is_it = seed.is_token(TokenOf::Phone(mac, number.unwrap_or_default()), token);
            number.filter(|_| is_it)
        })
    }

    /// The company whose token it is, the present one or one before, and its number: of a phone that
    /// nobody promoted, too.
    #[must_use]
    pub fn company_of_token(&self, token: &UrlToken) -> Option<(CompanyId, u32)> {
        let directory = self.directory();
        let seed = directory.system.password_seed?;
        let tokens = directory.policies.tokens(&seed, &directory.companies, &directory.system);
        tokens.get(token).cloned()
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
        let is_later = |number| number > old.oldest_of(&company.id);
        let note = |noted| self.note_admission(mac, Arming::of(state), noted);
        let of_company = |number| Noted::CompanyToken { company: company.id.clone(), number };
        match token {
            ProvingToken::Own(number) if number == state.token => {
                if !old.tokens.is_empty() {
                    note(Noted::OwnToken(number));
                }
                // It has a URL of its own, and the company's no more.
                if policy.token_in_url == TokenInUrl::Phone && is_later(policy.company_token) {
                    note(of_company(policy.company_token));
                }
            }
            ProvingToken::Own(number) => {
                if old.tokens.first() != Some(&number) {
                    note(Noted::OwnToken(number));
                }
            }
            ProvingToken::OfCompany(number) => {
                if is_later(number) {
                    note(of_company(number));
                }
            }
        }
    }
}

impl FoundToken {
    /// What it proves to a company of its device.
    pub(super) fn proves_to(
        &self,
        company: &Company,
        policy: &Policy,
        state: &AdmissionState,
    ) -> Option<ProvingToken> {
        if let Some(number) = self.own {
            return Some(ProvingToken::Own(number));
        }
        let (_, number) = self.of_company.as_ref().filter(|(id, _)| *id == company.id)?;
        let counts =
            *number == policy.company_token || *number >= state.old().oldest_of(&company.id);
        counts.then_some(ProvingToken::OfCompany(*number))
    }
}
