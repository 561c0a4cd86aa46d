//! What a device may still come with when it is given to a company, or its credentials are changed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::domain::admission::{
    AdmissionState, CompanyToken, FormerCompany, OldCredentials, OldProofs, OldToken, Scope,
};
use crate::domain::{CompanyId, Credentials, Device};
use crate::registry::{Directory, Registry};

/// Numbers of tokens of phones that were nobody's: a phone that is deleted and made again within a
/// second gets another one than it had.
#[derive(Debug, Default)]
pub(in crate::registry) struct TokenNumbers(AtomicU32);

impl TokenNumbers {
    /// A number that this process gave to none, not below `least`.
    fn next(&self, least: u32) -> u32 {
        let next = |last: u32| least.max(last.saturating_add(1));
        let before =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        before.map_or(least, next)
    }
}

impl Registry {
    /// `after` as a device that may still come with what `before` has.
    pub(in crate::registry) fn keeping_old_proofs(
        &self,
        before: Option<&Device>,
        after: Device,
        directory: &Arc<Directory>,
    ) -> Device {
        let is_in = companies(&after);
        if is_in.is_empty() {
            return after;
        }
        match before.filter(|before| before.has_active_port()) {
            Some(before) => self.keeping_proofs_of(before, after, directory),
            None => {
                let token = self.token_numbers.next(after.admission.token);
                let mut old = OldProofs::NONE;
                old.company_tokens = is_in.iter().filter_map(|id| directory.token_of(id)).collect();
                let admission = AdmissionState { token, ..after.admission.clone() }.with_old(old);
                Device { admission, ..after }
            }
        }
    }

    fn keeping_proofs_of(
        &self,
        before: &Device,
        after: Device,
        directory: &Arc<Directory>,
    ) -> Device {
        let was = &before.admission;
        let mut old = was.old().clone();
        if was.token != after.admission.token {
            OldProofs::keep(
                &mut old.tokens,
                OldToken { number: was.token, scope: Scope::EVERYWHERE },
            );
        }
        if let Some(Credentials { user, password }) = self.replaced(before, &after, directory) {
            let replaced = self.clock.now();
            let latest = OldCredentials { user, password, replaced, scope: Scope::EVERYWHERE };
            OldProofs::keep(&mut old.credentials, latest);
        }
        let (was_in, is_in) = (companies(before), companies(&after));
        if was_in != is_in {
            old = given_to_others(was, old, &was_in);
            let token = |id: &CompanyId| match was_in.contains(id) {
                true => Some(CompanyToken { company: id.clone(), number: was.old().oldest_of(id) }),
                false => directory.token_of(id),
            };
            old.company_tokens = is_in.iter().filter_map(token).collect();
        }
        Device { admission: after.admission.clone().with_old(old), ..after }
    }

    /// The credentials of `before`, when `after` has others.
    fn replaced(
        &self,
        before: &Device,
        after: &Device,
        directory: &Arc<Directory>,
    ) -> Option<Credentials> {
        let of = |device: &Device| {
            self.compose_with(device.clone(), directory).credentials().ok().flatten()
        };
        let (old, new) = (of(before)?, of(after)?);
        (old != new).then_some(old)
    }
}

/// SECURITY: the companies that it was in know its tokens and credentials, and may not have what it
/// gets now. Yet it has no others: so they are proof in the network that it was known in.
fn given_to_others(
    was: &AdmissionState,
    old: OldProofs,
    was_in: &BTreeSet<CompanyId>,
) -> OldProofs {
    let network = was.pins.as_ref().map(|pins| pins.network);
    let mut old = old.known_to_others(network);
    for (company, network) in was_in.iter().zip(network.into_iter().cycle()) {
        old.companies.retain(|former| former.token.company != *company);
        let number = was.old().oldest_of(company);
        let token = CompanyToken { company: company.clone(), number };
        OldProofs::keep(&mut old.companies, FormerCompany { token, scope: Scope::only(network) });
    }
    old
}

impl Directory {
    /// The present token of a company; `None` for the first one, which needs no saying.
    fn token_of(&self, id: &CompanyId) -> Option<CompanyToken> {
        let company = self.companies.get(id)?;
        let number = self.policies.of(company, &self.system).company_token;
        (number > 0).then(|| CompanyToken { company: id.clone(), number })
    }
}

fn companies(device: &Device) -> BTreeSet<CompanyId> {
    device.companies().cloned().collect()
}
