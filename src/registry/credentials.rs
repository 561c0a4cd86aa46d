//! What a device is to prove over HTTP, and what nonces are signed with.

use std::sync::Arc;

use super::compose::common_credentials;
use super::{Random, Registry};
use crate::catalogue::Catalogue;
use crate::domain::settings::UnreadableLayer;
use crate::domain::{Credentials, Mac};

impl Registry {
    /// The credentials that prove an active device: `provisioning.user` and `provisioning.password`
    /// of the settings that count for the device as a whole, which its files tell it. There may be
    /// several, any of which counts, or none. Not from memory alone: settings are read for it.
    ///
    /// # Errors
    /// When a stored layer cannot be read.
    pub fn credentials(
        &self,
        catalogue: &Arc<Catalogue>,
        mac: Mac,
    ) -> Result<Vec<Credentials>, UnreadableLayer> {
        let Some(composition) = self.composition(catalogue, mac) else { return Ok(Vec::new()) };
        Ok(composition.credentials()?.into_iter().collect())
    }

    /// Those of whoever is no active device: what is set for all. They are made anew when
    /// [`Registry::common_version`] changes.
    ///
    /// # Errors
    /// When a stored layer cannot be read.
    pub fn common_credentials(&self) -> Result<Vec<Credentials>, UnreadableLayer> {
        let directory = self.directory();
        Ok(common_credentials(&self.gateway_layer, &directory.system)?.into_iter().collect())
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
