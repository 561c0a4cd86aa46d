//! What the files of a device have set in it once: what must be taken back when nothing sets it
//! any more.
//!
//! Most settings are written in every file, set or not. Those of [`KEPT`] are the site's or the
//! user's own, as long as no file ever set them: a VLAN set by hand must not be lost.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::given_keys::GivenKeys;
use super::read::{Fields, Read};
use super::rule;
use super::schema::{MAX_LINES, MAX_MODULES, MAX_VENDOR_PARAMETERS};
use super::{Expansion, Key, SettingError, Settings};

/// The groups that are left alone until a file has set them: the name templates call each by, and
/// the settings that belong to it.
pub const KEPT: &[(&str, &[&str])] = &[
    ("language", &["language"]),
    ("tones", &["tones"]),
    ("time", &["time"]),
    ("ring", &["ring", "alert_tones"]),
    ("display", &["display"]),
    ("lock", &["lock"]),
    ("keys", &["keys", "expansion"]),
    ("soft_keys", &["soft_keys"]),
    ("vlan", &["network.vlan"]),
    ("pc_vlan", &["network.pc_vlan"]),
    ("lldp", &["network.lldp"]),
    ("cdp", &["network.cdp"]),
    ("dns", &["network.dns"]),
    ("qos", &["network.qos"]),
    ("wifi", &["wifi"]),
    ("bluetooth", &["bluetooth"]),
    ("trust", &["trust"]),
    ("credentials", &["provisioning.user", "provisioning.password"]),
    ("encryption", &["provisioning.encryption_key"]),
];

/// What was set once: groups of [`KEPT`], lines, keys of modules, and raw parameters. It only grows: what two
/// gateways noted comes together with [`Written::and`] in whatever order they did.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Written {
    /// A bit each, in the order of [`KEPT`].
    groups: u32,
    /// The highest number of a line that any file has set up, on whatever port; 0: none has.
    lines: u16,
    /// The highest number of an expansion module that any file has set a key of; 0: none has.
    modules: u16,
    /// Raw parameters by family, because a device may turn out to be of another one, which has no
    /// use for the names; at most [`Written::MAX_PARAMETERS`] names, and no family without one.
    parameters: BTreeMap<String, BTreeSet<String>>,
    /// The keys of encrypted files; of these the last ones only.
    keys: GivenKeys,
}

impl Written {
    /// Raw parameters that are remembered of a device: twice as many as one layer may set.
    pub const MAX_PARAMETERS: usize = 2 * MAX_VENDOR_PARAMETERS;

    /// What a file of these settings sets.
    #[must_use]
    pub fn by(settings: &Settings, family: &str) -> Written {
        let mut written = Written::default();
        for (at, (_, paths)) in KEPT.iter().enumerate() {
            if paths.iter().any(|path| is_set(settings, path)) {
                written.groups |= 1 << at;
            }
        }
        let lines = settings.lines.iter().rev().find(|(_, line)| line.is_enabled());
        written.lines = lines.map_or(0, |(number, _)| *number);
        let is_used = |module: &Expansion| module.keys.values().any(Key::is_used);
        let modules = settings.expansion.iter().rev().find(|(_, module)| is_used(module));
        written.modules = modules.map_or(0, |(number, _)| *number);
        if let Some(parameters) = settings.vendor.get(family) {
            parameters.keys().for_each(|name| written.add(family, name));
        }
        written
    }

    /// This without its raw parameters.
    #[must_use]
    pub fn without_parameters(self) -> Written {
        Written { parameters: BTreeMap::new(), ..self }
    }

    /// This with no more than so many raw parameters.
    #[must_use]
    pub fn with_parameters_up_to(self, most: usize) -> Written {
        let mut less = Written { parameters: BTreeMap::new(), ..self.clone() };
        self.names().take(most).for_each(|(family, name)| less.add(family, name));
        less
    }

    /// This, of a type that has no more than so many lines and modules for a file to set up.
    #[must_use]
    pub fn within(self, lines: u16, modules: u16) -> Written {
        Written { lines: self.lines.min(lines), modules: self.modules.min(modules), ..self }
    }

