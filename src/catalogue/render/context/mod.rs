//! What a template sees: the device, its type, its ports and their settings.
//!
//! Built lazily, because a template looks at little of it and a boot storm
//! renders many: a line's object comes to be when the template asks for it.

mod group;
mod unset;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::{Enumerator, Object};

use crate::catalogue::family::never_reset::NeverReset;
use crate::catalogue::family::{Family, FileSpec, PhoneType};
use crate::catalogue::identify::path_pattern::PathFacts;
use crate::domain::settings::{KEPT, Settings, Written, Zone};
use crate::domain::{CompanyId, Mac, Port};

use group::Slots;
pub(crate) use group::{Group, Names, constant};
pub(crate) use unset::{NotSet, Root, Unset, refuse};

/// The names a template may use; anything else is a slip and found at load.
pub(crate) const ROOT_NAMES: &[&str] = &[
    "device",
    "type",
    "path",
    "ports",
    "lines",
    "keys",
    "expansion",
    "soft_keys",
    "settings",
    "zone",
    "vendor",
    "written",
    "fragment",
];

/// One port of the device a file is rendered for.
#[derive(Debug, Clone)]
pub struct PortInput {
    /// The port's number, from 0.
    pub port: Port,
    /// `None`: inactive, to be switched off.
    pub company: Option<CompanyId>,
    /// What people call the phone on this port; empty when nobody named it.
    pub name: String,
    /// All layers resolved; for an inactive port those below the company.
    pub settings: Arc<Settings>,
}

impl PortInput {
    /// One to be switched off.
    #[must_use]
    pub fn inactive(port: Port) -> PortInput {
        PortInput { port, company: None, name: String::new(), settings: Arc::default() }
    }
}

/// What one file is made of.
#[derive(Debug, Clone)]
pub struct RenderInput {
    /// `None` for a common file.
    pub mac: Option<Mac>,
    /// The ports of the device in their order; none for a common file.
    pub ports: Vec<PortInput>,
    /// The port a file of scope `port` is for.
    pub named_port: Option<Port>,
    /// What the path pattern took out.
    pub path: PathFacts,
    /// What counts for the device as a whole; of a common file, for anyone who gets it.
    ///
    /// SECURITY: with ports of several companies it must not be one company's: raw parameters
    /// and passwords of the device would stand beside the other's accounts.
    pub device_wide: Arc<Settings>,
    /// What earlier files of the device set, and this one takes back where nothing sets it.
    pub written: Written,
}

impl RenderInput {
    /// What a file is made of that tells nothing of any phone, company or gateway.
    #[must_use]
    pub fn of_nobody() -> RenderInput {
        RenderInput {
            mac: None,
            ports: Vec::new(),
            named_port: None,
            path: PathFacts::default(),
            device_wide: Arc::default(),
            written: Written::default(),
        }
    }

    /// What the file sets for a family and type: the groups, lines and modules of any active port, and the
    /// raw parameters of the device as a whole.
    ///
    /// SECURITY: those of a port are not counted. They are in the file only where its template has
    /// a place for them by name; remembered, the names would be listed in the files of all ports.
    #[must_use]
    pub fn sets(&self, family: &Family, phone_type: &PhoneType) -> Written {
        let active = self.ports.iter().filter(|port| port.company.is_some());
        let of_ports = active.fold(Written::default(), |all, port| {
            all.and(&Written::by(&port.settings, &family.id).without_parameters())
        });
        let of_device = Written::by(&self.device_wide, &family.id);
        of_ports.and(&of_device).within(phone_type.lines, phone_type.modules)
    }

    /// Has the file be one without a key.
    pub fn take_file_key(&mut self) {
        if self.device_wide.provisioning.encryption.is_some() {
            let provisioning = &mut Arc::make_mut(&mut self.device_wide).provisioning;
            (provisioning.encryption, provisioning.encryption_key) = (None, None);
        }
    }

