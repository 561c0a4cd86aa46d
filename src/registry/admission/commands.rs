//! What operators do: arm a phone again, show a token, give another one.

use serde_json::json;

use super::policies::OLD_TOKENS;
use crate::domain::admission::{OldProofs, TokenOf};
use crate::domain::{Action, CompanyId, Device, Mac, PhoneId, Subject, TransitionError};
use crate::registry::actor::may_see;
use crate::registry::change::Plan;
use crate::registry::{Actor, CompanyChange, Registry, RegistryError};
use crate::store::{Mutation, StoreError};

/// What becomes of the keys that an armed device was given for its encrypted files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenFileKeys {
    /// It has them still.
    Kept,
    /// It was reset or replaced, and has none.
    Forgotten,
}

/// What becomes of a token that an operator asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenChange {
    /// It stays.
    None,
    /// There is another one; those before are proof until phones came with it.
    New,
    /// There is another one, and those before are proof of nothing from now on: somebody has them.
    /// A phone that has no other proof is locked out.
    NewAlone,
}

/// A token, for an operator. Nothing prints it.
pub struct ShownToken {
    /// The element of the path; a secret.
    pub token: String,
    /// The URL that a phone is pointed at, up to the path before a file's name, where it is known.
    pub url: Option<String>,
}

impl Registry {
    /// Arms the device again: what locked it is forgotten, its window begins, and what it is served
    /// with next is what it is known by. One that lost its keys gets its files plain until it was
    /// given a key over TLS. Durable and on record when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`]; "Phone not found" for one that is not active or belongs
    /// to others; what the store says.
    pub async fn rearm(
        &self,
        actor: &Actor,
        id: PhoneId,
        keys: GivenFileKeys,
    ) -> Result<(), RegistryError> {
        actor.require_admin()?;
        let now = self.clock.now();
        self.change_device(actor, id.mac, |device, _| {
            require_own_active(actor, device, id)?;
            let before =
                json!({ "locked": device.admission.locked, "pins": device.admission.pins });
            let admission = device.admission.rearmed(now);
            let mut changed = Device { admission, ..device.clone() };
            let mut event = event(actor, device, id, Action::Rearm, before, now);
            if keys == GivenFileKeys::Forgotten {
                // Its files are others from now on.
                changed.changed = now;
                let keys = changed.written.keys();
                let keys = keys.clone().and(&keys.lost(now));
                changed.written = changed.written.with_keys(keys);
                event.after = json!({ "forgot_keys": true });
            }
            Ok(Plan::device(Some(device), Some(changed), ()).recorded(event))
        })
        .await
    }

    /// The token of a phone, another one where `change` says so. It is on record when this returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`]; "Phone not found"; what the store says.
    pub async fn phone_token(
        &self,
        actor: &Actor,
        id: PhoneId,
        change: TokenChange,
    ) -> Result<ShownToken, RegistryError> {
        actor.require_admin()?;
        let now = self.clock.now();
        let seed = self.directory().system.password_seed.ok_or_else(no_seed)?;
        let number = self
            .change_device(actor, id.mac, |device, _| {
                require_own_active(actor, device, id)?;
                let action = match change {
                    TokenChange::None => Action::Reveal,
                    TokenChange::New | TokenChange::NewAlone => Action::NewToken,
                };
                let event = event(actor, device, id, action, json!({ "token": "***" }), now);
                if change == TokenChange::None {
                    return Ok(Plan::nothing(device.admission.token).recorded(event));
                }
                let mut admission = device.admission.with_new_token(now);
                if change == TokenChange::NewAlone {
                    let old = admission.old().clone();
                    let none = OldProofs { tokens: Vec::new(), ..old };
                    admission = admission.with_old(none);
                }
                let number = admission.token;
                // Its files hold the token.
                let changed = Device { admission, changed: now, ..device.clone() };
                Ok(Plan::device(Some(device), Some(changed), number).recorded(event))
            })
            .await?;
        let token = seed.token(TokenOf::Phone(id.mac, number)).expose();
        let url = self.plain_base_url(id.mac).map(|base| below(&base, &token));
        Ok(ShownToken { token, url })
    }

    /// The token of a company, another one where `change` says so: that is a change of its setting
    /// `admission.company_token`. It is on record when this returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`]; [`RegistryError::NoSuchCompany`], also for one that the
    /// caller does not administer; what the store says.
    pub async fn company_token(
        &self,
        actor: &Actor,
        id: &CompanyId,
        change: TokenChange,
    ) -> Result<ShownToken, RegistryError> {
        actor.require_admin()?;
        let step = match change {
            TokenChange::None => 0,
            TokenChange::New => 1,
            TokenChange::NewAlone => OLD_TOKENS + 1,
        };
        let now = self.clock.now();
        let (token, base) = self
            .change_directory(actor, |directory| {
                directory.require_company(actor, id)?;
                let company = directory.companies.get(id).ok_or(RegistryError::NoSuchCompany)?;
                let seed = directory.system.password_seed.ok_or_else(no_seed)?;
                let present = directory.policies.of(company, &directory.system).company_token;
                let number = present.saturating_add(step);
                let token = seed.token(TokenOf::Company(company, number)).expose();
                let base = self.base_url_of(company, directory);
                let mut event = actor.event(now, Action::Reveal, Subject::Company, id.to_string());
                event.company = id.to_string();
                event.after = json!({ "token": "***" });
                let mut plan = Plan::nothing((token, base));
                if step > 0 {
                    let settings = Some(json!({ "admission": { "company_token": number } }));
                    let change = CompanyChange { name: None, settings };
                    let (changed, event) = self.changed(actor, directory, company, &change, now)?;
                    let expect = Some(company.revision);
                    plan.mutations.push(Mutation::PutCompany { company: changed, expect });
                    plan = plan.recorded(event);
                }
                Ok(plan.recorded(event))
            })
            .await?;
        let url = base.map(|base| below(&base, &token));
        Ok(ShownToken { token, url })
    }

    /// The URL of the phone's files as its settings have it, without a token.
    fn plain_base_url(&self, mac: Mac) -> Option<String> {
        let device = self.memory.index.device(mac)?;
        let directory = self.directory();
        let company = directory.companies.get(device.companies().next()?)?;
        self.base_url_of(company, &directory)
    }
}

/// A URL with a token behind it.
pub(in crate::registry) fn below(base: &str, token: &str) -> String {
    format!("{}/{token}/", base.trim_end_matches('/'))
}

fn require_own_active(actor: &Actor, device: &Device, id: PhoneId) -> Result<(), RegistryError> {
    let phone = device.phone(id.port).filter(|phone| may_see(actor, phone));
    let is_active = phone.is_some_and(|phone| phone.company().is_some());
    // SECURITY: it is of all its ports, so whoever does it administers all of them.
    let has_all = device.companies().all(|company| actor.administers(company));
    if is_active && has_all { Ok(()) } else { Err(TransitionError::NotFound.into()) }
}

fn event(
    actor: &Actor,
    device: &Device,
    id: PhoneId,
    action: Action,
    before: serde_json::Value,
    now: crate::domain::Timestamp,
) -> crate::domain::Event {
    let mut event = actor.event(now, action, Subject::Phone, id.to_string());
    event.company = device.companies().next().map(ToString::to_string).unwrap_or_default();
    event.before = before;
    event
}

fn no_seed() -> RegistryError {
    let why = "what tokens are made of is not there yet: try again in a moment".to_owned();
    RegistryError::Store(StoreError::Unavailable { what: "the system settings".to_owned(), why })
}
