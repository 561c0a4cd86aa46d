//! Which settings the files of a type express: found by changing one at a time and looking whether
//! any file changes with it.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use serde_json::{Map, Value, json};

use super::bisect::making_a_difference;
use super::trial::{self, Extent, Maker};
use crate::catalogue::{Catalogue, FileSpec, PhoneType, Scope, parallel};
use crate::domain::Port;
use crate::domain::settings::schema::{self, Field, Kind};
use crate::domain::settings::{Codec, KeyType, Layer, LdapSecurity, Settings, resolve};

/// Values that are tried of one setting beside none and the one that everything else is tried
/// with: enough that one differs from what the phone has by itself.
const TRIED: usize = 2;
/// Types of a family that are looked at, of those that differ in their data.
const TYPES: usize = 8;
/// Ports, and files of one pattern, that are looked at.
const PORTS: usize = 2;
/// Rather no directory than its password in the clear: one that is left out is not expressed.
const LDAP_SECURITY: &str = "directory.ldap.security";
/// What a key is tried with.
const NUMBER: &str = "7300171";
/// Lines, keys, modules and their keys that are looked at: all of a type are written alike.
const SLOTS: usize = 2;

/// What the files of a type express, by the paths of the schema: `lines.N.srtp`; a kind of key as
/// `keys.N.type=park`, a codec as `codecs=opus`.
pub type Expressed = BTreeSet<String>;

/// Whether a family has a setting in its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Its files change when the setting does.
    Yes,
    /// The family says that its phones have nothing for it.
    Cannot,
    /// Its files have nothing for it, and the family does not say why.
    NotYet,
}

impl Catalogue {
    /// Finds those of these rows that the files of the type express. What was found of one is kept:
    /// it takes some renderings.
    #[must_use]
    pub fn expressed(&self, phone_type: &PhoneType, rows: &BTreeSet<String>) -> Expressed {
        // A std lock: nothing awaits under it, and no request of a phone takes it.
        let known = || phone_type.expressed.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown: BTreeSet<String> = {
            let known = known();
            rows.iter().filter(|row| !known.contains_key(*row)).cloned().collect()
        };
        if !unknown.is_empty() {
            let found = express_of(self, phone_type, &unknown);
            let of = |row: String| (row.clone(), found.contains(&row));
            known().extend(unknown.into_iter().map(of));
        }
        let known = known();
        rows.iter().filter(|row| known.get(*row) == Some(&true)).cloned().collect()
    }

    /// Does as [`Catalogue::coverage`] for several families, on all processors.
    #[must_use]
    pub fn coverages(&self, families: &[usize]) -> Vec<Vec<(String, Coverage)>> {
        parallel::each(families, |&family| self.coverage(family))
    }

    /// Each setting of the schema and whether the family has it for any of its types.
    #[must_use]
    pub fn coverage(&self, family: usize) -> Vec<(String, Coverage)> {
        let cannot = &self.families()[family].cannot;
        let is_open = |row: &String| cannot_of(cannot, row).is_none();
        // What some of its phones have nothing for, others may have: of a choice among several.
        let is_tried = |row: &String| is_open(row) || row.contains('=');
        let mut open: BTreeSet<String> = coverage_rows().into_iter().filter(is_tried).collect();
        let mut found = Expressed::new();
        let types: Vec<&PhoneType> = different(self.types_of(family)).collect();
        for phone_type in types.iter().step_by(types.len().div_ceil(TYPES).max(1)) {
            if open.is_empty() {
                break;
            }
            let more = express_of(self, phone_type, &open);
            open.retain(|row| !more.contains(row));
            found.extend(more);
        }
        let covered = |row: &String| match (found.contains(row), is_open(row)) {
            (true, _) => Coverage::Yes,
            (false, false) => Coverage::Cannot,
            (false, true) => Coverage::NotYet,
        };
        coverage_rows().into_iter().map(|row| (row.clone(), covered(&row))).collect()
    }
}

