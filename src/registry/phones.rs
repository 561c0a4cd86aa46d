//! Phones beyond the published API's six phone commands: made, read, changed, deleted.

use std::sync::Arc;

use serde_json::{Value, json};

use super::actor::may_see;
use super::audit::FieldChanges;
use super::change::Plan;
use super::index::Wanted;
use super::limits;
use super::text::{check_name, is_assignable_mac, patched};
use super::{Actor, Registry, RegistryError};
use crate::catalogue::{Catalogue, PhoneType};
use crate::domain::admission::AdmissionState;
use crate::domain::settings::{Layer, Written};
use crate::domain::{
    Action, Claims, CompanyId, Device, Mac, Phone, PhoneId, Port, Revision, State, Subject,
    Timestamp, TransitionError, TypeKey,
};

/// A phone to be made, active from the start.
#[derive(Clone)]
pub struct NewPhone {
    /// Must not be active yet.
    pub id: PhoneId,
    /// `None`: the name it has, when it is known as inactive.
    pub name: Option<String>,
    /// The company it will belong to.
    pub company: CompanyId,
    /// Must be the device's own when the device is known.
    pub phone_type: TypeKey,
    /// Laid over those it has, when it is known as inactive.
    pub settings: Option<Value>,
    /// Whether the MAC may be of another maker than the type.
    pub other_maker: bool,
}

/// What is to change; `None` stays.
#[derive(Clone, Default)]
pub struct PhoneChange {
    /// The new name.
    pub name: Option<String>,
    /// A merge patch (RFC 7396).
    pub settings: Option<Value>,
    /// What type the whole device is to be.
    pub phone_type: Option<TypeKey>,
    /// Whether the MAC may be of another maker than that type.
    pub other_maker: bool,
}

/// Which phones to read; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct PhoneFilter {
    /// Only phones of this device.
    pub mac: Option<Mac>,
    /// Only phones on this port.
    pub port: Option<Port>,
    /// Only phones of this type.
    pub phone_type: Option<TypeKey>,
    /// Active phones of these companies only.
    pub companies: Option<Vec<CompanyId>>,
    /// Active phones only, or inactive ones only.
    pub active: Option<bool>,
    /// Phones behind this one in order of phoneid.
    pub after: Option<PhoneId>,
    /// How many phones are listed, at most [`PhonePage::MAX`].
    pub limit: usize,
}

/// Phones in order of phoneid.
#[derive(Debug, Clone, Default)]
pub struct PhonePage {
    /// Each with its whole device; the port is there.
    pub phones: Vec<(PhoneId, Arc<Device>)>,
    /// The last phone of the page when there are more behind it.
    pub next: Option<PhoneId>,
}

impl PhonePage {
    /// Most rows of one page.
    pub const MAX: usize = 1000;
}

impl Registry {
    /// A page of phones. Callers see the phones of the companies they administer,
    /// and with `default` the inactive ones.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], [`RegistryError::NoSuchCompany`].
    pub async fn phones(
        &self,
        actor: &Actor,
        filter: &PhoneFilter,
    ) -> Result<PhonePage, RegistryError> {
        actor.require_admin()?;
        let directory = self.directory();
        for company in filter.companies.iter().flatten() {
            directory.require_company(actor, company)?;
        }
        let may_see_inactive = actor.administers(&CompanyId::default_company());
        let none: &[CompanyId] = &[];
        let wanted = Wanted {
            mac: filter.mac,
            port: filter.port,
            phone_type: filter.phone_type.as_ref(),
            inactive: may_see_inactive && filter.companies.is_none() && filter.active != Some(true),
            companies: match filter.active {
                Some(false) => Some(none),
                _ => filter.companies.as_deref().or(actor.companies()),
            },
        };
        let limit = filter.limit.clamp(1, PhonePage::MAX);
        let mut ids = self.memory.index.page(wanted, filter.after, limit + 1);
        let next = (ids.len() > limit).then(|| ids[limit - 1]);
        ids.truncate(limit);
        let mut macs: Vec<Mac> = ids.iter().map(|id| id.mac).collect();
        macs.dedup();
        let devices = self.store.devices(&macs).await?;
        let devices: Vec<Arc<Device>> = devices.into_iter().map(Arc::new).collect();
        let mut page = PhonePage { phones: Vec::with_capacity(ids.len()), next };
        for id in ids {
            // What went or changed hands between index and store is left out.
            let at = devices.binary_search_by_key(&id.mac, |device| device.mac);
            let Ok(at) = at else { continue };
            if devices[at].phone(id.port).is_some_and(|phone| may_see(actor, &phone)) {
                page.phones.push((id, devices[at].clone()));
            }
        }
        Ok(page)
    }

