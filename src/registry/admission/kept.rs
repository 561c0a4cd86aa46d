//! What a device may still come with when it is given to a company, or its credentials are changed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::domain::admission::{AdmissionState, CompanyToken, OldCredentials, OldProofs};
use crate::domain::{CompanyId, Credentials, Device, Phone};
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
        mut after: Device,
        directory: &Arc<Directory>,
    ) -> Device {
        let was = &before.admission;
        let (was_in, is_in) = (companies(before), companies(&after));
        if was_in != is_in {
            // SECURITY: who administers a company that it was in knows its tokens and credentials, and
            // may not have what it gets now.
            let token = |id: &CompanyId| match was_in.contains(id) {
                true => Some(CompanyToken { company: id.clone(), number: was.old().oldest_of(id) }),
                false => directory.token_of(id),
            };
            let company_tokens = is_in.iter().filter_map(token).collect();
            after.admission =
                after.admission.with_old(OldProofs { company_tokens, ..OldProofs::NONE });
            return without_own_credentials(before, after);
        }
        let mut old = was.old().clone();
        if was.token != after.admission.token {
            OldProofs::keep(&mut old.tokens, was.token);
        }
        if let Some(Credentials { user, password }) = self.replaced(before, &after, directory) {
            let replaced = self.clock.now();
            OldProofs::keep(&mut old.credentials, OldCredentials { user, password, replaced });
        }
        after.admission = after.admission.with_old(old);
        after
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

/// SECURITY: what the company before set for the phone itself is no proof to the next one. That one's
/// own credentials are the phone's then, if it has any.
fn without_own_credentials(before: &Device, mut after: Device) -> Device {
    let none = json!({ "provisioning": { "user": null, "password": null } });
    for (port, phone) in &mut after.phones {
        let was = before.phones.get(port).and_then(Phone::company);
        if was.is_some()
            && was != phone.company()
            && let Ok(settings) = phone.settings.patched(&none)
        {
            phone.settings = settings;
        }
    }
    after
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
