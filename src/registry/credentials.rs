//! What a device is to prove over HTTP, and what nonces are signed with.

use std::sync::Arc;

use serde_json::json;

use super::admission::Noted;
use super::compose::common_credentials;
use super::{Directory, Registry};
use crate::ambient::Random;
use crate::catalogue::Catalogue;
use crate::domain::admission::OldCredentials;
use crate::domain::settings::schema::ADMISSION;
use crate::domain::settings::{AdmissionSettings, Layer, UnreadableLayer, resolve};
use crate::domain::{Credentials, Device, Mac};

impl Registry {
    /// The credentials that prove an active device: `provisioning.user` and `provisioning.password`
    /// of the settings that count for the device as a whole, which its files tell it. There may be
    /// several, the present ones first, any of which counts, or none. Not from memory alone: settings are read for it.
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
        if seed.is_some_and(|seed| state.credentials_used == seed.credentials_hash(&present)) {
            return Ok(vec![present]);
        }
        let mut all = vec![present];
        let own = state.old_credentials.as_deref().cloned();
        all.extend(own.map(|OldCredentials { user, password }| Credentials { user, password }));
        let system = &directory.system.settings;
        for company in composition.device.companies().filter_map(|id| directory.companies.get(id)) {
            // SECURITY: what all companies had is nothing to one that has its own, nor what a company
            // had to a phone that has its own.
            let settings = resolve(&[&self.gateway_layer, system, &company.settings])?.provisioning;
            let of_company = settings.user.zip(settings.password);
            if of_company != Some((all[0].user.clone(), all[0].password.clone())) {
                continue;
            }
            let own = company.settings.to_json()["provisioning"].get("password").is_some();
            let layers =
                if own { vec![&company.settings] } else { vec![system, &company.settings] };
            all.extend(old_of(&layers)?);
        }
        Ok(all)
    }

    /// The device came with its present credentials: those from before are no proof of it any more.
    pub fn note_credentials(&self, mac: Mac, present: &Credentials) {
        if let Some(seed) = self.directory().system.password_seed {
            self.note_admission(mac, Noted::Credentials(seed.credentials_hash(present)));
        }
    }

    /// `after` as a device that has the credentials of `before` until it fetched a file.
    pub(super) fn keeping_own_credentials(
        &self,
        before: Option<&Device>,
        mut after: Device,
        directory: &Arc<Directory>,
    ) -> Device {
        let of = |device: Device| self.compose_with(device, directory).credentials().ok().flatten();
        if let Some(before) = before.filter(|before| before.has_active_port())
            && after.has_active_port()
            && let Some(old) = of(before.clone())
            && of(after.clone()).is_some_and(|new| new != old)
        {
            let Credentials { user, password } = old;
            // Ones that were never used are not those that the phone has.
            let old = || Box::new(OldCredentials { user, password });
            after.admission.old_credentials.get_or_insert_with(old);
        }
        after
    }

    /// `after` with the credentials that `before` came to with the layers below, when `after` comes to
    /// others: phones have the old ones until they fetch a file that tells them the new ones.
    pub(super) fn keeping_old_credentials(below: &[&Layer], before: &Layer, after: Layer) -> Layer {
        let of = |layer| {
            let layers: Vec<&Layer> = below.iter().copied().chain([layer]).collect();
            let settings = resolve(&layers).ok()?.provisioning;
            Some(Credentials { user: settings.user?, password: settings.password? })
        };
        let said = |layer: &Layer| layer.to_json()[ADMISSION]["old_password"].clone();
        let (Some(old), Some(new)) = (of(before), of(&after)) else { return after };
        if old == new || said(before) != said(&after) {
            return after;
        }
        let old = json!({ "old_user": old.user, "old_password": old.password.expose() });
        after.patched(&json!({ ADMISSION: old })).unwrap_or(after)
    }

    /// Those of whoever is no active device: what is set for all. They are made anew when
    /// [`Registry::common_version`] changes.
    ///
    /// # Errors
    /// When a stored layer cannot be read.
    pub fn common_credentials(&self) -> Result<Vec<Credentials>, UnreadableLayer> {
        let directory = self.directory();
        let present = common_credentials(&self.gateway_layer, &directory.system)?;
        let old = present.as_ref().map(|_| old_of(&[&directory.system.settings])).transpose()?;
        Ok(present.into_iter().chain(old.flatten()).collect())
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

/// The credentials that layers say were there before.
fn old_of(layers: &[&Layer]) -> Result<Option<Credentials>, UnreadableLayer> {
    let settings = AdmissionSettings::resolve(layers)?;
    let pair = settings.old_user.zip(settings.old_password);
    Ok(pair.map(|(user, password)| Credentials { user, password }))
}
