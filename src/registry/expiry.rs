//! What makes inactive devices go by themselves, and what is on record of it: an event for each
//! device that an operator gave something, one for all others that go at the same time. Those
//! are anybody's, and a flood of them must not fill the audit record.

use serde_json::json;

use super::change::Plan;
use super::index::Untouched;
use super::{Actor, Registry, RegistryError};
use crate::domain::{Action, Device, Event, Mac, Subject, Timestamp};
use crate::store::{MAX_REMEMBERED_COMMIT, Mutation};

/// Inactive devices that go in one round; the next round takes more. Those nobody touched go in
/// one commit, which who follows the store still reads one by one.
const EXPIRED_AT_ONCE: usize = MAX_REMEMBERED_COMMIT;

impl Registry {
    /// Does as [`Registry::expire`] if this gateway is the one that does it for all that share the
    /// store; else nothing. When that one is gone, it is the next that asks.
    ///
    /// # Errors
    /// What the store says; devices before it are gone.
    pub async fn expire_for_all(&self) -> Result<usize, RegistryError> {
        if !self.store.leads().await? {
            return Ok(0);
        }
        self.forget_bans().await?;
        self.expire().await
    }

    /// Removes inactive devices nobody asked for in the quota's time; returns how many. They are
    /// gone and on record when it returns.
    ///
    /// # Errors
    /// What the store says; devices before it are gone.
    pub async fn expire(&self) -> Result<usize, RegistryError> {
        let now = self.clock.now();
        let before = now - self.quota.inactive_max_age_s;
        let index = &self.memory.index;
        let old = index.unseen_since(before, EXPIRED_AT_ONCE);
        let (touched, untouched): (Vec<Mac>, Vec<Mac>) =
            old.into_iter().partition(|mac| index.untouched(*mac) == Untouched::No);
        let mut gone = self.expire_untouched(&untouched, before, now).await?;
        for mac in touched {
            gone += usize::from(self.expire_touched(mac, before, now).await?);
        }
        Ok(gone)
    }

    /// Those nobody touched, in one commit with the event that counts them.
    async fn expire_untouched(
        &self,
        macs: &[Mac],
        before: Timestamp,
        now: Timestamp,
    ) -> Result<usize, RegistryError> {
        if macs.is_empty() {
            return Ok(0);
        }
        self.change_devices(macs, |devices| {
            let due = |device: &&Device| !device.is_touched() && self.is_due(device, before);
            let due: Vec<&Device> = devices.iter().filter(due).collect();
            let signs = || due.iter().map(|device| device.last_sign().seconds());
            let (Some(oldest), Some(newest)) = (signs().min(), signs().max()) else {
                return Plan::nothing(0);
            };
            let ports: usize = due.iter().map(|device| device.inactive_ports()).sum();
            let event = Event {
                before: json!({
                    "devices": due.len(), "ports": ports,
                    "last_seen": { "oldest": oldest, "newest": newest },
                }),
                ..Actor::Gateway.event(now, Action::Expired, Subject::Phone, String::new())
            };
            let remove = |device: &&Device| Mutation::RemoveDevice {
                mac: device.mac,
                expect: device.revision,
            };
            Plan::commit(due.iter().map(remove).collect(), due.len()).recorded(event)
        })
        .await
    }

    async fn expire_touched(
        &self,
        mac: Mac,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<bool, RegistryError> {
        let expired = self.change_device_if_any(&Actor::Gateway, mac, |device, _| {
            if !self.is_due(device, before) {
                return Ok(Plan::nothing(false));
            }
            let name = mac.to_string();
            let mut event = Actor::Gateway.event(now, Action::Expired, Subject::Phone, name);
            let ports = device.inactive_ports();
            event.before = json!({ "phone_type": device.phone_type, "ports": ports });
            Ok(Plan::device(Some(device), None, true).recorded(event))
        });
        Ok(expired.await?.unwrap_or(false))
    }

    /// Whether the device, as the store has it, is to go: another gateway may have seen it.
    fn is_due(&self, device: &Device, before: Timestamp) -> bool {
        let is_due = device.last_sign() < before && !device.has_active_port();
        if !is_due {
            self.memory.index.noted(device.mac, device.last_sign(), None);
        }
        is_due
    }
}
