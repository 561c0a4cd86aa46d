//! The settings all phones share.
//!
//! As with a company's, a change is checked as a layer and not against each phone.

use std::sync::Arc;

use serde_json::Value;

use super::audit::FieldChanges;
use super::change::Plan;
use super::limits::{require_families, require_later_token, require_no_file_key};
use super::text::patched;
use super::{Actor, Registry, RegistryError};
use crate::domain::settings::Layer;
use crate::domain::{Action, Subject};
use crate::store::{Mutation, SystemSettings};

impl Registry {
    /// # Errors
    /// [`RegistryError::PermissionDenied`] for anyone but a System-Admin.
    pub fn system_settings(&self, actor: &Actor) -> Result<Arc<SystemSettings>, RegistryError> {
        actor.require_system_admin()?;
        Ok(self.directory().system.clone())
    }

    /// Merges `patch` (RFC 7396) into the system settings. Durable when it returns. Gives them
    /// before and after, for [`Registry::reach`].
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], [`RegistryError::Settings`].
    pub async fn update_system_settings(
        &self,
        actor: &Actor,
        patch: &Value,
    ) -> Result<(Layer, Layer), RegistryError> {
        actor.require_system_admin()?;
        let now = self.clock.now();
        self.change_directory(actor, |directory| {
            let before = &directory.system;
            let system = SystemSettings {
                settings: self.keeping_old_credentials(
                    &[&self.gateway_layer],
                    &before.settings,
                    patched(&before.settings, Some(patch))?,
                ),
                changed: now,
                ..SystemSettings::clone(before)
            };
            require_families(&self.catalogue(), &before.settings, &system.settings)?;
            require_no_file_key(&before.settings, &system.settings)?;
            require_later_token(&[], &before.settings, &system.settings)?;
            let mut changes = FieldChanges::default();
            changes.settings(&before.settings, &system.settings);
            let event = actor.event(now, Action::Update, Subject::Settings, String::new());
            let layers = (before.settings.clone(), system.settings.clone());
            let put = Mutation::PutSystemSettings { system, expect: before.revision };
            Ok(Plan::commit(vec![put], layers).recorded(changes.of(event)))
        })
        .await
    }
}
