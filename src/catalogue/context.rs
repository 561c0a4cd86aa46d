//! What a template sees: the device, its type, its ports and their settings.
//!
//! Built lazily, because a template looks at little of it and a boot storm
//! renders many: a line's object comes to be when the template asks for it.

use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::family::{Family, PhoneType};
use super::path_pattern::PathFacts;
use super::render::ROOT_NAMES;
use super::unset::Unset;
use crate::domain::settings::{Expansion, Fields, Key, Line, Read, Settings, Zone};
use crate::domain::{CompanyId, Mac, Port};

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
pub(super) struct Context {
    input: RenderInput,
    /// `type` as templates see it, and its numbers of lines, keys, modules and module keys.
    phone_type: Value,
    counts: Counts,
    family: String,
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
    pub fn new(input: RenderInput, family: &Family, own: Option<&PhoneType>) -> Context {
        Context {
            input,
            phone_type: own.map_or_else(|| Unset::value("type"), |own| own.view.clone()),
            counts: own.map_or_else(Counts::default, |own| Counts {
                lines: own.lines,
                keys: own.keys,
                modules: own.modules,
                module_keys: own.module_keys,
            }),
            family: family.id.clone(),
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
            "settings" => group("", &**self.leading()),
            "zone" => zone(self.leading()),
            "vendor" => vendor(self.leading(), &self.family),
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
    Value::from_pairs([
        ("mac", Value::from(mac.to_string())),
        ("MAC", Value::from(format!("{:012X}", mac.bits()))),
        ("mac_colons", Value::from(mac.colon_upper())),
    ])
}

fn path(facts: &PathFacts) -> Value {
    let part = |name: &'static str, found: &Option<String>| {
        let unset = || Unset::value(format!("path.{name}"));
        (name, found.clone().map_or_else(unset, Value::from))
    };
    Value::from_pairs([
        part("model", &facts.model),
        part("code", &facts.code),
        part("part", &facts.part),
    ])
}

fn ports(context: &Context) -> Value {
    let counts = context.counts;
    let port = |input: &PortInput| {
        let company = input.company.as_ref();
        Value::from_pairs([
            ("number", Value::from(input.port.number())),
            ("index", Value::from(input.port.number() + 1)),
            ("active", Value::from(company.is_some())),
            (
                "company",
                company.map_or_else(|| Unset::value("port.company"), |c| Value::from(c.as_str())),
            ),
            ("name", Value::from(input.name.as_str())),
            // An inactive port has no lines: there is nothing it could be given by mistake.
            (
                "lines",
                Slots::lines(&input.settings, if company.is_some() { counts.lines } else { 0 }),
            ),
            ("keys", Slots::keys(&input.settings, counts.keys)),
            ("expansion", Slots::modules(&input.settings, counts)),
            ("settings", group("", &*input.settings)),
        ])
    };
    context.input.ports.iter().map(port).collect()
}

fn vendor(settings: &Settings, family: &str) -> Value {
    let Some(parameters) = settings.vendor.get(family) else {
        return Value::from(Vec::<Value>::new());
    };
    let entry = |(name, value): (&String, &crate::domain::settings::VendorValue)| {
        Value::from_pairs([
            ("name", Value::from(name.as_str())),
            ("value", Value::from(value.to_string())),
        ])
    };
    parameters.iter().map(entry).collect()
}

fn zone(settings: &Settings) -> Value {
    match settings.time.zone.as_deref().and_then(Zone::named) {
        None => Unset::value("time.zone"),
        Some(zone) => group("zone.", &*zone),
    }
}

/// A group of settings: what is set has its value, what the schema has besides is unset.
#[derive(Debug)]
struct Group {
    /// Up to and with the last dot: `lines.1.`.
    prefix: String,
    set: Vec<(&'static str, Value)>,
    unset: Vec<&'static str>,
}

fn group(prefix: &str, fields: &dyn Fields) -> Value {
    Value::from_object(Group::new(prefix.to_owned(), fields))
}

impl Group {
    fn new(prefix: String, fields: &dyn Fields) -> Group {
        let mut group = Group { prefix, set: Vec::new(), unset: Vec::new() };
        fields.read(&mut |name, read| match (group.value(name, &read), read) {
            (Some(value), _) => group.set.push((name, value)),
            // Lines and keys are read through their own lists.
            (None, Read::Map) => {}
            (None, _) => group.unset.push(name),
        });
        group
    }

