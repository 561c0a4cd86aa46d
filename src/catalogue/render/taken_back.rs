//! Raw parameters that nothing sets any more take back nothing that a file sets, and never what
//! keeps the phone ours, whatever names they had.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::context::RenderInput;
use super::trial::{self, Extent};
use super::{Catalogue, FileSpec, PhoneType, keys};
use crate::catalogue::family::definition::Escape;
use crate::catalogue::{Scope, Sources};
use crate::domain::settings::{Layer, Written, resolve};

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::load(&Sources::default()).unwrap_or_else(|e| panic!("{e}")));

/// What is in every value of what keeps the phone ours.
const OURS: &str = "ours4711";

/// Names the files that the phone reads, which tell of removed parameters too (Polycom).
const LIST_OF_FILES: &str = "APPLICATION @CONFIG_FILES";

/// A key, by the names of the elements it is in.
type Key = Vec<String>;

/// What one file says of each key in the end.
struct Said {
    spec: &'static FileSpec,
    last: BTreeMap<Key, String>,
}

fn said(phone_type: &'static PhoneType, document: &Value, removed: &[String]) -> Vec<Said> {
    let family = CATALOGUE.family_of(phone_type);
    let layer = Layer::parse(document).unwrap();
    let settings = Arc::new(resolve(&[&phone_type.defaults, &layer]).unwrap());
    let written = Written::named(&[], 0, &family.id, removed).unwrap();
    assert_eq!(written.parameters(&family.id).count(), removed.len(), "there is no room for more");
    let files = trial::files(&CATALOGUE, phone_type, &settings, Extent::Everything);
    let files = files.filter(|(spec, _)| spec.scope != Scope::Common);
    let said = files.filter_map(|(spec, input)| {
        let input = RenderInput { written: written.clone(), ..input };
        // With nothing set, a file may be impossible.
        let rendered = CATALOGUE.render(family, Some(phone_type), spec, input).ok()?;
        Some(Said { spec, last: last(spec, &keys::decoded(spec, rendered.body)) })
    });
    said.collect()
}

fn last(spec: &FileSpec, text: &str) -> BTreeMap<Key, String> {
    let mut last = BTreeMap::new();
    let mut open: Key = Vec::new();
    for pair in keys::of(spec, text).unwrap_or_else(|error| panic!("{error}: {text}")) {
        let value = pair.value.trim().to_owned();
        if spec.escape != Escape::Xml {
            let key = pair.key.trim_end_matches(['=', ':', ' ']).trim_start();
            last.insert(vec![key.to_owned()], value);
            continue;
        }
        if let Some((element, attribute)) = pair.key.split_once(" @") {
            let element = element.split(' ').next().unwrap_or_default();
            last.insert(vec![format!("{element} @{attribute}")], value);
            continue;
        }
        let (path, naming) = pair.key.split_once(' ').unwrap_or((&pair.key, ""));
        let element = path.rsplit('/').next().unwrap_or_default();
        let naming = naming.split(' ').filter(|part| {
            ["name=", "idx=", "number="].iter().any(|naming| part.starts_with(naming))
        });
        open.truncate(path.split('/').count() - 1);
        open.push([element].into_iter().chain(naming).collect::<Vec<_>>().join(" "));
        last.insert(open.clone(), value);
    }
    last
}

/// The name by which a raw parameter would write the key; `None`: it can have none.
fn raw_name(family: &str, key: &Key) -> Option<String> {
    let inner = key.last()?;
    let name = match (family, inner.split_once(" @")) {
        (_, Some((_, attribute))) => attribute.to_owned(),
        ("linphone", _) => {
            let named =
                |label: &String| label.split_once(" name=").map(|(_, name)| name.to_owned());
            key.iter().filter_map(named).collect::<Vec<_>>().join("/")
        }
        // Its users have a file without raw parameters.
        ("kirk", _) => (key[0] == "config").then(|| key[1..].join("/"))?,
        _ => match inner.split_once(" idx=") {
            Some((name, index)) => format!("{name}[{index}]"),
            None => inner.clone(),
        },
    };
    let layer = json!({ "vendor": { family: { &name: "x" } } });
    Layer::parse(&layer).is_ok().then_some(name)
}

