//! What a file leaves behind in a phone: keys that it has while something is set, and that it
//! does not name when that is set no more.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::context::RenderInput;
use super::trial::{self, Extent, document};
use super::{RenderError, keys};
use crate::catalogue::family::problem::Problem;
use crate::catalogue::family::source;
use crate::catalogue::{Catalogue, FileSpec, PhoneType, Scope, Sources};
use crate::domain::settings::{Layer, Settings, Written, resolve};

/// So many keys of one file are named; who leaves more behind has not thought of it yet.
const MAX_KEYS: usize = 20;

impl Catalogue {
    /// What each file of the families in an operator's folder leaves behind in a phone, if it
    /// does not say that it `keeps` it. What is there as it is built in is left
    /// out: the tests look at that.
    #[must_use]
    pub fn left_behind(&self, sources: &Sources) -> Vec<Problem> {
        let own = own_families(sources);
        let asked = self.representatives().into_iter();
        let asked = asked.filter(|of| own.contains(&self.family_of(of).id));
        let mut told = BTreeSet::new();
        let found = asked.flat_map(|phone_type| left_behind_by(self, phone_type));
        let new = found.filter(|lost| told.insert((lost.file.clone(), lost.key.clone())));
        new.take(MAX_KEYS).map(|lost| lost.problem()).collect()
    }

    /// One type for each way in which the templates of a family can go: what they look at
    /// besides the settings are the type's data and whether it has several of something.
    pub(crate) fn representatives(&self) -> Vec<&PhoneType> {
        (0..self.families.len()).flat_map(|family| self.representatives_of(family)).collect()
    }

    /// Does as [`Catalogue::representatives`], for one family.
    pub(crate) fn representatives_of(&self, family: usize) -> Vec<&PhoneType> {
        let mut first = BTreeMap::new();
        for phone_type in self.types_of(family) {
            let several = [phone_type.lines, phone_type.keys, phone_type.ports, phone_type.modules]
                .map(|count| count.min(2));
            let data =
                phone_type.view.get_attr("data").map(|data| data.to_string()).unwrap_or_default();
            first.entry((several, data)).or_insert(phone_type);
        }
        first.into_values().collect()
    }
}

/// The families in an operator's folder that are not as they are built in.
pub(super) fn own_families(sources: &Sources) -> BTreeSet<String> {
    let own = sources.templates_dir.as_deref().map(source::folder);
    let own = own.and_then(Result::ok).unwrap_or_default();
    let built_in = source::built_in();
    let changed = own.into_iter().filter(|(family, files)| built_in.get(family) != Some(files));
    changed.map(|(family, _)| family).collect()
}

/// A key that stays in the phone.
struct Lost {
    family: String,
    file: String,
    key: String,
    phone_type: String,
    /// The setting that brings it; `None`: only several together do.
    setting: Option<String>,
}

impl Lost {
    fn problem(&self) -> Problem {
        let Lost { family, file, key, phone_type, setting } = self;
        let setting = setting.as_deref().unwrap_or("one of its settings");
        let message = format!(
            "{file} leaves `{key}` in the phone when {setting} is set no more (`{phone_type}`): \
             write it always, unset as the maker's default, or give the [[file]] a `keeps` with \
             the reason"
        );
        Problem::new(&format!("{family}/family.toml"), None, message)
    }
}

fn left_behind_by(catalogue: &Catalogue, phone_type: &PhoneType) -> Vec<Lost> {
    let family = &catalogue.family_of(phone_type).id;
    let all = document(catalogue, phone_type, Extent::Everything, 0);
    let mut lost = Vec::new();
    let set = rendered(catalogue, phone_type, &all, &Written::default());
    let Some(sets) = set.iter().map(|file| &file.sets).next().cloned() else { return lost };
    let base = [json!({}), document(catalogue, phone_type, Extent::Little, 0)].into_iter();
    let base = base.map(|document| merged(always(), &document)).find(|document| {
        let unset = rendered(catalogue, phone_type, document, &sets);
        unset.iter().all(|file| file.keys.is_ok())
    });
    // What cannot be rendered at all is another's to tell.
    let Some(base) = base else { return lost };
    let unset = rendered(catalogue, phone_type, &base, &sets);
    for (file, after) in set.iter().zip(&unset) {
        let (Ok(before), Ok(after)) = (&file.keys, &after.keys) else { continue };
        let others = unset.iter().filter(|other| other.spec.pattern() == file.spec.reset_in());
        let reset: BTreeSet<&String> =
            others.filter_map(|other| other.keys.as_ref().ok()).flatten().chain(after).collect();
        let mut gone: BTreeSet<&String> =
            before.iter().filter(|key| !reset.contains(key)).collect();
        let mut tell = |key: &String, setting: Option<String>| {
            lost.push(Lost {
                family: family.clone(),
                file: file.spec.pattern().to_owned(),
                key: key.clone(),
                phone_type: phone_type.key.to_string(),
                setting,
            });
        };
        let mut paths = Vec::new();
        leaves("", &all, &mut paths);
        for (path, document) in paths {
            if gone.is_empty() {
                break;
            }
            let with = rendered(catalogue, phone_type, &merged(base.clone(), &document), &sets);
            let with = with.into_iter().find(|with| std::ptr::eq(with.spec, file.spec));
            let Some(Ok(with)) = with.map(|with| with.keys) else { continue };
            let by_this: Vec<&String> =
                gone.iter().filter(|key| with.contains(**key)).copied().collect();
            for key in by_this {
                gone.remove(key);
                tell(key, Some(path.clone()));
            }
        }
        gone.into_iter().for_each(|key| tell(key, None));
    }
    lost
}

