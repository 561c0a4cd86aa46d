//! The passwords that phones have of their own, and showing an operator what a phone has.

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use serde_json::json;

use super::actor::may_see;
use super::change::Plan;
use super::compose::Composition;
use super::{Actor, Registry, RegistryError};
use crate::ambient::Random;
use crate::catalogue::PhoneType;
use crate::domain::settings::{Layer, Secret, Settings, UnreadableLayer, resolve};
use crate::domain::{
    Action, PasswordOf, PasswordSeed, PhoneId, Port, State, Subject, TransitionError,
};
use crate::store::{Mutation, StoreError, SystemSettings};

/// The passwords of a phone. Nothing prints them.
pub struct Revealed {
    /// Those of the device that its files have; not for who administers only some of its ports, and
    /// none that is set for all companies but for a System-Admin.
    pub admin_password: Option<String>,
    /// What goes with it at the phone's own pages, where they ask for a name and it is known.
    pub admin_name: Option<String>,
    /// What the phone's user has, where the settings give one.
    pub user_password: Option<String>,
    /// What goes with that one, likewise.
    pub user_name: Option<String>,
    /// The passwords of lines by their numbers, likewise.
    pub lines: BTreeMap<u16, String>,
}

impl Registry {
    /// Sees to it that phones can have passwords of their own: makes what they are made of, once
    /// for a store. Durable when it returns.
    ///
    /// # Errors
    /// What the store says.
    pub async fn make_password_seed(&self, random: &dyn Random) -> Result<(), RegistryError> {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        self.change_directory(&Actor::Gateway, |directory| {
            let before = &directory.system;
            if before.password_seed.is_some() {
                return Ok(Plan::nothing(()));
            }
            let password_seed = Some(PasswordSeed::new(bytes));
            let system = SystemSettings { password_seed, ..SystemSettings::clone(before) };
            let put = Mutation::PutSystemSettings { system, expect: before.revision };
            Ok(Plan::commit(vec![put], ()))
        })
        .await
    }

    /// The passwords an active phone has, for an operator who may change it. That it was asked
    /// for is on record when this returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], "Phone not found" also for an inactive phone,
    /// [`RegistryError::NoSuchType`]; what the store says.
    pub async fn reveal(&self, actor: &Actor, id: PhoneId) -> Result<Revealed, RegistryError> {
        actor.require_admin()?;
        let now = self.clock.now();
        self.change_device(actor, id.mac, |device, directory| {
            let phone = device.phone(id.port).filter(|phone| may_see(actor, phone));
            let phone = phone.filter(|phone| phone.state != State::Inactive);
            let phone = phone.ok_or(TransitionError::NotFound)?;
            let composition = self.compose_with(device.clone(), directory);
            let phone_type = composition
                .phone_type()
                .ok_or_else(|| RegistryError::NoSuchType(device.phone_type.to_string()))?;
            let settings =
                composition.settings_of(phone_type, id.port).map_err(|error| unreadable(&error))?;
            // SECURITY: what is set for all companies opens the phones of all of them.
            let seen = match actor.require_system_admin() {
                Ok(()) => settings.clone(),
                Err(_) => without_system(&composition, phone_type, id.port)?,
            };
            let is_seen = |secret: &Option<Secret>, seen: Option<&Secret>| {
                secret.as_ref().filter(|own| Some(*own) == seen).map(|own| own.expose().to_owned())
            };
            // SECURITY: the device's opens what belongs to all its ports.
            let sees_all = device.companies().all(|company| actor.administers(company));
            let access = &settings.access;
            let catalogue = &composition.catalogue;
            // What is set and in no file of the type opens nothing.
            let of_device = |of: PasswordOf, secret: &Option<Secret>, seen: &Option<Secret>| {
                let shown = is_seen(secret, seen.as_ref()).filter(|_| sees_all);
                shown.filter(|_| catalogue.has_password(phone_type, of))
            };
            let lines = settings.lines.iter().filter_map(|(number, line)| {
                let seen = seen.lines.get(number).and_then(|line| line.password.as_ref());
                Some((*number, is_seen(&line.password, seen)?))
            });
            let names = catalogue.family_of(phone_type).login_names.clone();
            let admin_password =
                of_device(PasswordOf::Admin, &access.admin_password, &seen.access.admin_password);
            let user_password =
                of_device(PasswordOf::User, &access.user_password, &seen.access.user_password);
            let revealed = Revealed {
                admin_name: names.admin.filter(|_| admin_password.is_some()),
                user_name: names.user.filter(|_| user_password.is_some()),
                admin_password,
                user_password,
                lines: lines.collect(),
            };
            let mut event = actor.event(now, Action::Reveal, Subject::Phone, id.to_string());
            event.company = phone.company().map(ToString::to_string).unwrap_or_default();
            event.after = json!({ "lines": revealed.lines.keys().collect::<Vec<_>>() });
            Ok(Plan::nothing(revealed).recorded(event))
        })
        .await
    }
}

/// What the phone would have if nothing was set for all companies.
fn without_system(
    composition: &Composition,
    phone_type: &PhoneType,
    port: Port,
) -> Result<Arc<Settings>, RegistryError> {
    let layers = composition.layers(port);
    // The gateway's has markers there, in the place of the passwords that it makes.
    let others = layers.iter().filter(|(name, _)| !["gateway", "system"].contains(name));
    let layers: Vec<&Layer> =
        iter::once(&composition.gateway).chain(others.map(|(_, layer)| layer)).collect();
    let settings = resolve(&layers).map_err(|error| unreadable(&error))?;
    Ok(composition.with_own_passwords(phone_type, Arc::new(settings)))
}

fn unreadable(error: &UnreadableLayer) -> RegistryError {
    let what = "the settings of a phone".to_owned();
    RegistryError::Store(StoreError::Unusable { what, why: error.to_string() })
}