    fn value(&self, name: &'static str, read: &Read<'_>) -> Option<Value> {
        Some(match read {
            Read::Unset | Read::Map => return None,
            Read::Bool(value) => Value::from(*value),
            Read::Integer(value) => Value::from(*value),
            Read::Text(value) => Value::from(*value),
            Read::Texts(values) => values.iter().map(|text| Value::from(text.as_ref())).collect(),
            Read::Group(fields) => group(&format!("{}{name}.", self.prefix), *fields),
        })
    }
}

impl Object for Group {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        if let Some((_, value)) = self.set.iter().find(|(own, _)| *own == name) {
            return Some(value.clone());
        }
        let known = self.unset.iter().find(|own| **own == name)?;
        Some(Unset::value(format!("{}{known}", self.prefix)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.set.iter().map(|(name, _)| *name).chain(self.unset.iter().copied());
        Enumerator::Values(names.map(Value::from).collect())
    }
}

/// The lines, keys or modules a type has, whether set or not.
#[derive(Debug)]
struct Slots {
    settings: Arc<Settings>,
    count: u16,
    what: What,
}

#[derive(Debug)]
enum What {
    Lines,
    Keys,
    Modules { keys: u16 },
    ModuleKeys { module: u16 },
}

impl Slots {
    fn value(settings: &Arc<Settings>, count: u16, what: What) -> Value {
        Value::from_object(Slots { settings: settings.clone(), count, what })
    }

    fn lines(settings: &Arc<Settings>, count: u16) -> Value {
        Slots::value(settings, count, What::Lines)
    }

    fn keys(settings: &Arc<Settings>, count: u16) -> Value {
        Slots::value(settings, count, What::Keys)
    }

    fn modules(settings: &Arc<Settings>, counts: Counts) -> Value {
        let what = What::Modules { keys: counts.module_keys };
        Slots::value(settings, counts.modules, what)
    }

    fn slot(&self, index: u16) -> Value {
        match self.what {
            What::Lines => line(index, self.settings.lines.get(&index)),
            What::Keys => key(format!("keys.{index}."), index, self.settings.keys.get(&index)),
            What::Modules { keys } => {
                let keys = Slots::value(&self.settings, keys, What::ModuleKeys { module: index });
                Value::from_pairs([("index", Value::from(index)), ("keys", keys)])
            }
            What::ModuleKeys { module } => {
                let module_keys = self.settings.expansion.get(&module);
                let found = module_keys.and_then(|Expansion { keys, .. }| keys.get(&index));
                key(format!("expansion.{module}.keys.{index}."), index, found)
            }
        }
    }
}

impl Object for Slots {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = u16::try_from(key.as_usize()?).ok()?;
        (at < self.count).then(|| self.slot(at + 1))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(usize::from(self.count))
    }
}

fn line(index: u16, line: Option<&Line>) -> Value {
    let unset = Line::default();
    let mut group = Group::new(format!("lines.{index}."), line.unwrap_or(&unset));
    group.set.retain(|(name, _)| *name != "enabled");
    group.set.push(("index", Value::from(index)));
    group.set.push(("enabled", Value::from(line.is_some_and(Line::is_enabled))));
    Value::from_object(group)
}

fn key(prefix: String, index: u16, key: Option<&Key>) -> Value {
    let unset = Key::default();
    let mut group = Group::new(prefix, key.unwrap_or(&unset));
    if key.is_none_or(|key| key.key_type.is_none()) {
        group.set.push(("type", Value::from("none")));
    }
    group.set.push(("index", Value::from(index)));
    Value::from_object(group)
}