    /// This, with keys set of the modules up to a number.
    #[must_use]
    pub fn with_modules(self, number: u16) -> Written {
        Written { modules: number.min(MAX_MODULES), ..self }
    }

    /// Groups by their names in [`KEPT`] and raw parameters of a family, and the lines up to
    /// a number; `None` for a name that is not there.
    #[must_use]
    pub fn named(
        groups: &[String],
        lines: u16,
        family: &str,
        parameters: &[String],
    ) -> Option<Written> {
        let mut written = Written { lines: lines.min(MAX_LINES), ..Written::default() };
        for name in groups {
            written.groups |= bit(name)?;
        }
        parameters.iter().for_each(|name| written.add(family, name));
        Some(written)
    }

    /// Reads it as it is exported, of a document that somebody may have changed.
    ///
    /// # Errors
    /// What is no name of a group, a family or a raw parameter, or more than can be remembered: all
    /// of it, with its place.
    pub fn parse(document: &Value) -> Result<Written, Vec<SettingError>> {
        let problem = |field: &str, message: String| SettingError { field: field.into(), message };
        let stored =
            Stored::deserialize(document).map_err(|error| vec![problem("", error.to_string())])?;
        let mut wrong = Vec::new();
        for (at, name) in stored.groups.iter().enumerate().filter(|(_, name)| bit(name).is_none()) {
            wrong.push(problem(&format!("groups[{at}]"), format!("no group is called {name:?}")));
        }
        if stored.lines.is_some_and(|lines| lines > MAX_LINES) {
            wrong.push(problem("lines", format!("must be at most {MAX_LINES}")));
        }
        if stored.modules.is_some_and(|modules| modules > MAX_MODULES) {
            wrong.push(problem("modules", format!("must be at most {MAX_MODULES}")));
        }
        for (family, names) in &stored.parameters {
            if !rule::is_family(family) {
                wrong.push(problem("parameters", format!("no family can be called {family:?}")));
                continue;
            }
            for name in names.iter().filter(|name| !rule::is_parameter(name)) {
                let message = format!("no raw parameter can be called {name:?}");
                wrong.push(problem(&format!("parameters.{family}"), message));
            }
        }
        let count: usize = stored.parameters.values().map(BTreeSet::len).sum();
        if count > Written::MAX_PARAMETERS {
            let message = format!("must be at most {}, not {count}", Written::MAX_PARAMETERS);
            wrong.push(problem("parameters", message));
        }
        if stored.keys.is_too_many() {
            wrong.push(problem("keys", format!("must be at most {}", GivenKeys::MAX)));
        }
        if wrong.is_empty() { Ok(stored.into()) } else { Err(wrong) }
    }

    /// This, with a key that a file has in it, or takes away.
    #[must_use]
    pub fn with_keys(self, keys: GivenKeys) -> Written {
        Written { keys, ..self }
    }

    /// The keys of encrypted files that it was given.
    #[must_use]
    pub fn keys(&self) -> &GivenKeys {
        &self.keys
    }

    /// Every group, line and module, and one raw parameter of the family.
    #[must_use]
    pub fn everything(family: &str) -> Written {
        let groups = (1 << KEPT.len()) - 1;
        let mut written =
            Written { groups, lines: MAX_LINES, modules: MAX_MODULES, ..Written::default() };
        written.add(family, "removed");
        written
    }