    /// Makes an active phone: a new device, one more port of a known one, or an
    /// inactive port. Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], [`RegistryError::NoSuchCompany`],
    /// [`RegistryError::NoSuchType`], [`RegistryError::Invalid`], [`RegistryError::Settings`],
    /// "Phone already activated", "Device is of another phone type", [`RegistryError::Render`].
    pub async fn create_phone(&self, actor: &Actor, new: NewPhone) -> Result<(), RegistryError> {
        actor.require_system_admin()?;
        new.name.as_deref().map_or(Ok(()), check_name)?;
        self.directory().require_company(actor, &new.company)?;
        let id = new.id;
        if !is_assignable_mac(id.mac) {
            return Err(invalid("mac", format!("{} is the address of no phone", id.mac)));
        }
        let catalogue = self.catalogue();
        let phone_type = catalogue
            .phone_type(&new.phone_type)
            .ok_or_else(|| no_type(&catalogue, &new.phone_type))?;
        require_port(phone_type, id.port)?;
        let now = self.clock.now();
        self.change_or_make_device(actor, id.mac, |device, directory| {
            directory.require_company(actor, &new.company)?;
            let before = device.and_then(|device| device.phone(id.port));
            let kept = before.as_ref().map(|phone| phone.settings.clone()).unwrap_or_default();
            let phone = Phone {
                state: State::Active(new.company.clone()),
                created: now,
                name: match &new.name {
                    Some(name) => name.clone(),
                    None => before.as_ref().map(|phone| phone.name.clone()).unwrap_or_default(),
                },
                settings: patched(&kept, new.settings.as_ref())?,
            };
            limits::require_no_policy(&phone.settings)?;
            limits::require_families(&catalogue, &kept, &phone.settings)?;
            limits::require_own_family(&catalogue, phone_type, &kept, &phone.settings)?;
            limits::require_within(&catalogue, phone_type, &kept, &phone.settings)?;
            let mut event = actor.event(now, Action::Create, Subject::Phone, id.to_string());
            event.company = new.company.to_string();
            event.after = json!({
                "company": new.company, "phone_type": new.phone_type, "name": phone.name,
                "settings": phone.settings.redacted(),
            });
            let made = with_new(device, phone_type, id, phone, now)?;
            if !new.other_maker {
                limits::require_maker(&catalogue, id.mac, phone_type)?;
            }
            let plan = self.plan_device(actor, id, (device, made), directory, ())?;
            Ok(plan.recorded(event))
        })
        .await
    }

