//! What of the settings that a type has does not come into its files all the same: values that its
//! phones do not know, and settings that need another one.

use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::coverage::{Files, Trial, files_of, kind_of, values};
use crate::catalogue::family::definition::{Encoding, Escape};
use crate::catalogue::limits::LAST_OF_LATIN_1;
use crate::catalogue::{Catalogue, FileSpec, PhoneType};
use crate::domain::settings::schema::Kind;
use crate::domain::settings::{Layer, resolve};

/// Values that are remembered of a type; operators seldom write more than some dozen.
const REMEMBERED: usize = 1000;
/// Settings of a phone that are tried without; each takes a rendering of the phone's files, and
/// two or three more where it changes nothing.
const TRIED_WITHOUT: usize = 200;
/// What the row of a key's kind has, of a soft key as well: `keys.N.type=park`.
const KEY_TYPE: &str = "keys.N.type=";

/// A value of which the files of a type have nothing, or something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsaid {
    /// The value as an operator writes it; of a list the one entry.
    pub value: String,
    /// The number or the text that the files have in its place.
    pub taken_as: Option<String>,
}

impl Catalogue {
    /// What the files of the type do not say of a value, for a row that they express: a language or
    /// a country that its phones do not have, a number above their highest, an entry of a list that
    /// they leave out, a text that their encoding cannot have. What was found is kept: it takes some renderings.
    #[must_use]
    pub fn unsaid(&self, phone_type: &PhoneType, row: &str, value: &Value) -> Vec<Unsaid> {
        if let (Some(Kind::Text { .. }), Value::String(text)) = (kind_of(row), value) {
            return self.replaced(phone_type, text).into_iter().collect();
        }
        let Some(kind) = kind_of(row).filter(|kind| is_tried(row, kind)) else { return Vec::new() };
        // A std lock: nothing awaits under it, and no request of a phone takes it.
        let known = || phone_type.unsaid.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (row.to_owned(), value.to_string());
        if let Some(found) = known().get(&key) {
            return found.clone();
        }
        let mut found: Option<Vec<Unsaid>> = None;
        for trial in Trial::all(self, phone_type).filter(|trial| trial.expresses(row)) {
            let of = Tried { catalogue: self, phone_type, trial, path: row.replace(".N.", ".1.") };
            let unsaid = of.unsaid(kind, value);
            found = Some(match found {
                None => unsaid,
                Some(before) => before.into_iter().filter(|one| unsaid.contains(one)).collect(),
            });
        }
        let found = found.unwrap_or_default();
        let mut known = known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, found.clone());
        found
    }

    /// A text that a file cannot have as it is, and has with `?` for what it lacks.
    fn replaced(&self, phone_type: &PhoneType, text: &str) -> Option<Unsaid> {
        let lacks = |file: &FileSpec| {
            file.encoding == Encoding::Latin1
                && file.escape != Escape::Xml
                && file.template.is_some()
        };
        if !self.family_of(phone_type).files.iter().any(lacks) {
            return None;
        }
        let taken_as: String =
            text.chars().map(|c| if c > LAST_OF_LATIN_1 { '?' } else { c }).collect();
        (taken_as != text).then(|| Unsaid { value: text.to_owned(), taken_as: Some(taken_as) })
    }

    /// Finds those of a phone's settings, each as its path and its row, that its files are the
    /// same without, whatever their value is: something that they need is not set. Of a key that
    /// does nothing, for want of a number or a code, only what it should do is among them.
    /// `layers` are all of the phone's, lowest first. At most 200 settings are tried, some
    /// renderings each.
    #[must_use]
    pub fn without_effect<'s>(
        &self,
        phone_type: &PhoneType,
        layers: &[Layer],
        set: &'s [(String, String)],
    ) -> Vec<&'s str> {
        let files = |layers: &[Layer]| -> Option<Files> {
            let settings = resolve(&layers.iter().collect::<Vec<_>>()).ok()?;
            Some(files_of(self, phone_type, &Arc::new(settings)))
        };
        let as_it_is = files(layers);
        // Files that cannot be made are alike whatever is left out.
        if !as_it_is.as_ref().is_some_and(|files| files.iter().all(Result::is_ok)) {
            return Vec::new();
        }
        let documents: Vec<Value> = layers.iter().map(Layer::to_json).collect();
        let without = |path: &str| -> Option<Vec<Layer>> {
            let each = layers.iter().zip(&documents).map(|(layer, document)| {
                let defaults = path.strip_prefix("lines.").and_then(|rest| rest.split_once('.'));
                let defaults = defaults.map(|(_, name)| format!("line_defaults.{name}"));
                let there = [Some(path.to_owned()), defaults].into_iter().flatten();
                let mut there = there.filter(|path| !at_path(document, path).is_null());
                there.try_fold(layer.clone(), |layer, path| {
                    layer.patched(&patch(&path, Value::Null)).ok()
                })
            });
            each.collect()
        };
        let changes_nothing = |(path, row): &&(String, String)| {
            let Some(mut layers) = without(path) else { return false };
            if files(&layers) != as_it_is {
                return false;
            }
            // Another kind of key would do something. That of a line may be so by itself.
            if let Some((_, kind)) = row.split_once(KEY_TYPE) {
                return kind != "line";
            }
            let Some(own) = layers.pop() else { return false };
            values(phone_type, row, path).into_iter().filter(|value| !value.is_null()).all(
                |value| {
                    let Ok(other) = own.patched(&patch(path, value)) else { return false };
                    let with: Vec<Layer> = layers.iter().cloned().chain([other]).collect();
                    files(&with) == as_it_is
                },
            )
        };
        let is_asked = |row: &str| kind_of(row).is_some() || row.contains(KEY_TYPE);
        let tried = set.iter().filter(|(_, row)| is_asked(row)).take(TRIED_WITHOUT);
        let found: Vec<&str> =
            tried.filter(changes_nothing).map(|(path, _)| path.as_str()).collect();
        let is_of_one_found = |path: &str| {
            let key = path.rsplit_once('.').filter(|(_, name)| *name != "type");
            key.is_some_and(|(key, _)| found.contains(&&*format!("{key}.type")))
        };
        found.iter().filter(|path| !is_of_one_found(path)).copied().collect()
    }
}