    /// The same with a key among its settings only where the file is to have it, and the way in
    /// which it is used.
    pub(super) fn with_file_key(mut self, phone_type: Option<&PhoneType>, file: &FileSpec) -> Self {
        let set = &self.device_wide.provisioning;
        if set.encryption_key.is_none() && set.encryption_format.is_none() {
            return self;
        }
        let wanted = phone_type.filter(|_| file.is_encrypted);
        let wanted = wanted.and_then(|phone_type| phone_type.wanted_encryption(set));
        let format = wanted.map(|encryption| encryption.format);
        let provisioning = &mut Arc::make_mut(&mut self.device_wide).provisioning;
        provisioning.encryption_key.take_if(|_| format.is_none());
        provisioning.encryption_format = format;
        self
    }

    /// The same with URLs in place of the files of the gateway that settings name.
    pub(super) fn with_hosted_urls(mut self, family: &str) -> RenderInput {
        self.device_wide = self.device_wide.with_hosted_urls(family, self.mac);
        for port in &mut self.ports {
            port.settings = std::mem::take(&mut port.settings).with_hosted_urls(family, self.mac);
        }
        self
    }
}

/// Whose a device is, by its active ports.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// No port is active.
    Nobodys,
    /// The first active port's settings count for all of it.
    OneCompanys(&'a Arc<Settings>),
    /// What all active ports say alike counts for all of it.
    SeveralCompanies,
}

/// Who says what counts for the whole device.
#[must_use]
pub fn whose(ports: &[PortInput]) -> Whose<'_> {
    let mut active = ports.iter().filter(|port| port.company.is_some());
    let Some(first) = active.next() else { return Whose::Nobodys };
    match active.all(|port| port.company == first.company) {
        true => Whose::OneCompanys(&first.settings),
        false => Whose::SeveralCompanies,
    }
}

/// The root of a template's names.
pub(crate) struct Context {
    input: RenderInput,
    /// `type` as templates see it, and its numbers of lines, keys, modules and module keys.
    phone_type: Value,
    counts: Counts,
    family: String,
    never_reset: Arc<NeverReset>,
    /// Whether it may have been sent a holding file, which gives line 1 a name. Those of devices
    /// with several ports, one line each, name none.
    may_be_held: bool,
    /// `fragment` as templates call it.
    fragment: Value,
    /// Values once made, in the order of [`ROOT_NAMES`]: a template asks for `settings` a
    /// hundred times.
    made: [OnceLock<Value>; ROOT_NAMES.len()],
}

impl fmt::Debug for Context {
    /// Shows no value: passwords are among them, and templates' errors may quote it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("family", &self.family).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    lines: u16,
    keys: u16,
    modules: u16,
    module_keys: u16,
    soft_keys: u16,
}

impl Context {
    pub(crate) fn new(
        input: RenderInput,
        family: &Family,
        phone_type: Option<&PhoneType>,
        fragment: Value,
    ) -> Context {
        Context {
            input,
            phone_type: type_value(phone_type),
            counts: phone_type.map_or_else(Counts::default, |phone_type| Counts {
                lines: phone_type.lines,
                keys: phone_type.keys,
                modules: phone_type.modules,
                module_keys: phone_type.module_keys,
                soft_keys: phone_type.soft_keys,
            }),
            family: family.id.clone(),
            never_reset: family.never_reset.clone(),
            may_be_held: phone_type.is_some_and(|phone_type| phone_type.ports == 1)
                && family.holding_files().next().is_some(),
            fragment,
            made: Default::default(),
        }
    }

    fn named_port(&self) -> Option<&PortInput> {
        let named = self.input.named_port?;
        self.input.ports.iter().find(|port| port.port == named)
    }

    /// The settings that lines and keys are of which are of no port: the named port's, else the
    /// first active port's.
    fn leading(&self) -> &Arc<Settings> {
        let active = || self.input.ports.iter().find(|port| port.company.is_some());
        let leading = self.named_port().or_else(active);
        leading.map_or(&self.input.device_wide, |port| &port.settings)
    }

