//! The policies of companies, each read once, and whose tokens are whose.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::domain::admission::{Mode, Policy, TokenOf, UrlToken};
use crate::domain::settings::AdmissionSettings;
use crate::domain::{Company, CompanyId, PasswordSeed};
use crate::store::SystemSettings;

/// Changes of a company's token that a phone may sleep through. Each costs a hash for every company
/// after any of them changed.
pub(super) const OLD_TOKENS: u32 = 3;

/// What the settings of companies come to, as far as it is about admission. Kept for one state of
/// the directory and gone with it.
#[derive(Default)]
pub(in crate::registry) struct PolicyCache {
    // A std lock: nothing is awaited under it. As many as there are companies.
    policies: RwLock<HashMap<CompanyId, Arc<Policy>>>,
    tokens: OnceLock<HashMap<UrlToken, (CompanyId, u32)>>,
}

impl PolicyCache {
    /// The policy of the company, above that of the system.
    pub(in crate::registry) fn of(
        &self,
        company: &Company,
        system: &SystemSettings,
    ) -> Arc<Policy> {
        let kept = self.policies.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(policy) = kept.get(&company.id) {
            return policy.clone();
        }
        drop(kept);
        let policy = Arc::new(read(company, system));
        let mut kept = self.policies.write().unwrap_or_else(PoisonError::into_inner);
        kept.insert(company.id.clone(), policy.clone());
        policy
    }

    /// Whose each token is, and which of theirs: of every company its present one and the
    /// [`OLD_TOKENS`] before. A look-up by a hash that nobody knows takes no longer for a token that is nearly right.
    pub(super) fn tokens(
        &self,
        seed: &PasswordSeed,
        companies: &BTreeMap<CompanyId, Arc<Company>>,
        system: &SystemSettings,
    ) -> &HashMap<UrlToken, (CompanyId, u32)> {
        self.tokens.get_or_init(|| {
            let of_company = |company: &Arc<Company>| {
                let number = self.of(company, system).company_token;
                let id = company.id.clone();
                let token = |number| seed.token(TokenOf::Company(company, number));
                let numbers = number.saturating_sub(OLD_TOKENS)..=number;
                numbers.map(|number| (token(number), (id.clone(), number))).collect::<Vec<_>>()
            };
            companies.values().flat_map(of_company).collect()
        })
    }
}

/// SECURITY: what cannot be read asks for more than anybody shows. Such a store is damaged, or of a
/// newer version.
fn read(company: &Company, system: &SystemSettings) -> Policy {
    match AdmissionSettings::resolve(&[&system.settings, &company.settings]) {
        Ok(settings) => Policy::of(&settings),
        Err(error) => {
            tracing::error!(company = %company.id, %error, "a company's admission policy cannot be read");
            Policy { mode: Mode::Enforce, require: Vec::new(), ..Policy::default() }
        }
    }
}

/// Nothing: a directory is copied to be changed.
impl Clone for PolicyCache {
    fn clone(&self) -> PolicyCache {
        PolicyCache::default()
    }
}

impl fmt::Debug for PolicyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PolicyCache")
    }
}
