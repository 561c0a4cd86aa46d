//! Raw parameters that nothing sets any more: what a file takes back of them takes back nothing
//! that a file sets, and never what keeps the phone ours, whatever names they had.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::context::RenderInput;
use super::left_behind::own_families;
use super::trial::{self, Extent};
use super::{Catalogue, FileSpec, PhoneType, Problem, keys};
use crate::catalogue::family::definition::Escape;
use crate::catalogue::{Scope, Sources};
use crate::domain::settings::{Layer, Written, resolve};

/// What is in every value of what keeps the phone ours.
const OURS: &str = "ours4711";

/// Names the files that the phone reads, which tell of removed parameters too (Polycom).
const LIST_OF_FILES: &str = "APPLICATION @CONFIG_FILES";

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

/// A key, by the names of the elements it is in.
type Key = Vec<String>;

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
            let last = last(spec, &keys::decoded(spec, rendered.body))?;
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

    /// All that the files write, as many at once as are remembered.
    fn names(&self, said: &[Said<'_>]) -> Vec<Vec<String>> {
        let keys = said.iter().flat_map(|said| said.last.keys());
        let names: BTreeSet<String> = keys.filter_map(|key| raw_name(self.family(), key)).collect();
        let names: Vec<String> = names.into_iter().collect();
        names.chunks(Written::MAX_PARAMETERS).map(<[String]>::to_vec).collect()
    }

    /// The names of what keeps the phone ours.
    fn ours(&self, all: &[Said<'_>]) -> BTreeSet<String> {
        let ours = all.iter().flat_map(|said| &said.last);
        let ours = ours.filter(|(key, value)| value.contains(OURS) && *key != &[LIST_OF_FILES]);
        ours.filter_map(|(key, _)| raw_name(self.family(), key)).collect()
    }

    fn too_much(&self) -> Vec<Wrong> {
        self.tried().0
    }

    /// What is taken back and must not be, and all names that show as taken back where nothing
    /// sets anything.
    fn tried(&self) -> (Vec<Wrong>, BTreeSet<String>) {
        let all = self.everything();
        let set = self.said(&all, &[]);
        let names = self.names(&set);
        let (mut wrong, mut shown) = (Vec::new(), BTreeSet::new());
        for removed in &names {
            wrong.extend(set_and_taken_back(self.family(), &set, &self.said(&all, removed)));
        }
        let ours = self.ours(&set);
        let plain = self.said(&json!({}), &[]);
        for removed in &names {
            let taken = self.said(&json!({}), removed);
            wrong.extend(set_and_taken_back(self.family(), &plain, &taken));
            for (plain, taken) in plain.iter().zip(&taken) {
                let new = taken.last.keys().filter(|key| !plain.last.contains_key(*key));
                for name in new.filter_map(|key| raw_name(self.family(), key)) {
                    if ours.contains(&name) {
                        wrong.push(Wrong::of(taken.spec, name.clone(), true));
                    }
                    shown.insert(name);
                }
            }
        }
        wrong.retain(|wrong| !wrong.is_kept);
        (wrong, shown)
    }
}

/// What has another value in the end because raw parameters are taken back.
fn set_and_taken_back(family: &str, plain: &[Said<'_>], taken: &[Said<'_>]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (plain, taken) in plain.iter().zip(taken) {
        for (key, value) in &plain.last {
            if *key != [LIST_OF_FILES] && taken.last.get(key) != Some(value) {
                let name = raw_name(family, key).unwrap_or_else(|| key.join("/"));
                wrong.push(Wrong::of(plain.spec, name, false));
            }
        }
    }
    wrong
}

/// `None`: it is no file of its syntax, which is another's to tell.
fn last(spec: &FileSpec, text: &str) -> Option<BTreeMap<Key, String>> {
    let mut last = BTreeMap::new();
    let mut open: Key = Vec::new();
    for pair in keys::of(spec, text).ok()? {
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
    Some(last)
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