    /// The settings that count for all of the file.
    fn whole(&self) -> &Arc<Settings> {
        self.named_port().map_or(&self.input.device_wide, |port| &port.settings)
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
            "soft_keys" => Slots::soft_keys(self.leading(), self.counts.soft_keys),
            "settings" => Group::settings(self.whole()),
            "zone" => zone(self.whole()),
            "vendor" => vendor(self),
            "written" => {
                written(&self.input.written, u16::from(self.may_be_held), self.counts.lines)
            }
            "fragment" => self.fragment.clone(),
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

/// What templates know as `type`.
pub(crate) fn type_value(phone_type: Option<&PhoneType>) -> Value {
    phone_type.map_or_else(|| Unset::named("type"), |phone_type| phone_type.view.clone())
}

fn device(mac: Mac) -> Value {
    Names::value([
        ("mac", Value::from(mac.to_string())),
        ("MAC", Value::from(mac.upper())),
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
            ("soft_keys", Slots::soft_keys(&input.settings, counts.soft_keys)),
            ("settings", Group::settings(&input.settings)),
            (
                "vendor",
                Value::from_object(ParametersByName {
                    family: context.family.clone(),
                    settings: input.settings.clone(),
                    device_wide: context.whole().clone(),
                }),
            ),
        ])
    };
    context.input.ports.iter().map(port).collect()
}

/// The raw parameters that are set, and those that were once: of these the value is unset.
///
/// SECURITY: one that keeps the phone ours is not taken back: whoever had the phone before, or may
/// set raw parameters for a moment, would take away its password or its way back.
fn vendor(context: &Context) -> Value {
    let family = &context.family;
    let entry =
        |name: &str, value: Value| Names::value([("name", Value::from(name)), ("value", value)]);
    let none = BTreeMap::new();
    let set = context.whole().vendor.get(family).unwrap_or(&none);
    let written = context.input.written.parameters(family);
    let gone = written.filter(|name| !set.contains_key(*name) && !context.never_reset.has(name));
    let set = set.iter().map(|(name, value)| entry(name, Value::from(value.to_string())));
    set.chain(gone.map(|name| entry(name, Unset::named(format!("vendor.{family}.{name}")))))
        .collect()
}

/// Each group that is left alone until a file has set it, and whether one has; of the type's
/// `lines` the highest that a file has set up, `held` that of a holding file, and of modules the
/// highest that it set keys of.
fn written(written: &Written, held: u16, lines: u16) -> Value {
    let is_in = |name: &str| written.groups().any(|group| group == name);
    let groups = KEPT.iter().map(|&(name, _)| (name, Value::from(is_in(name))));
    // The modules may have been taken off since, and the type be one without them.
    let numbers = [("lines", written.lines().max(held).min(lines)), ("modules", written.modules())];
    let numbers = numbers.map(|(name, number)| (name, Value::from(number)));
    Names::value(groups.chain(numbers))
}

/// The raw parameters of a port, each for who names it.
///
/// SECURITY: they cannot be listed. Who administers one port of a device must not put parameters
/// of a name of its own into the file of all ports; a template that asks for one by name knows
/// what it stands for, and prints it where it belongs.
#[derive(Debug)]
struct ParametersByName {
    family: String,
    settings: Arc<Settings>,
    device_wide: Arc<Settings>,
}

impl Object for ParametersByName {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        let of = |settings: &Settings| {
            settings.vendor.get(&self.family)?.get(name).map(ToString::to_string)
        };
        let found = of(&self.settings).or_else(|| of(&self.device_wide));
        Some(
            found.map_or_else(
                || Unset::named(format!("vendor.{}.{name}", self.family)),
                Value::from,
            ),
        )
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

fn zone(settings: &Settings) -> Value {
    match settings.time.zone.as_deref().and_then(Zone::named) {
        None => Unset::named("time.zone"),
        Some(zone) => Group::zone(zone),
    }
}