/// Why a family's phones have nothing for a setting, if it says so of it or of a group it is in.
#[must_use]
pub fn cannot_of<'a>(cannot: &'a BTreeMap<String, String>, row: &str) -> Option<&'a str> {
    let in_it = |said: &str| {
        row.strip_prefix(said).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '=']))
    };
    cannot.iter().find(|(said, _)| in_it(said)).map(|(_, why)| why.as_str())
}

/// Types that differ in what their templates look at besides the settings.
pub(super) fn different<'c>(
    types: impl Iterator<Item = &'c PhoneType>,
) -> impl Iterator<Item = &'c PhoneType> {
    let mut seen = BTreeSet::new();
    types.filter(move |one| {
        let several =
            [one.lines, one.keys, one.ports, one.modules, one.soft_keys].map(|n| n.min(2));
        let data = one.view.get_attr("data").map(|data| data.to_string()).unwrap_or_default();
        seen.insert((several, data))
    })
}

/// Choices of a setting that have a row each.
fn choices(row: &str) -> &'static [&'static str] {
    match row {
        "keys.N.type" => KeyType::NAMES,
        "codecs" => Codec::NAMES,
        LDAP_SECURITY => LdapSecurity::NAMES,
        _ => &[],
    }
}

/// Every row there is, in the schema's order.
#[must_use]
pub fn coverage_rows() -> Vec<String> {
    let mut rows = Vec::new();
    let is_group = |path: &str| {
        let below = format!("{path}.");
        schema::fields().iter().any(|field| field.path.starts_with(&below))
    };
    for field in schema::fields() {
        let path = &field.path;
        let is_row = !path.starts_with("line_defaults")
            && !path.starts_with("expansion.N.keys.N.")
            && path != "vendor"
            && !is_group(path);
        if is_row {
            rows.push(path.clone());
        }
        rows.extend(choices(path).iter().filter(|c| **c != "none").map(|c| format!("{path}={c}")));
    }
    rows.push("expansion.N.keys.N.type".to_owned());
    rows
}

fn express_of(
    catalogue: &Catalogue,
    phone_type: &PhoneType,
    wanted: &BTreeSet<String>,
) -> Expressed {
    let mut found = Expressed::new();
    for trial in Trial::all(catalogue, phone_type) {
        let open = wanted.iter().filter(|row| !found.contains(*row)).map(String::as_str).collect();
        let more: Vec<String> = trial.expressed(&open).into_iter().map(str::to_owned).collect();
        found.extend(more);
        if found.len() == wanted.len() {
            break;
        }
    }
    found
}

fn shorten(document: &mut Value) {
    for name in ["lines", "keys", "expansion", "soft_keys"] {
        if let Some(Value::Object(entries)) = document.get_mut(name) {
            entries.retain(|number, _| number.parse::<usize>().is_ok_and(|n| n <= SLOTS));
            if name == "expansion" {
                for module in entries.values_mut() {
                    if let Some(Value::Object(keys)) = module.get_mut("keys") {
                        keys.retain(|number, _| number.parse::<usize>().is_ok_and(|n| n <= SLOTS));
                    }
                }
            }
        }
    }
}

/// Where the setting of a row is changed, all of it at once.
#[derive(Clone)]
struct Place<'r> {
    row: &'r str,
    paths: Vec<String>,
}

/// The first of each: of line, key, module and so on.
fn places<'r>(rows: &[&'r str]) -> Vec<Place<'r>> {
    let first = |row: &&'r str| Place { row, paths: vec![row.replace(".N.", ".1.")] };
    rows.iter().map(first).collect()
}

pub(super) type Files = Vec<Result<Vec<u8>, String>>;

pub(super) struct Trial<'a> {
    catalogue: &'a Catalogue,
    phone_type: &'a PhoneType,
    pub(super) base: Value,
    /// Those of the base.
    files: Files,
    /// Those with each kind of key.
    with_keys: OnceCell<Vec<(&'static str, Files)>>,
}

