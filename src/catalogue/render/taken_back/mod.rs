//! Raw parameters that nothing sets any more: what a file takes back of them takes back nothing
//! that a file sets, and never what keeps the phone ours, whatever names they had.

mod key;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::context::RenderInput;
use super::left_behind::own_families;
use super::trial::{self, Extent};
use super::{Catalogue, FileSpec, PhoneType, Problem, keys};
use crate::catalogue::{Scope, Sources};
use crate::domain::settings::schema::MAX_VENDOR_PARAMETERS;
use crate::domain::settings::{Layer, Written, is_parameter, resolve};
use key::Key;

/// What is in every value of what keeps the phone ours.
const OURS: &str = "ours4711";

/// Raw parameters that no file knows and that are always removed: what a file says only because
/// there is any, is said anyway.
const ANY: &str = "any4711";

/// Is the beginning of what a raw parameter is set to; a number of six digits follows.
const MARK: &str = "mark4711x";

/// So many of a family are named; one loop in the wrong place is wrong for all of them.
const MAX_NAMED: usize = 5;

impl Catalogue {
    /// What of the files of the families in an operator's folder takes back too much, if the file
    /// does not say that it `keeps` what it set.
    #[must_use]
    pub fn taken_back(&self, sources: &Sources) -> Vec<Problem> {
        let own = own_families(sources);
        let mut problems = Vec::new();
        for family in own {
            let asked = self.representatives().into_iter();
            let asked = asked.filter(|of| self.family_of(of).id == family);
            let mut told = BTreeSet::new();
            let found = asked.flat_map(|of| Model { catalogue: self, phone_type: of }.too_much());
            let new = found.filter(|wrong| told.insert((wrong.file.clone(), wrong.name.clone())));
            problems.extend(new.take(MAX_NAMED).map(|wrong| wrong.problem(&family)));
        }
        problems
    }
}

/// A raw parameter that is taken back and must not be.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    /// The file, by its first path.
    file: String,
    template: String,
    name: String,
    /// Whether it is one that keeps the phone ours; else one that a setting sets.
    keeps_ours: bool,
    /// Whether the file says why.
    is_kept: bool,
}

impl Wrong {
    fn of(spec: &FileSpec, name: String, keeps_ours: bool) -> Wrong {
        Wrong {
            file: spec.pattern().to_owned(),
            template: spec.template.clone().unwrap_or_default(),
            is_kept: spec.keeps.all() || spec.keeps.of(&name),
            name,
            keeps_ours,
        }
    }

    fn problem(&self, family: &str) -> Problem {
        let Wrong { file, template, name, keeps_ours, .. } = self;
        if *keeps_ours {
            let message = format!(
                "{file} takes `{name}` back when no raw parameter sets it any more, and it is what \
                 keeps the phone ours: write it into `never_reset`"
            );
            return Problem::new(&format!("{family}/family.toml"), None, message);
        }
        let message = format!(
            "the raw parameter `{name}` is taken back after a setting has set it in {file}: the \
             last value counts, so put the `vendor` loop before all that the file sets, or give the \
             [[file]] a `keeps` with the reason"
        );
        Problem::new(template, None, message)
    }
}

/// What one file says of each key in the end.
struct Said<'c> {
    spec: &'c FileSpec,
    last: BTreeMap<Key, String>,
}

/// A phone of that type, which applies each file from its first line to its last.
struct Model<'c> {
    catalogue: &'c Catalogue,
    phone_type: &'c PhoneType,
}