    /// Whether nothing was ever set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.has_nothing_but_keys() && self.keys.is_empty()
    }

    fn has_nothing_but_keys(&self) -> bool {
        self.groups == 0 && self.lines == 0 && self.modules == 0 && self.parameters.is_empty()
    }

    /// The names of the groups.
    pub fn groups(&self) -> impl Iterator<Item = &'static str> {
        let is_in = |at: usize| self.groups & (1 << at) != 0;
        KEPT.iter().enumerate().filter(move |(at, _)| is_in(*at)).map(|(_, (name, _))| *name)
    }

    /// The highest number of a line that was set up, at most that of the schema; 0 for none.
    #[must_use]
    pub fn lines(&self) -> u16 {
        self.lines
    }

    /// The highest number of a module that a key was set of, at most that of the schema; 0 for none.
    #[must_use]
    pub fn modules(&self) -> u16 {
        self.modules
    }

    /// The names of the raw parameters of a family.
    pub fn parameters(&self, family: &str) -> impl Iterator<Item = &str> {
        self.parameters.get(family).into_iter().flatten().map(String::as_str)
    }

    /// Whether all of `other` is in this.
    #[must_use]
    pub fn covers(&self, other: &Written) -> bool {
        let has = |family: &str, name: &String| {
            self.parameters.get(family).is_some_and(|names| names.contains(name))
        };
        // When there is no room for more, all is covered that ever can be.
        self.groups & other.groups == other.groups
            && self.lines >= other.lines
            && self.modules >= other.modules
            && self.keys.covers(&other.keys)
            && (self.is_full() || other.names().all(|(family, name)| has(family, name)))
    }

    /// This and `other`. Raw parameters above [`Written::MAX_PARAMETERS`] are not remembered.
    #[must_use]
    pub fn and(mut self, other: &Written) -> Written {
        self.groups |= other.groups;
        self.lines = self.lines.max(other.lines);
        self.modules = self.modules.max(other.modules);
        self.keys = self.keys.and(&other.keys);
        for (family, name) in other.names() {
            self.add(family, name);
        }
        self
    }

    /// The raw parameters of `other` that [`Written::and`] does not remember.
    #[must_use]
    pub fn without_room(&self, other: &Written) -> Vec<String> {
        let both = self.clone().and(other);
        let is_lost = |(family, name): &(&str, &String)| {
            !both.parameters.get(*family).is_some_and(|names| names.contains(*name))
        };
        other.names().filter(is_lost).map(|(_, name)| name.clone()).collect()
    }

    fn names(&self) -> impl Iterator<Item = (&str, &String)> {
        self.parameters
            .iter()
            .flat_map(|(family, names)| names.iter().map(move |name| (family.as_str(), name)))
    }

    fn is_full(&self) -> bool {
        self.parameters.values().map(BTreeSet::len).sum::<usize>() >= Written::MAX_PARAMETERS
    }

    fn add(&mut self, family: &str, name: &str) {
        if !self.is_full() {
            self.parameters.entry(family.to_owned()).or_default().insert(name.to_owned());
        }
    }
}

fn bit(name: &str) -> Option<u32> {
    Some(1 << KEPT.iter().position(|(group, _)| *group == name)?)
}

/// The form in which it is stored and exported:
/// `{"groups":["vlan"],"lines":2,"modules":0,"parameters":{"snom":["dhcp"]}}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    /// `None`: nobody counted them when it was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lines: Option<u16>,
    /// The same as `lines`, of modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modules: Option<u16>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    parameters: BTreeMap<String, BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "GivenKeys::is_empty")]
    keys: GivenKeys,
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let groups = self.groups().map(str::to_owned).collect();
        let lines = Some(self.lines).filter(|_| !self.is_empty());
        let modules = Some(self.modules).filter(|_| !self.is_empty());
        let (parameters, keys) = (self.parameters.clone(), self.keys.clone());
        Stored { groups, lines, modules, parameters, keys }.serialize(serializer)
    }
}

/// Reads it as the store has it. A group that there is not any more is passed over, as are names
/// that no parameter can have or that there is no room for. Where lines and modules were not
/// counted, any may have been set up that there are.
impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Written, D::Error> {
        Ok(Stored::deserialize(deserializer)?.into())
    }
}

impl From<Stored> for Written {
    fn from(stored: Stored) -> Written {
        let groups = stored.groups.iter().filter_map(|name| bit(name));
        let groups = groups.fold(0, |all, bit| all | bit);
        let mut written = Written { groups, ..Written::default() };
        for (family, names) in &stored.parameters {
            let names = names.iter().filter(|name| rule::is_parameter(name));
            names.filter(|_| rule::is_family(family)).for_each(|name| written.add(family, name));
        }
        written.lines = match stored.lines {
            Some(lines) => lines.min(MAX_LINES),
            None if written.has_nothing_but_keys() => 0,
            None => MAX_LINES,
        };
        let had_keys = written.groups & bit("keys").unwrap_or_default() != 0;
        written.modules = match stored.modules {
            Some(modules) => modules.min(MAX_MODULES),
            None if had_keys => MAX_MODULES,
            None => 0,
        };
        written.keys = GivenKeys::default().and(&stored.keys);
        written
    }
}