impl<'a> Trial<'a> {
    /// Renders with much set, and with little: then also what only stands in for something that is
    /// not there shows, a number for a name, the registrar's port where no proxy is asked.
    pub(super) fn all(
        catalogue: &'a Catalogue,
        phone_type: &'a PhoneType,
    ) -> impl Iterator<Item = Trial<'a>> {
        [Extent::Everything, Extent::Little].into_iter().map(move |extent| {
            let mut base = trial::document(catalogue, phone_type, extent, 0);
            shorten(&mut base);
            let (files, with_keys) = (Files::new(), OnceCell::new());
            let trial = Trial { catalogue, phone_type, base, files, with_keys };
            Trial { files: trial.files_of(&trial.base), ..trial }
        })
    }

    pub(super) fn expresses(&self, row: &str) -> bool {
        !self.expressed(&BTreeSet::from([row])).is_empty()
    }

    /// Those of these rows that the files express. Looks at many at once, and at fewer only where
    /// they make a difference: of most there is none.
    pub(super) fn expressed<'r>(&self, rows: &BTreeSet<&'r str>) -> BTreeSet<&'r str> {
        // What a type has none of need not be tried.
        let has_none = |row: &str| {
            let has_none = |prefix: &str, count: u16| count == 0 && row.starts_with(prefix);
            has_none("keys.", self.phone_type.keys)
                || has_none("soft_keys.", self.phone_type.soft_keys)
                || has_none("expansion.", self.phone_type.modules)
        };
        let mut open = rows.clone();
        open.retain(|row| !has_none(row));
        let mut found = self.choices(&open);
        open.retain(|row| !row.contains('='));
        let is_of_key = |row: &&str| {
            let field = row.strip_prefix("keys.N.").or(row.strip_prefix("soft_keys.N."));
            field.is_some_and(|field| field != "type")
        };
        let (of_keys, plain): (Vec<&str>, Vec<&str>) = open.into_iter().partition(is_of_key);
        found.extend(self.changing(&self.base, &self.files, &places(&plain)));
        let mut more = |base: &Value, open: &[Place<'r>]| {
            let open: Vec<_> = open.iter().filter(|at| !found.contains(at.row)).cloned().collect();
            if !open.is_empty() {
                found.extend(self.changing(base, &self.files_of(base), &open));
            }
        };
        // Each of these needs something else than what the base has.
        let of = |prefix: &str| -> Vec<&'r str> {
            plain.iter().copied().filter(|row| row.starts_with(prefix)).collect()
        };
        let mut plainly = self.base.clone();
        put(&mut plainly, LDAP_SECURITY, json!("none"));
        more(&plainly, &places(&of("directory.ldap.")));
        // What a key needs depends on what it does.
        for (group, count) in
            [("keys", self.phone_type.keys), ("soft_keys", self.phone_type.soft_keys)]
        {
            let prefix = format!("{group}.N.");
            let fields = of_keys.iter().filter(|row| row.starts_with(&prefix));
            for kinds in KeyType::NAMES.chunks(usize::from(count.max(1))) {
                let mut base = self.base.clone();
                for (kind, number) in kinds.iter().zip(1..) {
                    let mut key = base[group]["1"].clone();
                    put(&mut key, "type", json!(kind));
                    put(&mut base, &format!("{group}.{number}"), key);
                }
                let place = |row: &&'r str| {
                    let field = &row[prefix.len()..];
                    let at = (1..=kinds.len()).map(|number| format!("{group}.{number}.{field}"));
                    Place { row, paths: at.collect() }
                };
                more(&base, &fields.clone().map(place).collect::<Vec<_>>());
            }
        }
        // A code may be only what a key dials that has none of its own, before a number or alone.
        let codes = places(&of("feature_codes."));
        let keys: Vec<Value> = [None, Some(NUMBER)]
            .iter()
            .flat_map(|number| {
                let key = move |kind| json!({ "type": kind, "value": number, "line": 1 });
                KeyType::NAMES.iter().map(key)
            })
            .collect();
        if self.phone_type.keys > 0 {
            for keys in keys.chunks(usize::from(self.phone_type.keys)) {
                let mut base = self.base.clone();
                for (key, number) in keys.iter().zip(1..) {
                    put(&mut base, &format!("keys.{number}"), key.clone());
                }
                more(&base, &codes);
            }
        }
        found
    }

    /// Those of the rows that change the files which `base` gives, each by itself.
    fn changing<'r>(&self, base: &Value, files: &Files, rows: &[Place<'r>]) -> Vec<&'r str> {
        let values: Vec<_> =
            rows.iter().map(|at| values(self.phone_type, at.row, &at.paths[0])).collect();
        let mut found = Vec::new();
        for round in 0..values.iter().map(Vec::len).max().unwrap_or(0) {
            let open = rows.iter().zip(&values).filter(|(at, _)| !found.contains(&at.row));
            let changes: Vec<(&Place<'r>, &Value)> =
                open.filter_map(|(at, values)| Some((at, values.get(round)?))).collect();
            let differs = |changes: &[(&Place<'r>, &Value)]| {
                let mut document = base.clone();
                for (at, value) in changes {
                    for path in &at.paths {
                        put(&mut document, path, (*value).clone());
                    }
                }
                self.files_of(&document) != *files
            };
            found.extend(making_a_difference(&changes, &differs).iter().map(|(at, _)| at.row));
        }
        found
    }

    /// Those of the rows that are one of several choices.
    fn choices<'r>(&self, rows: &BTreeSet<&'r str>) -> BTreeSet<&'r str> {
        let split = |row: &&'r str| Some((*row, row.split_once('=')?));
        let choices: Vec<(&'r str, (&str, &'r str))> = rows.iter().filter_map(split).collect();
        let kinds: Vec<&str> = choices
            .iter()
            .filter(|(_, (path, kind))| *path == "keys.N.type" && *kind != "line")
            .map(|(_, (_, kind))| *kind)
            .collect();
        let has_any = self.has_any_key(&kinds);
        let expresses = |(path, choice): (&str, &str)| match path {
            LDAP_SECURITY => self.has_ldap(choice),
            "codecs" => self.has_codec(choice),
            _ => (has_any || choice == "line") && self.has_key(choice),
        };
        let found = choices.into_iter().filter(|(_, choice)| expresses(*choice));
        found.map(|(row, _)| row).collect()
    }

    fn has_codec(&self, codec: &str) -> bool {
        // Alone, one that is not known gives the phone's own list.
        let other = if codec == "pcma" { "pcmu" } else { "pcma" };
        let with = |codecs: Value| self.files_with(&self.base, "codecs", codecs);
        with(json!([other, codec])) != with(json!([other]))
    }

    /// Whether keys of these kinds are anything else than unused ones.
    fn has_any_key(&self, kinds: &[&str]) -> bool {
        kinds.chunks(usize::from(self.phone_type.keys.max(1))).any(|kinds| {
            let files = |of: &dyn Fn(&str) -> Value| {
                let mut base = self.base.clone();
                for (kind, number) in kinds.iter().zip(1..) {
                    let key = json!({ "type": of(kind), "value": NUMBER, "line": 1 });
                    put(&mut base, &format!("keys.{number}"), key);
                }
                self.files_of(&base)
            };
            files(&|kind| json!(kind)) != files(&|_| json!("none"))
        })
    }

    /// Whether a key of that kind is other than an unused one and than that of a line, and than one
    /// of a kind that nobody wrote anything for: that one is as any other such, and has no number.
    fn has_key(&self, kind: &str) -> bool {
        let files = |kind: &str, line: u16| {
            let key = json!({ "type": kind, "value": NUMBER, "line": line });
            self.files_with(&self.base, "keys.1", key)
        };
        if kind == "line" {
            return files("line", 2) != files("none", 2) || files("line", 1) != files("none", 1);
        }
        let all = self
            .with_keys
            .get_or_init(|| KeyType::NAMES.iter().map(|kind| (*kind, files(kind, 1))).collect());
        let Some((_, made)) = all.iter().find(|(name, _)| *name == kind) else { return false };
        let has_number = made.iter().flatten().any(|file| has(file, NUMBER.as_bytes()));
        let mut same = all.iter().filter(|(name, files)| *name != kind && files == made);
        if has_number {
            !same.any(|(name, _)| ["none", "line"].contains(name))
        } else {
            same.next().is_none()
        }
    }

    /// Whether a directory searched so is other than one without encryption, and not left out.
    fn has_ldap(&self, security: &str) -> bool {
        let mut base = self.base.clone();
        put(&mut base, "directory.ldap.server", json!("ldap.example"));
        let plain = self.files_with(&base, LDAP_SECURITY, json!("none"));
        put(&mut base, LDAP_SECURITY, json!(security));
        let files = self.files_of(&base);
        let other = json!("other.example");
        files != plain && self.files_with(&base, "directory.ldap.server", other) != files
    }

    pub(super) fn files_with(&self, base: &Value, path: &str, value: Value) -> Files {
        let mut document = base.clone();
        put(&mut document, path, value);
        self.files_of(&document)
    }

    fn files_of(&self, document: &Value) -> Files {
        // What was made of the schema may have been made not to fit it: a line without a user.
        let Ok(layer) = Layer::parse(document) else { return Vec::new() };
        let Ok(settings) = resolve(&[&self.phone_type.defaults, &layer]) else { return Vec::new() };
        files_of(self.catalogue, self.phone_type, &Arc::new(settings))
    }
}