    /// Changes name and settings of a phone the caller sees, and, for a
    /// System-Admin, the type of its device. Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], "Phone not found", [`RegistryError::NoSuchType`],
    /// [`RegistryError::Settings`], [`RegistryError::Render`], "Port ... is active".
    pub async fn update_phone(
        &self,
        actor: &Actor,
        id: PhoneId,
        change: PhoneChange,
    ) -> Result<(), RegistryError> {
        actor.require_admin()?;
        if change.phone_type.is_some() {
            actor.require_system_admin()?;
        }
        change.name.as_deref().map_or(Ok(()), check_name)?;
        let now = self.clock.now();
        self.change_device(actor, id.mac, |device, directory| {
            let phone = device.phone(id.port).filter(|phone| may_see(actor, phone));
            let phone = phone.ok_or(TransitionError::NotFound)?;
            let name = change.name.as_ref().unwrap_or(&phone.name).clone();
            let settings: Layer = patched(&phone.settings, change.settings.as_ref())?;
            let mut changes = FieldChanges::default();
            changes.field("name", phone.name.as_str(), name.as_str());
            changes.settings(&phone.settings, &settings);
            let catalogue = self.catalogue();
            limits::require_no_policy(&settings)?;
            limits::require_families(&catalogue, &phone.settings, &settings)?;
            let key = change.phone_type.as_ref().unwrap_or(&device.phone_type);
            if let Some(phone_type) = catalogue.phone_type(key) {
                limits::require_own_family(&catalogue, phone_type, &phone.settings, &settings)?;
                limits::require_within(&catalogue, phone_type, &phone.settings, &settings)?;
            }
            let mut changed = device.with_values(id.port, name, settings, now)?;
            if let Some(key) = &change.phone_type {
                changes.field("phone_type", device.phone_type.as_str(), key.as_str());
                let phone_type =
                    catalogue.phone_type(key).ok_or_else(|| no_type(&catalogue, key))?;
                require_port(phone_type, id.port)?;
                changed = changed.with_type(key, phone_type.ports, now)?;
                if !change.other_maker {
                    limits::require_maker(&catalogue, id.mac, phone_type)?;
                }
            }
            let mut event = actor.event(now, Action::Update, Subject::Phone, id.to_string());
            event.company = phone.company().map(ToString::to_string).unwrap_or_default();
            let plan = self.plan_device(actor, id, (Some(device), changed), directory, ())?;
            Ok(plan.recorded(changes.of(event)))
        })
        .await
    }

    /// Deletes an active phone; the device may ask again and reappear as inactive.
    /// Durable when it returns.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`], "Phone not found".
    pub async fn delete_phone(&self, actor: &Actor, id: PhoneId) -> Result<(), RegistryError> {
        actor.require_system_admin()?;
        let now = self.clock.now();
        self.change_device(actor, id.mac, |device, _| {
            let left = device.without_active(id.port, now)?;
            let phone = device.phone(id.port).ok_or(TransitionError::NotFound)?;
            let mut event = actor.event(now, Action::Delete, Subject::Phone, id.to_string());
            event.company = phone.company().map(ToString::to_string).unwrap_or_default();
            event.before = json!({
                "company": phone.company(), "phone_type": device.phone_type, "name": phone.name,
                "settings": phone.settings.redacted(),
            });
            Ok(Plan::device(Some(device), left, ()).recorded(event))
        })
        .await
    }
}

fn with_new(
    device: Option<&Device>,
    phone_type: &PhoneType,
    id: PhoneId,
    phone: Phone,
    now: Timestamp,
) -> Result<Device, TransitionError> {
    let Some(known) = device else {
        return Ok(Device {
            mac: id.mac,
            phone_type: phone_type.key.clone(),
            waiting: None,
            phones: [(id.port, phone)].into(),
            sighting: None,
            claims: Claims::decided(phone_type.key.clone(), now),
            served: None,
            written: Written::default(),
            admission: AdmissionState::default().given(now),
            changed: now,
            revision: Revision::NONE,
        });
    };
    // Guessed wrong so far: the ports become those of the type that is said now.
    match known.retyped(&phone_type.key, phone_type.ports, now) {
        Some(retyped) => retyped.with_active(id.port, &phone_type.key, phone, now),
        None => known.with_active(id.port, &phone_type.key, phone, now),
    }
}

pub(super) fn require_port(phone_type: &PhoneType, port: Port) -> Result<(), RegistryError> {
    if port.number() < phone_type.ports {
        return Ok(());
    }
    let last = phone_type.ports.saturating_sub(1);
    Err(invalid("port", format!("{} has ports 0 to {last}, not {port}", phone_type.key)))
}

pub(super) fn no_type(catalogue: &Catalogue, key: &TypeKey) -> RegistryError {
    let plain = |key: &TypeKey| key.as_str().replace(['-', '_'], "").to_lowercase();
    let meant = catalogue.types().into_iter().find(|known| plain(&known.key) == plain(key));
    let hint = meant.map(|known| format!("; its key is {}", known.key)).unwrap_or_default();
    RegistryError::NoSuchType(format!("{key}{hint}"))
}

fn invalid(field: &str, message: String) -> RegistryError {
    RegistryError::Invalid { field: field.to_owned(), message }
}