/// Whether anything at the path or below it is set.
fn is_set(settings: &Settings, path: &str) -> bool {
    match path {
        "keys" => settings.keys.values().any(Key::is_used),
        "expansion" => {
            settings.expansion.values().flat_map(|module| module.keys.values()).any(Key::is_used)
        }
        "soft_keys" => settings.soft_keys.values().any(Key::is_used),
        "alert_tones" => !settings.alert_tones.is_empty(),
        _ => {
            let mut fields: &dyn Fields = settings;
            let mut last = None;
            for name in path.split('.') {
                match fields.field(name) {
                    Some((_, Read::Group(below))) => {
                        fields = below;
                        last = None;
                    }
                    found => last = found.map(|(_, read)| read),
                }
            }
            last.map_or_else(|| has_any(fields), |read| is_value(&read))
        }
    }
}

fn has_any(fields: &dyn Fields) -> bool {
    let mut any = false;
    fields.read(&mut |_, read| {
        any |= match read {
            Read::Group(below) => has_any(below),
            read => is_value(&read),
        }
    });
    any
}

fn is_value(read: &Read<'_>) -> bool {
    match read {
        Read::Unset | Read::Map | Read::Group(_) => false,
        Read::Texts(texts) => !texts.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Layer, resolve, schema};
    use super::*;
    use serde_json::json;

    fn by(document: serde_json::Value) -> Vec<&'static str> {
        let settings = resolve(&[&Layer::parse(&document).unwrap()]).unwrap();
        Written::by(&settings, "snom").groups().collect()
    }

    #[test]
    fn each_group_is_of_the_schema_and_known_by_what_is_set() {
        for (name, paths) in KEPT {
            for path in *paths {
                assert!(schema::fields().iter().any(|field| field.path == *path), "{name} {path}");
            }
        }
        assert_eq!(by(json!({})), Vec::<&str>::new());
        assert_eq!(by(json!({ "network": { "syslog": { "port": 1 } } })), Vec::<&str>::new());
        assert_eq!(by(json!({ "network": { "vlan": { "priority": 0 } } })), ["vlan"]);
        assert_eq!(by(json!({ "network": { "lldp": false } })), ["lldp"]);
        assert_eq!(by(json!({ "network": { "dns": ["192.0.2.1"] } })), ["dns"]);
        assert_eq!(by(json!({ "language": "de", "time": { "ntp": ["a"] } })), ["language", "time"]);
        assert_eq!(by(json!({ "alert_tones": { "2": { "tone": 1 } } })), ["ring"]);
        assert_eq!(by(json!({ "keys": { "2": { "type": "dnd" } } })), ["keys"]);
        let module = json!({ "1": { "keys": { "9": { "type": "dnd" } } } });
        assert_eq!(
            by(json!({ "keys": { "2": { "type": "none" } }, "expansion": module })),
            ["keys"]
        );
        assert_eq!(by(json!({ "soft_keys": { "2": { "type": "dnd" } } })), ["soft_keys"]);
        assert_eq!(by(json!({ "soft_keys": { "2": { "type": "none" } } })), Vec::<&str>::new());
    }

    #[test]
    fn raw_parameters_are_remembered_within_bounds() {
        let names =
            |from: usize| (from..from + 600).map(|at| format!("p{at:04}")).collect::<Vec<_>>();
        let one = Written::named(&[], 0, "snom", &names(0)).unwrap();
        let vlan = ["vlan".to_owned()];
        let other = Written::named(&vlan, 0, "snom", &names(600)).unwrap();
        assert!(one.covers(&Written::default()) && !one.covers(&other));
        let both = one.clone().and(&other);
        assert_eq!(both.parameters("snom").count(), Written::MAX_PARAMETERS);
        assert_eq!(both.groups().collect::<Vec<_>>(), ["vlan"]);
        assert!(
            both.covers(&Written::named(&vlan, 0, "snom", &names(1200)).unwrap()),
            "it is full"
        );
        assert!(!both.covers(&Written::everything("snom")));
        assert_eq!(one.without_room(&other).len(), 200);
        assert_eq!(Written::default().without_room(&other), Vec::<String>::new());
        assert_eq!(Written::named(&["vlans".to_owned()], 0, "snom", &[]), None);
    }

    #[test]
    fn raw_parameters_are_of_one_family() {
        let of = |family| Written::named(&[], 0, family, &["name".to_owned()]).unwrap();
        let both = of("snom").and(&of("yealink"));
        assert!(both.covers(&of("yealink")) && !of("snom").covers(&of("yealink")));
        assert_eq!(both.parameters("yealink").collect::<Vec<_>>(), ["name"]);
        assert_eq!(both.parameters("polycom").count(), 0);
    }

    #[test]
    fn what_is_stored_comes_back() {
        let written = Written::everything("snom");
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<Written>(&text).unwrap(), written);
        assert_eq!(serde_json::to_string(&Written::default()).unwrap(), "{}");
        let older = r#"{"groups":["vlan","gone"]}"#;
        let read: Written = serde_json::from_str(older).unwrap();
        assert_eq!(read.groups().collect::<Vec<_>>(), ["vlan"]);
    }

    #[test]
    fn the_highest_line_that_was_ever_set_up_is_remembered() {
        let lines = |document: serde_json::Value| {
            let settings = resolve(&[&Layer::parse(&document).unwrap()]).unwrap();
            Written::by(&settings, "snom")
        };
        let three = lines(json!({ "lines": { "1": {}, "3": {}, "4": { "enabled": false } } }));
        assert_eq!((three.lines(), three.is_empty()), (3, false));
        assert_eq!(lines(json!({ "lines": { "4": { "enabled": false } } })), Written::default());
        let one = three.clone().within(1, 0);
        assert_eq!((one.lines(), one.covers(&three), three.covers(&one)), (1, false, true));
        assert_eq!(one.and(&three).and(&Written::default()).lines(), 3);
    }

    #[test]
    fn the_highest_module_with_a_key_is_remembered() {
        let modules = |of: &str, kind: &str| {
            let module = json!({ of: { "keys": { "3": { "type": kind, "value": "1" } } } });
            let document = json!({ "expansion": module });
            let settings = resolve(&[&Layer::parse(&document).unwrap()]).unwrap();
            Written::by(&settings, "snom")
        };
        let two = modules("2", "speed_dial");
        assert_eq!((two.modules(), modules("2", "none").modules()), (2, 0));
        let one = two.clone().within(64, 1);
        assert_eq!((one.modules(), one.covers(&two), two.covers(&one)), (1, false, true));
        assert_eq!(one.and(&two).and(&Written::default()).modules(), 2);
        let stored = serde_json::to_string(&two).unwrap();
        assert_eq!(serde_json::from_str::<Written>(&stored).unwrap(), two);
    }

    #[test]
    fn a_record_from_before_modules_were_counted_may_have_any_that_keys_were_set_of() {
        let modules = |text: &str| serde_json::from_str::<Written>(text).unwrap().modules();
        assert_eq!(modules(r#"{"groups":["keys"],"lines":1}"#), MAX_MODULES);
        assert_eq!(modules(r#"{"groups":["vlan"],"lines":1}"#), 0);
        assert_eq!(modules(r#"{"groups":["keys"],"lines":1,"modules":1}"#), 1);
        assert_eq!(modules(r#"{"modules":65535}"#), MAX_MODULES);
    }

    #[test]
    fn a_record_from_before_lines_were_counted_may_have_any() {
        let lines = |text: &str| {
            let written: Written = serde_json::from_str(text).unwrap();
            let stored = serde_json::to_string(&written).unwrap();
            assert_eq!(serde_json::from_str::<Written>(&stored).unwrap(), written);
            written.lines()
        };
        assert_eq!(lines(r#"{"groups":["vlan"]}"#), MAX_LINES);
        assert_eq!(lines(r#"{"parameters":{"snom":["dhcp"]}}"#), MAX_LINES);
        assert_eq!(lines(r#"{"groups":["vlan"],"lines":0}"#), 0);
        assert_eq!(lines(r#"{"lines":2}"#), 2);
        assert_eq!(lines(r#"{"lines":65535}"#), MAX_LINES);
        assert_eq!(lines("{}"), 0);
    }
}