/// Values of a setting, and none.
pub(super) fn values(phone_type: &PhoneType, row: &str, path: &str) -> Vec<Value> {
    let mut values = vec![Value::Null];
    match kind_of(row).expect("a row is a setting of the schema") {
        Kind::Choice(names) => values.extend(names.iter().map(|name| json!(name))),
        kind => {
            let maker = |round| Maker::new(phone_type, round);
            values.extend((1..=TRIED).map(|round| maker(round).value(path, kind)));
        }
    }
    values
}

/// The files of a new phone that has these settings on each of its first ports.
pub(super) fn files_of(
    catalogue: &Catalogue,
    phone_type: &PhoneType,
    settings: &Arc<Settings>,
) -> Files {
    files_of_those(catalogue, phone_type, settings, |_| true)
}

/// Does as [`files_of`] for the files of these scopes.
pub(super) fn files_of_those(
    catalogue: &Catalogue,
    phone_type: &PhoneType,
    settings: &Arc<Settings>,
    is_one: impl Fn(Scope) -> bool,
) -> Files {
    let family = catalogue.family_of(phone_type);
    let is_one = |file: &&FileSpec| file.template.is_some() && is_one(file.scope);
    let with_template = family.files.iter().filter(is_one);
    let files = with_template.flat_map(|file| {
        let facts = file.example_facts(phone_type, trial::mac()).into_iter().take(PORTS);
        facts.map(move |facts| (file, facts))
    });
    files
        .map(|(file, path)| {
            let ports = Port::first(phone_type.ports).take(PORTS);
            let input = trial::input(file, path, settings, ports, Extent::Everything);
            let rendered = catalogue.render(family, Some(phone_type), file, input);
            rendered.map(|file| file.body).map_err(|error| error.to_string())
        })
        .collect()
}

