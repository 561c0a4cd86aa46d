//! What a template sees: the device, its type, its ports and their settings.
//!
//! Built lazily, because a template looks at little of it and a boot storm
//! renders many: a line's object comes to be when the template asks for it.

mod gap;
mod group;
mod names;
mod outline;
mod setting_path;
mod slots;
mod unset;

use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::{Enumerator, Object};

use super::fragments::{FragmentFunction, Fragments};
use crate::catalogue::family::definition::Escape;
use crate::catalogue::family::{Family, PhoneType};
use crate::catalogue::identify::path_pattern::PathFacts;
use crate::domain::settings::{Settings, Zone};
use crate::domain::{CompanyId, Mac, Port};

pub(crate) use gap::{Gap, Opening, Own, less};
pub(crate) use group::Group;
pub(crate) use names::{Names, constant};
pub(crate) use outline::{Known, outline};
pub(crate) use setting_path::Root;
use slots::Slots;
pub(crate) use slots::{between, of_slot, unused, used};
pub(crate) use unset::{NotSet, Unset, refuse};

/// The names a template may use; anything else is a slip and found at load.
pub(crate) const ROOT_NAMES: &[&str] = &[
    "device",
    "type",
    "path",
    "ports",
    "lines",
    "keys",
    "expansion",
    "settings",
    "zone",
    "vendor",
    "fragment",
];

/// One port of the device a file is rendered for.
#[derive(Debug, Clone)]
pub struct PortInput {
    pub port: Port,
    /// `None`: inactive, to be switched off.
    pub company: Option<CompanyId>,
    pub name: String,
    /// All layers resolved; for an inactive port those below the company.
    pub settings: Arc<Settings>,
}

/// What one file is made of.
#[derive(Debug, Clone)]
pub struct RenderInput {
    /// `None` for a common file.
    pub mac: Option<Mac>,
    /// In order of port. Empty for a common file.
    pub ports: Vec<PortInput>,
    /// The port a file of scope `port` is for.
    pub named_port: Option<Port>,
    /// What the path pattern took out.
    pub path: PathFacts,
    /// The settings of a device no port of which is active, and of common files.
    pub common: Arc<Settings>,
}

/// The root of a template's names.
#[derive(Debug)]
pub(crate) struct Context {
    input: RenderInput,
    /// `type` as templates see it, and its numbers of lines, keys, modules and module keys.
    phone_type: Value,
    counts: Counts,
    family: String,
    fragments: Arc<Fragments>,
    escape: Escape,
    /// Values once made, in the order of [`ROOT_NAMES`]: a template asks for `settings` a
    /// hundred times.
    made: [OnceLock<Value>; ROOT_NAMES.len()],
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    lines: u16,
    keys: u16,
    modules: u16,
    module_keys: u16,
}

impl Context {
    pub fn new(
        input: RenderInput,
        family: &Family,
        phone_type: Option<&PhoneType>,
        escape: Escape,
        fragments: Arc<Fragments>,
    ) -> Context {
        Context {
            input,
            phone_type: phone_type
                .map_or_else(|| Unset::named("type"), |phone_type| phone_type.view.clone()),
            counts: phone_type.map_or_else(Counts::default, |phone_type| Counts {
                lines: phone_type.lines,
                keys: phone_type.keys,
                modules: phone_type.modules,
                module_keys: phone_type.module_keys,
            }),
            family: family.id.clone(),
            fragments,
            escape,
            made: Default::default(),
        }
    }

    /// The settings that count for the device as a whole: the named port's, else the
    /// first active port's.
    fn leading(&self) -> &Arc<Settings> {
        let ports = &self.input.ports;
        let leading = match self.input.named_port {
            Some(named) => ports.iter().find(|port| port.port == named),
            None => ports.iter().find(|port| port.company.is_some()),
        };
        leading.map_or(&self.input.common, |port| &port.settings)
    }

    fn make(&self, name: &str) -> Value {
        match name {
            "device" => self.input.mac.map_or(Value::UNDEFINED, device),
            "type" => self.phone_type.clone(),
            "path" => path(&self.input.path),
            "ports" => ports(self),
            "lines" => Slots::lines(self.leading(), self.counts.lines),
            "keys" => Slots::keys(self.leading(), self.counts.keys),
            "expansion" => Slots::modules(self.leading(), self.counts),
            "settings" => Group::settings(self.leading()),
            "zone" => zone(self.leading()),
            "vendor" => vendor(self.leading(), &self.family),
            "fragment" => Value::from_object(FragmentFunction {
                fragments: self.fragments.clone(),
                escape: self.escape,
                family: self.family.clone(),
                phone_type: self.phone_type.clone(),
            }),
            _ => Value::UNDEFINED,
        }
    }
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let at = ROOT_NAMES.iter().position(|name| *name == key)?;
        let value = self.made[at].get_or_init(|| self.make(key));
        (!value.is_undefined()).then(|| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(ROOT_NAMES)
    }
}

fn device(mac: Mac) -> Value {
    Names::value([
        ("mac", Value::from(mac.to_string())),
        ("MAC", Value::from(format!("{:012X}", mac.bits()))),
        ("mac_colons", Value::from(mac.colon_upper())),
    ])
}

fn path(facts: &PathFacts) -> Value {
    let part = |name: &'static str, found: &Option<String>| {
        let unset = || Unset::named(format!("path.{name}"));
        (name, found.clone().map_or_else(unset, Value::from))
    };
    Names::value([
        part("model", &facts.model),
        part("code", &facts.code),
        part("part", &facts.part),
    ])
}

fn ports(context: &Context) -> Value {
    let counts = context.counts;
    let port = |input: &PortInput| {
        let company = input.company.as_ref();
        Names::value([
            ("number", Value::from(input.port.number())),
            ("index", Value::from(input.port.number() + 1)),
            ("active", Value::from(company.is_some())),
            (
                "company",
                company.map_or_else(|| Unset::named("port.company"), |c| Value::from(c.as_str())),
            ),
            ("name", Value::from(input.name.as_str())),
            // An inactive port has no lines: there is nothing it could be given by mistake.
            (
                "lines",
                Slots::lines(&input.settings, if company.is_some() { counts.lines } else { 0 }),
            ),
            ("keys", Slots::keys(&input.settings, counts.keys)),
            ("expansion", Slots::modules(&input.settings, counts)),
            ("settings", Group::settings(&input.settings)),
        ])
    };
    context.input.ports.iter().map(port).collect()
}

fn vendor(settings: &Settings, family: &str) -> Value {
    let Some(parameters) = settings.vendor.get(family) else {
        return Value::from(Vec::<Value>::new());
    };
    let entry = |(name, value): (&String, &crate::domain::settings::VendorValue)| {
        Names::value([
            ("name", Value::from(name.as_str())),
            ("value", Value::from(value.to_string())),
        ])
    };
    parameters.iter().map(entry).collect()
}

fn zone(settings: &Settings) -> Value {
    match settings.time.zone.as_deref().and_then(Zone::named) {
        None => Unset::named("time.zone"),
        Some(zone) => Group::zone(zone),
    }
}
