//! What a device is to prove over HTTP, and what nonces are signed with.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::writer::{Arming, Noted};
use crate::ambient::Random;
use crate::catalogue::Catalogue;
use crate::domain::admission::{OldCredentials, OldProofs};
use crate::domain::settings::schema::ADMISSION;
use crate::domain::settings::{AdmissionSettings, Layer, UnreadableLayer, resolve};
use crate::domain::{Credentials, Mac};
use crate::registry::Registry;
use crate::registry::compose::common_credentials;

impl Registry {
    /// The credentials that prove an active device: `provisioning.user` and `provisioning.password`
    /// of the settings that count for the device as a whole, which its files tell it, and behind
    /// them those it may still have, the latest first. None when it has none now. Its layers are
    /// laid over each other for it, which takes longer than all else of a request.
    ///
    /// # Errors
    /// When a stored layer cannot be read.
    pub fn credentials(
        &self,
        catalogue: &Arc<Catalogue>,
        mac: Mac,
    ) -> Result<Vec<Credentials>, UnreadableLayer> {
        let Some(composition) = self.composition(catalogue, mac) else { return Ok(Vec::new()) };
        let Some(present) = composition.credentials()? else { return Ok(Vec::new()) };
        let directory = self.directory();
        let seed = directory.system.password_seed;
        let state = &composition.device.admission;
        let is_shared = composition.is_of_several_companies();
        let mut old = Vec::new();
        let system = &directory.system.settings;
        for company in composition.device.companies().filter_map(|id| directory.companies.get(id)) {
            // SECURITY: what all companies had is nothing to one that has its own, nor what a company
            // had to a phone that has its own.
            let settings = resolve(&[&self.gateway_layer, system, &company.settings])?.provisioning;
            if settings.user.zip(settings.password)
                != Some((present.user.clone(), present.password.clone()))
            {
                continue;
            }
            // SECURITY: nor what one company says of before to who is of another, too.
            if !is_shared {
                old.extend(old_of(&company.settings)?);
            }
            if company.settings.to_json()["provisioning"].get("password").is_none() {
                old.extend(old_of(system)?);
            }
        }
        // SECURITY: nor to one that came later, and never had it.
        old.retain(|old| state.given.is_none_or(|given| given <= old.replaced));
        old.extend(state.old().credentials.iter().cloned());
        old.sort_by_key(|old| std::cmp::Reverse(old.replaced));
        let mut all = vec![present];
        all.extend(old.into_iter().map(Credentials::from));
        // It came with those: what there was before is in no phone any more.
        let is_used = |one: &Credentials| {
            seed.is_some_and(|seed| seed.credentials_hash(one) == state.credentials_used)
        };
        if let Some(used) = all.iter().position(is_used) {
            all.truncate(used + 1);
        }
        Ok(all)
    }

    /// The device came with credentials of its own: those from before are no proof of it any more.
    pub fn note_credentials(
        &self,
        mac: Mac,
        arming: Arming,
        shown: &Credentials,
        are_present: bool,
    ) {
        if let Some(seed) = self.directory().system.password_seed {
            let hash = seed.credentials_hash(shown);
            self.note_admission(mac, arming, Noted::Credentials { hash, are_present });
        }
    }

    /// `after` with the credentials that `before` came to with the layers below, when `after` comes to
    /// others: phones have the old ones until they fetch a file that tells them the new ones.
    pub(in crate::registry) fn keeping_old_credentials(
        &self,
        below: &[&Layer],
        before: &Layer,
        after: Layer,
    ) -> Layer {
        let of = |layer| {
            let layers: Vec<&Layer> = below.iter().copied().chain([layer]).collect();
            let settings = resolve(&layers).ok()?.provisioning;
            Some(Credentials { user: settings.user?, password: settings.password? })
        };
        let said = |layer: &Layer| layer.to_json()[ADMISSION]["old_credentials"].clone();
        let (Some(replaced), Some(new)) = (of(before), of(&after)) else { return after };
        // Who says what was before is not contradicted.
        if replaced == new || said(before) != said(&after) {
            return after;
        }
        let latest = json!({
            "user": replaced.user, "password": replaced.password.expose(),
            "replaced": self.clock.now().seconds(),
        });
        let kept = said(before);
        let numbers = (1..=OldProofs::MAX).rev();
        let mut old: Vec<Value> =
            numbers.filter_map(|number| kept.get(number.to_string()).cloned()).collect();
        OldProofs::keep(&mut old, latest);
        let all: Map<String, Value> = (1..)
            .zip(old.into_iter().rev())
            .map(|(n, old): (u32, _)| (n.to_string(), old))
            .collect();
        after.patched(&json!({ ADMISSION: { "old_credentials": all } })).unwrap_or(after)
    }

    /// Those of whoever is no active device: what is set for all. They are made anew when
    /// [`Registry::common_version`] changes.
    ///
    /// # Errors
    /// When a stored layer cannot be read.
    pub fn common_credentials(&self) -> Result<Vec<Credentials>, UnreadableLayer> {
        let directory = self.directory();
        let Some(present) = common_credentials(&self.gateway_layer, &directory.system)? else {
            return Ok(Vec::new());
        };
        let mut all = vec![present];
        all.extend(old_of(&directory.system.settings)?.into_iter().map(Credentials::from));
        Ok(all)
    }

    /// The key that nonces are signed with: the same for all gateways on a store and after a
    /// restart, as long as the store has a secret of its own to make it of.
    #[must_use]
    pub fn nonce_key(&self, random: &dyn Random) -> [u8; 32] {
        let seed = self.directory().system.password_seed;
        seed.map_or_else(
            || {
                let mut key = [0; 32];
                random.fill(&mut key);
                key
            },
            |seed| seed.nonce_key(),
        )
    }
}

/// The credentials that a layer says were there before.
fn old_of(layer: &Layer) -> Result<Vec<OldCredentials>, UnreadableLayer> {
    let old = AdmissionSettings::resolve(&[layer])?.old_credentials.into_values();
    let whole = old.filter_map(|old| {
        let replaced = old.replaced.unwrap_or_default().into();
        let (user, password) = old.user.zip(old.password)?;
        Some(OldCredentials { user, password, replaced })
    });
    Ok(whole.collect())
}
