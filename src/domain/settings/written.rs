//! What the files of a device have set in it once: what must be taken back when nothing sets it
//! any more.
//!
//! Most settings are written in every file, set or not. Those of [`KEPT`] are the site's or the
//! user's own, as long as no file ever set them: a VLAN set by hand must not be lost.

use std::collections::BTreeSet;

use super::read::{Fields, Read};
use super::schema::MAX_VENDOR_PARAMETERS;
use super::{Key, Settings};

/// The groups that are left alone until a file has set them: the name templates call each by, and
/// the settings that belong to it.
pub const KEPT: &[(&str, &[&str])] = &[
    ("language", &["language"]),
    ("tones", &["tones"]),
    ("time", &["time"]),
    ("ring", &["ring", "alert_tones"]),
    ("display", &["display"]),
    ("lock", &["lock"]),
    ("soft_keys", &["soft_keys"]),
    ("vlan", &["network.vlan"]),
    ("pc_vlan", &["network.pc_vlan"]),
    ("lldp", &["network.lldp"]),
    ("cdp", &["network.cdp"]),
    ("dns", &["network.dns"]),
    ("qos", &["network.qos"]),
    ("wifi", &["wifi"]),
    ("bluetooth", &["bluetooth"]),
];

/// What was set once: groups of [`KEPT`], and raw parameters of the device's family.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// A bit each, in the order of [`KEPT`].
    groups: u32,
    /// At most [`Written::MAX_PARAMETERS`] names.
    parameters: BTreeSet<String>,
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
        if let Some(parameters) = settings.vendor.get(family) {
            written.parameters = parameters.keys().cloned().collect();
        }
        written
    }

    /// Groups by their names in [`KEPT`] and raw parameters; `None` for a name that is not there.
    #[must_use]
    pub fn named(groups: &[String], parameters: &[String]) -> Option<Written> {
        let mut written = Written::default();
        for name in groups {
            written.groups |= 1 << KEPT.iter().position(|(group, _)| group == name)?;
        }
        written.parameters = parameters.iter().cloned().collect();
        Some(written)
    }

    /// Every group, and one raw parameter.
    #[must_use]
    pub fn everything() -> Written {
        Written { groups: (1 << KEPT.len()) - 1, parameters: ["removed".to_owned()].into() }
    }

    /// The names of the groups.
    pub fn groups(&self) -> impl Iterator<Item = &'static str> {
        let is_in = |at: usize| self.groups & (1 << at) != 0;
        KEPT.iter().enumerate().filter(move |(at, _)| is_in(*at)).map(|(_, (name, _))| *name)
    }

    /// The names of the raw parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(String::as_str)
    }

    /// Whether all of `other` is in this.
    #[must_use]
    pub fn covers(&self, other: &Written) -> bool {
        self.groups & other.groups == other.groups && self.parameters.is_superset(&other.parameters)
    }

    /// This and `other`. Raw parameters above [`Written::MAX_PARAMETERS`] are not remembered, the
    /// last in their alphabet first.
    #[must_use]
    pub fn and(mut self, other: &Written) -> Written {
        self.groups |= other.groups;
        for name in &other.parameters {
            if self.parameters.len() < Written::MAX_PARAMETERS {
                self.parameters.insert(name.clone());
            }
        }
        self
    }
}

/// Whether anything at the path or below it is set.
fn is_set(settings: &Settings, path: &str) -> bool {
    match path {
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
        assert_eq!(by(json!({ "soft_keys": { "2": { "type": "dnd" } } })), ["soft_keys"]);
        assert_eq!(by(json!({ "soft_keys": { "2": { "type": "none" } } })), Vec::<&str>::new());
    }

    #[test]
    fn raw_parameters_are_remembered_within_bounds() {
        let names =
            |from: usize| (from..from + 600).map(|at| format!("p{at:04}")).collect::<Vec<_>>();
        let one = Written::named(&[], &names(0)).unwrap();
        let other = Written::named(&["vlan".to_owned()], &names(600)).unwrap();
        assert!(one.covers(&Written::default()) && !one.covers(&other));
        let both = one.and(&other);
        assert_eq!(both.parameters().count(), Written::MAX_PARAMETERS);
        assert_eq!(both.groups().collect::<Vec<_>>(), ["vlan"]);
        assert_eq!(Written::named(&["vlans".to_owned()], &[]), None);
    }
}
