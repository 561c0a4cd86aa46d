//! What a device may still come with when it is given to a company, or its credentials are changed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::domain::admission::{OldCredentials, OldProofs};
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
        match before {
            _ if is_in.is_empty() => after,
            Some(before) if companies(before) == is_in => {
                self.keeping_proofs_of(before, after, directory)
            }
            _ => self.given_to_others(before, after, directory),
        }
    }

    /// SECURITY: who administers a company that it was in knows its tokens and credentials, and may
    /// not have what it gets now.
    fn given_to_others(
        &self,
        before: Option<&Device>,
        mut after: Device,
        directory: &Directory,
    ) -> Device {
        let was_in = before.map(companies).unwrap_or_default();
        let mut old = OldProofs::NONE;
        for id in companies(&after) {
            let oldest = before.filter(|_| was_in.contains(&id));
            let number = oldest.map(|before| before.admission.old().oldest_of(&id));
            old.came_with(&id, number.unwrap_or_else(|| directory.token_number(&id)));
        }
        if was_in.is_empty() {
            after.admission.token = self.token_numbers.next(after.admission.token);
        }
        after.admission = after.admission.with_old(old);
        match before {
            Some(before) => without_own_credentials(before, after),
            None => after,
        }
    }

    fn keeping_proofs_of(
        &self,
        before: &Device,
        mut after: Device,
        directory: &Arc<Directory>,
    ) -> Device {
        let was = &before.admission;
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
    /// How often the token of a company was changed.
    fn token_number(&self, id: &CompanyId) -> u32 {
        let company = self.companies.get(id);
        company.map_or(0, |company| self.policies.of(company, &self.system).company_token)
    }
}

fn companies(device: &Device) -> BTreeSet<CompanyId> {
    device.companies().cloned().collect()
}