/// Everything, with what keeps the phone ours told apart.
fn everything(phone_type: &PhoneType) -> Value {
    let mut all = trial::document(&CATALOGUE, phone_type, Extent::Everything, 0);
    all["provisioning"]["base_url"] = json!(format!("http://{OURS}.example/"));
    // What the gateway hosts has that address in it, and keeps no phone ours.
    for (group, name) in [("firmware", "url"), ("display", "wallpaper"), ("trust", "ca_url")] {
        all[group][name] = json!("http://elsewhere.example/a");
    }
    all["provisioning"]["user"] = json!(format!("user-{OURS}"));
    for (group, name) in
        [("provisioning", "password"), ("access", "admin_password"), ("access", "user_password")]
    {
        all[group][name] = json!(format!("{name}-{OURS}"));
    }
    for line in all["lines"].as_object_mut().unwrap().values_mut() {
        line["password"] = json!(format!("line-{OURS}"));
    }
    all
}

/// All that the files of the type write, as many at once as are remembered.
fn names(family: &str, said: &[Said]) -> Vec<Vec<String>> {
    let keys = said.iter().flat_map(|said| said.last.keys());
    let names: BTreeSet<String> = keys.filter_map(|key| raw_name(family, key)).collect();
    let names: Vec<String> = names.into_iter().collect();
    names.chunks(Written::MAX_PARAMETERS).map(<[String]>::to_vec).collect()
}

fn types() -> impl Iterator<Item = (&'static str, &'static PhoneType)> {
    let types = CATALOGUE.representatives().into_iter();
    types.map(|phone_type| (&*CATALOGUE.family_of(phone_type).id, phone_type))
}

#[test]
fn what_is_set_is_not_taken_back() {
    for (family, phone_type) in types() {
        for document in [everything(phone_type), json!({})] {
            let plain = said(phone_type, &document, &[]);
            let names = names(family, &said(phone_type, &everything(phone_type), &[]));
            let files = &CATALOGUE.family_of(phone_type).files;
            let gives = files.iter().any(|file| file.template.is_some());
            assert_eq!(!names.is_empty(), gives, "{family}");
            for removed in names {
                let taken = said(phone_type, &document, &removed);
                assert_eq!(plain.len(), taken.len());
                for (plain, taken) in plain.iter().zip(taken) {
                    for (key, value) in &plain.last {
                        if *key != [LIST_OF_FILES] {
                            let at = (&phone_type.key, plain.spec.pattern(), key);
                            assert_eq!(taken.last.get(key), Some(value), "{at:?}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn what_keeps_a_phone_ours_is_not_taken_back_where_nothing_sets_it() {
    let mut looked_at = BTreeSet::new();
    for (family, phone_type) in types() {
        let all = said(phone_type, &everything(phone_type), &[]);
        let plain = said(phone_type, &json!({}), &[]);
        let ours = all.iter().flat_map(|said| &said.last);
        let ours = ours.filter(|(key, value)| value.contains(OURS) && *key != &[LIST_OF_FILES]);
        let ours: BTreeSet<String> = ours.filter_map(|(key, _)| raw_name(family, key)).collect();
        for removed in names(family, &all) {
            for (plain, taken) in plain.iter().zip(said(phone_type, &json!({}), &removed)) {
                let new = taken.last.keys().filter(|key| !plain.last.contains_key(*key));
                for name in new.filter_map(|key| raw_name(family, key)) {
                    assert!(!ours.contains(&name), "{} {name}", phone_type.key);
                    looked_at.insert(family);
                }
            }
        }
    }
    // A removed name does show where it may.
    assert!(looked_at.len() > 5, "{looked_at:?}");
}