/// Whether a value of the kind may be one that the phones do not know. A number that counts
/// something may be written in other units, and be as its neighbour for that.
fn is_tried(row: &str, kind: &Kind) -> bool {
    let is_of_key = ["keys.", "soft_keys.", "expansion."].iter().any(|key| row.starts_with(key));
    !is_of_key
        && match kind {
            Kind::Language | Kind::Country | Kind::Integer { unit: "", .. } => true,
            Kind::List { of, .. } => matches!(of, Kind::Choice(_)),
            _ => false,
        }
}

struct Tried<'a> {
    catalogue: &'a Catalogue,
    phone_type: &'a PhoneType,
    trial: Trial<'a>,
    path: String,
}

impl Tried<'_> {
    fn files(&self, value: Value) -> Files {
        self.trial.files_with(&self.trial.base, &self.path, value)
    }

    fn unsaid(&self, kind: &Kind, value: &Value) -> Vec<Unsaid> {
        match (kind, value) {
            // No phone speaks the one, and nobody has a telephone network of his own in the other.
            (Kind::Language, Value::String(text)) => self.unknown(text, "qq"),
            (Kind::Country, Value::String(text)) => self.unknown(text, "AQ"),
            (Kind::Integer { max, min, .. }, value) => {
                value.as_u64().and_then(|n| self.too_high(n, *min, *max)).into_iter().collect()
            }
            (Kind::List { of: Kind::Choice(names), .. }, Value::Array(entries)) => {
                let entries = entries.iter().filter_map(Value::as_str);
                let unsaid = entries.filter(|entry| self.is_left_out(entry, names));
                unsaid.map(|entry| Unsaid { value: entry.to_owned(), taken_as: None }).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A text that is as one which nobody has: nothing of it is in the files, or what a table of
    /// the family has for all that is not in it.
    fn unknown(&self, text: &str, nobodys: &str) -> Vec<Unsaid> {
        let files = self.files(json!(text));
        let is_unknown = files == self.files(json!(nobodys))
            && (files == self.files(Value::Null) || !self.is_in_a_table(text));
        is_unknown.then(|| Unsaid { value: text.to_owned(), taken_as: None }).into_iter().collect()
    }

    /// Whether a table of the family has it, as `lookup` finds it.
    fn is_in_a_table(&self, text: &str) -> bool {
        let shorter = text.split(['-', '_']).next().unwrap_or_default();
        let tables = &self.catalogue.family_of(self.phone_type).maps;
        tables.values().any(|table| table.contains_key(text) || table.contains_key(shorter))
    }

    /// A number that is as the one below it and as the highest of all.
    fn too_high(&self, number: u64, min: u64, max: u64) -> Option<Unsaid> {
        let files = self.files(json!(number));
        let is_same = |other: u64| self.files(json!(other)) == files;
        if number <= min || !is_same(number - 1) || !is_same(max) {
            return None;
        }
        let (mut other, mut same) = (min, number);
        while other < same {
            let middle = other.midpoint(same);
            if is_same(middle) { same = middle } else { other = middle + 1 }
        }
        Some(Unsaid { value: number.to_string(), taken_as: Some(same.to_string()) })
    }

    /// An entry that makes no difference before any other.
    fn is_left_out(&self, entry: &str, names: &[&str]) -> bool {
        names
            .iter()
            .filter(|other| **other != entry)
            .all(|other| self.files(json!([entry, other])) == self.files(json!([other])))
    }
}

fn at_path<'d>(document: &'d Value, path: &str) -> &'d Value {
    path.split('.').fold(document, |at, name| &at[name])
}