/// What the gateway gives every phone, whatever operators set.
pub(super) fn always() -> Value {
    json!({
        "provisioning": { "base_url": "http://gateway.example/" },
        "access": { "admin_password": "trial-admin", "user_password": "trial-user" },
    })
}

/// The keys of one file, or why there is none.
struct Keys<'c> {
    spec: &'c FileSpec,
    keys: Result<BTreeSet<String>, RenderError>,
    sets: Written,
}

fn rendered<'c>(
    catalogue: &'c Catalogue,
    phone_type: &'c PhoneType,
    document: &Value,
    written: &Written,
) -> Vec<Keys<'c>> {
    let layer = Layer::parse(document).expect("what is made of the schema fits the schema");
    let settings = resolve(&[&phone_type.defaults, &layer]).expect("layers that were just checked");
    let settings: Arc<Settings> = Arc::new(settings);
    let files = trial::files(catalogue, phone_type, &settings, Extent::Everything);
    let asked = files.filter(|(spec, _)| spec.scope != Scope::Common && !spec.keeps.all());
    let family = catalogue.family_of(phone_type);
    let keys = |(spec, input): (&'c FileSpec, RenderInput)| {
        let sets = input.sets(family, phone_type);
        let input = RenderInput { written: written.clone(), ..input };
        Keys { spec, keys: keys_of(catalogue, phone_type, spec, input), sets }
    };
    asked.map(keys).collect()
}

fn keys_of(
    catalogue: &Catalogue,
    phone_type: &PhoneType,
    spec: &FileSpec,
    input: RenderInput,
) -> Result<BTreeSet<String>, RenderError> {
    let mut keys = named_in(catalogue, phone_type, spec, input)?;
    keys.retain(|key| !spec.keeps.of(key));
    Ok(keys)
}

/// The keys that a file gives a value.
pub(super) fn named_in(
    catalogue: &Catalogue,
    phone_type: &PhoneType,
    spec: &FileSpec,
    input: RenderInput,
) -> Result<BTreeSet<String>, RenderError> {
    let family = catalogue.family_of(phone_type);
    let rendered = catalogue.render(family, Some(phone_type), spec, input)?;
    let wrong = |message| RenderError { message, ..RenderError::default() };
    let pairs = keys::of(spec, &keys::decoded(spec, rendered.body)).map_err(wrong)?;
    let keys: BTreeSet<String> = pairs.into_iter().map(|pair| plain(&pair.key)).collect();
    // An element around others or with attributes only is given nothing itself.
    let around = |key: &String| {
        ["/", " @"].iter().any(|inside| {
            let inside = format!("{key}{inside}");
            keys.range(inside.clone()..).next().is_some_and(|next| next.starts_with(&inside))
        })
    };
    let comment = |key: &String| key.trim().is_empty() || key.starts_with(['#', '[']);
    let is_asked = |key: &&String| !around(key) && !comment(key);
    Ok(keys.iter().filter(is_asked).cloned().collect())
}

/// The key without what only says who may change it.
fn plain(key: &str) -> String {
    let parts = key.split(' ');
    let kept: Vec<&str> = parts
        .filter(|part| !["perm=", "overwrite="].iter().any(|own| part.starts_with(own)))
        .collect();
    kept.join(" ").trim_end_matches(['=', ':']).trim().to_owned()
}

/// Each value of a document, as a document that has nothing else.
fn leaves(path: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    let Value::Object(fields) = value else {
        let names = path.split('.').rev();
        let document = names.fold(value.clone(), |inner, name| json!({ name: inner }));
        found.push((path.to_owned(), document));
        return;
    };
    for (name, value) in fields {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        leaves(&path, value, found);
    }
}

pub(super) fn merged(mut base: Value, over: &Value) -> Value {
    match (&mut base, over) {
        (Value::Object(fields), Value::Object(over)) => {
            for (name, value) in over {
                let below = fields.remove(name).unwrap_or_else(|| json!({}));
                fields.insert(name.clone(), merged(below, value));
            }
            base
        }
        _ => over.clone(),
    }
}
