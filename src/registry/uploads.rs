//! Who may see what a phone sent. The files themselves are no part of the store:
//! [`crate::uploads`].

use serde_json::json;

use super::actor::may_see;
use super::change::Plan;
use super::{Actor, Registry, RegistryError};
use crate::domain::{Action, Device, Mac, PhoneId, State, Subject, TransitionError};
use crate::uploads::{FileName, Sender};

impl Registry {
    /// The device as one that sends files, as it is now; `None` without an active phone.
    #[must_use]
    pub fn sender(&self, mac: Mac) -> Option<Sender> {
        Sender::of(&self.memory.index.device(mac)?)
    }

    /// The device of an active phone, for an operator who wants to know what it sent: one who
    /// administers all its active ports, since what a device sends tells of all of them.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], "Phone not found" also for an inactive phone.
    pub fn sender_for(&self, actor: &Actor, id: PhoneId) -> Result<Sender, RegistryError> {
        actor.require_admin()?;
        let device = self.memory.index.device(id.mac).ok_or(TransitionError::NotFound)?;
        seen_by(actor, id, &device)
    }

    /// As [`Registry::sender_for`], of a file that is shown to the operator: logs and overrides
    /// may have passwords in them. That it was shown is on record when this returns.
    ///
    /// # Errors
    /// As [`Registry::sender_for`]; what the store says.
    pub async fn reveal_upload(
        &self,
        actor: &Actor,
        id: PhoneId,
        name: &FileName,
    ) -> Result<Sender, RegistryError> {
        actor.require_admin()?;
        let now = self.clock.now();
        self.change_device(actor, id.mac, |device, _| {
            let sender = seen_by(actor, id, device)?;
            let mut event = actor.event(now, Action::Reveal, Subject::Phone, id.to_string());
            let company = device.phones.get(&id.port).and_then(|phone| phone.company());
            event.company = company.map(ToString::to_string).unwrap_or_default();
            event.after = json!({ "upload": name.as_str() });
            Ok(Plan::nothing(sender).recorded(event))
        })
        .await
    }
}

fn seen_by(actor: &Actor, id: PhoneId, device: &Device) -> Result<Sender, RegistryError> {
    let phone = device.phone(id.port).filter(|phone| may_see(actor, phone));
    if phone.is_none_or(|phone| phone.state == State::Inactive) {
        return Err(TransitionError::NotFound.into());
    }
    // SECURITY: what the device sent may have what belongs to any of its ports.
    if !device.companies().all(|company| actor.administers(company)) {
        return Err(RegistryError::PermissionDenied);
    }
    Sender::of(device).ok_or_else(|| TransitionError::NotFound.into())
}
