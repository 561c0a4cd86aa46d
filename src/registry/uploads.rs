//! Who may see what a phone sent. The files themselves are no part of the store:
//! [`crate::uploads`].

use std::sync::Arc;

use serde_json::json;

use super::actor::may_see;
use super::change::Plan;
use super::{Actor, Directory, Registry, RegistryError};
use crate::domain::{Action, Device, Mac, PhoneId, State, Subject, TransitionError};
use crate::uploads::{FileName, Sender};

impl Registry {
    /// The device as one that sends files, as it is now; `None` without an active phone.
    #[must_use]
    pub fn sender(&self, mac: Mac) -> Option<Sender> {
        sender_of(&self.memory.index.device(mac)?, &self.directory())
    }

    /// The device of an active phone, for an operator who wants to know what it sent: one who
    /// administers all its active ports, since what a device sends tells of all of them.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], "Phone not found" also for an inactive phone.
    pub fn sender_for(&self, actor: &Actor, id: PhoneId) -> Result<Sender, RegistryError> {
        actor.require_admin()?;
        let device = self.memory.index.device(id.mac).ok_or(TransitionError::NotFound)?;
        seen_by(actor, id, &device, &self.directory())
    }

    /// Does as [`Registry::sender_for`], for a file that is shown to the operator: logs and
    /// overrides may have passwords in them. That it was shown is on record when this returns.
    ///
    /// # Errors
    /// As [`Registry::sender_for`]; what the store says.
    pub async fn reveal_upload(
        &self,
        actor: &Actor,
        id: PhoneId,
        name: &FileName,
    ) -> Result<Sender, RegistryError> {
        self.record_upload(actor, id, Action::Reveal, name).await
    }

    /// Does as [`Registry::reveal_upload`], for a file that is removed.
    ///
    /// # Errors
    /// As [`Registry::reveal_upload`].
    pub async fn delete_upload(
        &self,
        actor: &Actor,
        id: PhoneId,
        name: &FileName,
    ) -> Result<Sender, RegistryError> {
        self.record_upload(actor, id, Action::Update, name).await
    }

    async fn record_upload(
        &self,
        actor: &Actor,
        id: PhoneId,
        action: Action,
        name: &FileName,
    ) -> Result<Sender, RegistryError> {
        actor.require_admin()?;
        let now = self.clock.now();
        self.change_device(actor, id.mac, |device, directory| {
            let sender = seen_by(actor, id, device, directory)?;
            let mut event = actor.event(now, action, Subject::Phone, id.to_string());
            let company = device.phones.get(&id.port).and_then(|phone| phone.company());
            event.company = company.map(ToString::to_string).unwrap_or_default();
            let upload = json!({ "upload": name.as_str() });
            match action {
                Action::Reveal => event.after = upload,
                _ => event.before = upload,
            }
            Ok(Plan::nothing(sender).recorded(event))
        })
        .await
    }
}

fn sender_of(device: &Device, directory: &Directory) -> Option<Sender> {
    let companies = device.companies().filter_map(|company| directory.companies.get(company));
    Sender::of(device, companies.map(Arc::as_ref))
}

fn seen_by(
    actor: &Actor,
    id: PhoneId,
    device: &Device,
    directory: &Directory,
) -> Result<Sender, RegistryError> {
    let phone = device.phone(id.port).filter(|phone| may_see(actor, phone));
    if phone.is_none_or(|phone| phone.state == State::Inactive) {
        return Err(TransitionError::NotFound.into());
    }
    // SECURITY: what the device sent may have what belongs to any of its ports.
    if !device.companies().all(|company| actor.administers(company)) {
        return Err(RegistryError::PermissionDenied);
    }
    sender_of(device, directory).ok_or_else(|| TransitionError::NotFound.into())
}
