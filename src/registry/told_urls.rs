//! Which phones' files cannot tell them a URL of their own, so that they go on with what they were
//! pointed at, and with the token in it.

use std::collections::BTreeMap;

use super::reach::Counts;
use super::{Composition, Registry};
use crate::catalogue::PhoneType;
use crate::domain::admission::{Mode, Proof};
use crate::domain::settings::TokenInUrl;
use crate::domain::{CompanyId, PhoneId};

const SETTING: &str = "admission.token_in_url";

impl Composition {
    /// That the phone is to be told a URL with a token, and its files have no place for one.
    pub(super) fn untold_url(&self, id: PhoneId) -> Option<String> {
        let phone_type = self.phone_type()?;
        let company = self.device.phone(id.port)?.company()?.clone();
        self.token_in_url(&company)?;
        let settings = self.settings_of(phone_type, id.port).ok()?;
        let url = settings.provisioning.base_url.as_ref()?;
        if self.catalogue.tells_url(phone_type, url) {
            return None;
        }
        let PhoneType { description, .. } = phone_type;
        let scheme = url.split("://").next().unwrap_or_default();
        Some(format!(
            "{SETTING}: has no effect: the files of {description} name no {scheme} URL, and it goes \
             on with the token that it was pointed at"
        ))
    }
}

impl Registry {
    /// Which phones of the company nobody can have told another token than the company's, so that one
    /// that they have no more is no proof: one sentence for each reason. Takes some renderings for each
    /// type, and a walk over all devices: nothing for a thread that serves phones.
    #[must_use]
    pub fn without_own_token(&self, id: &CompanyId) -> Vec<String> {
        let directory = self.directory();
        let Some(company) = directory.companies.get(id) else { return Vec::new() };
        let policy = directory.policies.of(company, &directory.system);
        let counts = policy.require.iter().any(|enough| enough.contains(Proof::Token));
        if policy.mode == Mode::Off || !counts {
            return Vec::new();
        }
        let consequence = "what they were pointed at is no proof any more: point them at the new URL, \
                           or they need another proof";
        let catalogue = self.catalogue();
        let url = self.base_url_of(company, &directory);
        let url = url.filter(|_| policy.token_in_url == TokenInUrl::Phone);
        let mut told: BTreeMap<bool, Counts> = BTreeMap::new();
        for phones in self.memory.index.types_of(Some(id)) {
            let phone_type = catalogue.phone_type(&phones.phone_type);
            let is_told = url.as_ref().zip(phone_type);
            let is_told = is_told.is_some_and(|(url, of)| catalogue.tells_url(of, url));
            told.entry(is_told).or_default().add(&phones);
        }
        let untold = told.get(&false).map(|counts| {
            format!("{}: no file tells them a URL of their own; {consequence}", counts.in_words())
        });
        let has_told = told.contains_key(&true);
        let unserved = self.memory.index.unserved(id);
        let unserved = (has_told && unserved > 0).then(|| {
            format!("active phones that were sent no file yet: {unserved}; {consequence}")
        });
        untold.into_iter().chain(unserved).collect()
    }
}