impl<'c> Model<'c> {
    fn family(&self) -> &'c str {
        &self.catalogue.family_of(self.phone_type).id
    }

    fn said(&self, document: &Value, removed: &[String]) -> Vec<Said<'c>> {
        let Model { catalogue, phone_type } = *self;
        let family = catalogue.family_of(phone_type);
        let layer = Layer::parse(document).expect("what is made of the schema fits the schema");
        let settings = resolve(&[&phone_type.defaults, &layer]);
        let settings = Arc::new(settings.expect("layers that were just checked"));
        let written = Written::named(&[], 0, &family.id, removed).expect("no group is named");
        debug_assert_eq!(written.parameters(&family.id).count(), removed.len(), "there is room");
        let files = trial::files(catalogue, phone_type, &settings, Extent::Everything);
        let files = files.filter(|(spec, _)| spec.scope != Scope::Common);
        let said = files.filter_map(|(spec, input)| {
            let input = RenderInput { written: written.clone(), ..input };
            // With nothing set, a file may be impossible.
            let rendered = catalogue.render(family, Some(phone_type), spec, input).ok()?;
            let last = key::last(spec, &keys::decoded(spec, rendered.body))?;
            Some(Said { spec, last })
        });
        said.collect()
    }

    /// Everything, with what keeps the phone ours told apart.
    fn everything(&self) -> Value {
        let mut all = trial::document(self.catalogue, self.phone_type, Extent::Everything, 0);
        all["provisioning"]["base_url"] = json!(format!("http://{OURS}.example/"));
        // What the gateway hosts has that address in it, and keeps no phone ours.
        for (group, name) in [("firmware", "url"), ("display", "wallpaper"), ("trust", "ca_url")] {
            all[group][name] = json!("http://elsewhere.example/a");
        }
        all["provisioning"]["user"] = json!(format!("user-{OURS}"));
        for (group, name) in [
            ("provisioning", "password"),
            ("access", "admin_password"),
            ("access", "user_password"),
        ] {
            all[group][name] = json!(format!("{name}-{OURS}"));
        }
        for line in all["lines"].as_object_mut().into_iter().flat_map(|lines| lines.values_mut()) {
            line["password"] = json!(format!("line-{OURS}"));
        }
        all
    }

    /// By which raw parameters files write those keys: every name that might be one is tried.
    fn names(&self, keys: &BTreeSet<&Key>) -> Names {
        let candidates = keys.iter().flat_map(|key| key.candidates());
        let candidates: BTreeSet<String> = candidates.filter(|name| is_parameter(name)).collect();
        let candidates: Vec<String> = candidates.into_iter().collect();
        let (plain, all) = (json!({}), self.everything());
        // With nothing set, a file may be impossible.
        let is_enough = self.said(&plain, &[]).len() == self.said(&all, &[]).len();
        let document = if is_enough { plain } else { all };
        let mut names = Names::default();
        for some in candidates.chunks(MAX_VENDOR_PARAMETERS) {
            let marks = some.iter().enumerate();
            let raw: Map<String, Value> =
                marks.map(|(at, name)| (name.clone(), format!("{MARK}{at:06}").into())).collect();
            let mut document = document.clone();
            document["vendor"] = json!({ self.family(): raw });
            for said in self.said(&document, &[]) {
                for (key, value) in said.last {
                    let at =
                        value.split_once(MARK).and_then(|(_, rest)| rest.get(..6)?.parse().ok());
                    let name = at.and_then(|at: usize| some.get(at));
                    name.into_iter().for_each(|name| names.add(&key, name));
                }
            }
        }
        names
    }

    fn too_much(&self) -> Vec<Wrong> {
        self.tried().0
    }

    /// What is taken back and must not be, and all names that show as taken back where nothing
    /// sets anything.
    fn tried(&self) -> (Vec<Wrong>, BTreeSet<String>) {
        let all = self.everything();
        let any = [ANY.to_owned()];
        let (set, plain) = (self.said(&all, &any), self.said(&json!({}), &any));
        let names =
            self.names(&set.iter().chain(&plain).flat_map(|said| said.last.keys()).collect());
        let ours = set.iter().flat_map(|said| &said.last);
        let ours: BTreeSet<&String> = ours
            .filter(|(_, value)| value.contains(OURS))
            .filter_map(|(key, _)| names.of(key))
            .collect();
        let (mut wrong, mut shown) = (Vec::new(), BTreeSet::new());
        for removed in names.all().chunks(Written::MAX_PARAMETERS - any.len()) {
            let removed = [removed, &any].concat();
            wrong.extend(set_and_taken_back(&names, &set, &self.said(&all, &removed)));
            let taken = self.said(&json!({}), &removed);
            wrong.extend(set_and_taken_back(&names, &plain, &taken));
            for (plain, taken) in plain.iter().zip(&taken) {
                let new = taken.last.keys().filter(|key| !plain.last.contains_key(*key));
                for name in new.filter_map(|key| names.of(key)) {
                    if ours.contains(name) {
                        wrong.push(Wrong::of(taken.spec, name.clone(), true));
                    }
                    shown.insert(name.clone());
                }
            }
        }
        wrong.retain(|wrong| !wrong.is_kept);
        (wrong, shown)
    }
}

/// What has another value in the end because raw parameters are taken back.
fn set_and_taken_back(names: &Names, plain: &[Said<'_>], taken: &[Said<'_>]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (plain, taken) in plain.iter().zip(taken) {
        for (key, value) in &plain.last {
            if taken.last.get(key) != Some(value) && !key.is_called(ANY) {
                let name = names.of(key).cloned().unwrap_or_else(|| key.text());
                wrong.push(Wrong::of(plain.spec, name, false));
            }
        }
    }
    wrong
}

/// By which raw parameter a family's files write a key, as they showed when it was set.
#[derive(Debug, Default)]
struct Names {
    of_keys: BTreeMap<Key, String>,
    /// Those that are attributes by their own names, which no element around them changes, with
    /// the outermost element of the file.
    attributes: BTreeSet<(String, String)>,
}

impl Names {
    fn add(&mut self, key: &Key, name: &String) {
        if let Some((root, _)) = key.attribute().filter(|_| key.is_attribute_of_all(name)) {
            self.attributes.insert((root.to_owned(), name.clone()));
        }
        if key.candidates().contains(name) {
            self.of_keys.entry(key.clone()).or_insert_with(|| name.clone());
        }
    }

    /// `None`: no raw parameter writes it.
    fn of(&self, key: &Key) -> Option<&String> {
        let by_attribute = || {
            let (root, own) = key.attribute()?;
            self.attributes.get(&(root.to_owned(), own.to_owned())).map(|(_, name)| name)
        };
        self.of_keys.get(key).or_else(by_attribute)
    }

    fn all(&self) -> Vec<String> {
        let names = self.of_keys.values().chain(self.attributes.iter().map(|(_, name)| name));
        let names: BTreeSet<_> = names.filter(|name| *name != ANY).collect();
        names.into_iter().cloned().collect()
    }
}