fn has(file: &[u8], part: &[u8]) -> bool {
    file.windows(part.len()).any(|window| window == part)
}

pub(crate) fn kind_of(row: &str) -> Option<&'static Kind> {
    let mut fields: &'static [Field] = Settings::FIELDS;
    let mut kind = None;
    for name in row.split('.').filter(|name| *name != "N") {
        let field = fields.iter().find(|field| field.name == name)?;
        kind = Some(&field.kind);
        fields = match &field.kind {
            Kind::Group(of) | Kind::Numbered { of, .. } => of,
            _ => &[],
        };
    }
    kind
}

/// Sets what is at the path; `null` takes it away.
fn put(document: &mut Value, path: &str, value: Value) {
    let (groups, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut at = document;
    for group in groups.split('.').filter(|group| !group.is_empty()) {
        if !at[group].is_object() {
            at[group] = Value::Object(Map::new());
        }
        at = &mut at[group];
    }
    match (at.as_object_mut(), value) {
        (Some(fields), Value::Null) => drop(fields.remove(name)),
        (Some(fields), value) => drop(fields.insert(name.to_owned(), value)),
        (None, _) => {}
    }
}

/// The rows of a schema's paths that settings have set, each with the path it is at.
#[must_use]
pub fn set_rows(document: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    set_below("", "", Settings::FIELDS, document, &mut found);
    found
}

fn set_below(
    path: &str,
    row: &str,
    fields: &[Field],
    document: &Value,
    found: &mut Vec<(String, String)>,
) {
    for field in fields {
        let Some(value) = document.get(field.name) else { continue };
        let (path, row) = (format!("{path}{}", field.name), format!("{row}{}", field.name));
        match &field.kind {
            Kind::Group(of) => set_below(&format!("{path}."), &format!("{row}."), of, value, found),
            Kind::Numbered { of, .. } => {
                for (number, entry) in value.as_object().into_iter().flatten() {
                    let path = format!("{path}.{number}.");
                    set_below(&path, &format!("{row}.N."), of, entry, found);
                }
            }
            Kind::Vendor => {}
            _ if !choices(&row).is_empty() => {
                let of = |choice: &Value| {
                    (path.clone(), format!("{row}={}", choice.as_str().unwrap_or_default()))
                };
                match value {
                    Value::Array(choices) => found.extend(choices.iter().map(of)),
                    choice if choice != "none" => found.push(of(choice)),
                    _ => {}
                }
            }
            _ => found.push((path, row)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Sources;

    #[test]
    fn what_a_type_expresses_is_what_changes_its_files() {
        let catalogue = Catalogue::load(&Sources::default()).unwrap();
        let rows = coverage_rows().into_iter().collect();
        let of = |key: &str| {
            catalogue.expressed(catalogue.phone_type(&key.parse().unwrap()).unwrap(), &rows)
        };
        let t46s = of("t46s");
        for row in ["lines.N.srtp", "keys.N.type=park", "keys.N.label", "codecs=opus", "language"] {
            assert!(t46s.contains(row), "{row}");
        }
        let ldaps = "directory.ldap.security=ldaps";
        assert!(t46s.contains(ldaps) && !of("t46g").contains(ldaps) && !of("t28p").contains(ldaps));
        assert!(of("t28p").contains("directory.ldap.user"));
        assert!(!of("snom200").contains(ldaps) && !of("t28p").contains("codecs=opus"));
        let pap2t = of("pap2t");
        assert!(pap2t.contains("lines.N.password") && pap2t.contains("codecs=pcma"));
        for row in ["keys.N.type=park", "keys.N.value", "codecs=opus", "language"] {
            assert!(!pap2t.contains(row), "{row}");
        }
    }

    #[test]
    fn a_row_is_refused_with_the_group_it_is_in() {
        let cannot: BTreeMap<String, String> = [
            ("wifi".to_owned(), "no radio".to_owned()),
            ("keys.N.type=xml".to_owned(), "no browser".to_owned()),
        ]
        .into();
        assert_eq!(cannot_of(&cannot, "wifi.ssid"), Some("no radio"));
        assert_eq!(cannot_of(&cannot, "keys.N.type=xml"), Some("no browser"));
        assert_eq!(cannot_of(&cannot, "keys.N.type"), None);
        assert_eq!(cannot_of(&cannot, "wifis"), None);
    }

    #[test]
    fn what_is_set_is_known_by_its_rows() {
        let document = json!({
            "lines": { "2": { "user": "1" } }, "keys": { "7": { "type": "dnd", "label": "x" } },
            "codecs": ["opus"], "directory": { "ldap": { "security": "ldaps" } }, "network": { "vlan": { "id": 7 } }, "vendor": { "snom": { "a": 1 } },
        });
        let rows: Vec<_> = set_rows(&document).into_iter().collect();
        let pair = |path: &str, row: &str| (path.to_owned(), row.to_owned());
        for expected in [
            pair("lines.2.user", "lines.N.user"),
            pair("keys.7.type", "keys.N.type=dnd"),
            pair("keys.7.label", "keys.N.label"),
            pair("codecs", "codecs=opus"),
            pair("directory.ldap.security", "directory.ldap.security=ldaps"),
            pair("network.vlan.id", "network.vlan.id"),
        ] {
            assert!(rows.contains(&expected), "{expected:?} in {rows:?}");
        }
        assert_eq!(rows.len(), 6);
    }
}