fn patch(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |below, name| json!({ name: below }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Sources;

    #[test]
    fn a_value_that_a_family_cannot_say_is_told_from_one_it_can() {
        let catalogue = Catalogue::load(&Sources::default()).unwrap();
        let unsaid = |key: &str, row: &str, value: Value| -> Vec<(String, Option<String>)> {
            let phone_type = catalogue.phone_type(&key.parse().unwrap()).unwrap();
            let found = catalogue.unsaid(phone_type, row, &value);
            found.into_iter().map(|one| (one.value, one.taken_as)).collect()
        };
        let none = Vec::new();
        let of = |text: &str| vec![(text.to_owned(), None)];
        for (key, row, known, unknown) in [
            ("t46s", "language", "de", "fi"),
            ("t46s", "language", "en", "el"),
            ("t46s", "tones", "DE", "PL"),
            ("snomD785", "tones", "US", "BR"),
            ("snomD785", "language", "en-US", "ja"),
            ("ip550", "language", "en", "el"),
            ("spa942", "tones", "US", "QA"),
        ] {
            assert_eq!(unsaid(key, row, json!(known)), none, "{key} {row} {known}");
            assert_eq!(unsaid(key, row, json!(unknown)), of(unknown), "{key} {row} {unknown}");
        }
        let tone = |tone: u64| unsaid("t46s", "ring.tone", json!(tone));
        assert_eq!((tone(1), tone(8)), (none.clone(), none.clone()));
        assert_eq!(tone(9), [("9".to_owned(), Some("8".to_owned()))]);
        assert_eq!(tone(20), [("20".to_owned(), Some("8".to_owned()))]);
        // ISO 8859-1; where XML or Java have a way to write it, it is written.
        let name = "\u{141}ukasz Zo\u{eb}";
        for key in ["Cisco7960", "snomM3", "tb30"] {
            let taken_as = Some("?ukasz Zo\u{eb}".to_owned());
            let found = unsaid(key, "lines.N.display_name", json!(name));
            assert_eq!(found, [(name.to_owned(), taken_as)], "{key}");
        }
        for key in ["jitsi", "c610aip", "t46s"] {
            assert_eq!(unsaid(key, "lines.N.display_name", json!(name)), none, "{key}");
        }
    }

    #[test]
    fn a_setting_that_needs_another_one_is_told_from_one_that_needs_none() {
        let catalogue = Catalogue::load(&Sources::default()).unwrap();
        let phone_type = catalogue.phone_type(&"t46s".parse().unwrap()).unwrap();
        let of = |phone_type: &PhoneType, settings: Value| -> Vec<String> {
            let line = json!({ "user": "1", "password": "p", "registrar": "pbx.example" });
            let mut own = json!({ "lines": { "1": line } });
            own.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
            let layers = [phone_type.defaults.clone(), Layer::parse(&own).unwrap()];
            let set = super::super::coverage::set_rows(&own);
            let found = catalogue.without_effect(phone_type, &layers, &set);
            found.into_iter().map(str::to_owned).collect()
        };
        let without_effect = |settings: Value| of(phone_type, settings);
        assert_eq!(without_effect(json!({ "lock": { "after_s": 60 } })), ["lock.after_s"]);
        let both = json!({ "lock": { "after_s": 60, "pin": "123456" } });
        assert_eq!(without_effect(both), [""; 0]);
        let tone = json!({ "alert_tones": { "1": { "tone": 3 } } });
        assert_eq!(without_effect(tone), ["alert_tones.1.tone"]);
        // A key that forwards by dialling a code.
        for key in ["spa962", "spa508g", "ip650"] {
            let phone_type = catalogue.phone_type(&key.parse().unwrap()).unwrap();
            let forward = json!({ "type": "forward", "value": "0171", "label": "Away" });
            let keys = json!({ "1": { "type": "line", "line": 1 }, "2": forward });
            let code = json!({ "forward_all_on": "*72" });
            let alone = of(phone_type, json!({ "keys": keys }));
            assert_eq!(alone, ["keys.2.type"], "{key}");
            let both = of(phone_type, json!({ "keys": keys, "feature_codes": code }));
            assert_eq!(both, [""; 0], "{key}");
        }
    }
}
