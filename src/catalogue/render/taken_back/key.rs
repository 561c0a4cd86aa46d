//! A key of a file as a place in it, and the names that a raw parameter might have that is written
//! there.

use std::collections::BTreeMap;

use crate::catalogue::FileSpec;
use crate::catalogue::family::definition::Escape;
use crate::catalogue::render::keys::{self, Pair};

/// Attributes that tell elements of one name apart, with every maker; a file may have more of them.
const TELLING_APART: &[&str] = &["name", "idx", "number"];

/// An element, or a line, or the heading that lines are under.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    name: String,
    /// What the attributes say that tell it apart from others of its name.
    told_by: Vec<String>,
}

/// The place of a value in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// From the outermost to its own.
    steps: Vec<Step>,
    attribute: Option<String>,
}

impl Key {
    /// Names of raw parameters that might be written there, whatever the file's form: parts of
    /// the way to it, one after the other.
    pub(super) fn candidates(&self) -> Vec<String> {
        let mut names: Vec<String> = self.attribute.iter().cloned().collect();
        for from in 0..self.steps.len() {
            let inner = &self.steps[from..];
            let of_steps: Vec<&str> = inner.iter().map(|step| step.name.as_str()).collect();
            names.push(of_steps.join("/"));
            names.push(of_steps.join("/").replace(' ', "_"));
            let told: Vec<&str> =
                inner.iter().flat_map(|step| &step.told_by).map(String::as_str).collect();
            names.push(told.join("/"));
        }
        if let Some(own) = self.steps.last() {
            names.extend(own.told_by.iter().map(|by| format!("{}[{by}]", own.name)));
        }
        names
    }

    /// Whether its own name is that one, whatever it is under.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.steps
            .last()
            .is_some_and(|own| own.name == name || own.told_by.iter().any(|by| by == name))
    }

    /// Whether a raw parameter of that name, which is written here, is an attribute by that name
    /// of an element that all share.
    pub(super) fn is_attribute_of_all(&self, name: &str) -> bool {
        let own = self.steps.last();
        self.attribute.as_deref() == Some(name)
            && own.is_some_and(|own| own.name != name && own.told_by.is_empty())
    }

    /// The outermost element, and the attribute; `None`: it is none.
    pub(super) fn attribute(&self) -> Option<(&str, &str)> {
        Some((self.steps.first()?.name.as_str(), self.attribute.as_deref()?))
    }

    /// What people call it, where no raw parameter has a name for it.
    pub(super) fn text(&self) -> String {
        let step =
            |step: &Step| [std::slice::from_ref(&step.name), &step.told_by[..]].concat().join(" ");
        let way = self.steps.iter().map(step).collect::<Vec<_>>().join("/");
        self.attribute.iter().fold(way, |way, own| format!("{way} @{own}"))
    }
}

/// What the file says of each key in the end; `None`: it is no file of its syntax, which is
/// another's to tell.
pub(super) fn last(spec: &FileSpec, text: &str) -> Option<BTreeMap<Key, String>> {
    let mut last = BTreeMap::new();
    let mut around: Vec<Step> = Vec::new();
    for pair in keys::of(spec, text).ok()? {
        let mut steps = around.clone();
        if spec.escape == Escape::Xml {
            if pair.attribute.is_none() {
                enter(&mut around, &pair, &spec.named_by);
                steps.clone_from(&around);
            }
        } else if let Some(name) = heading(&pair.key) {
            around = vec![Step { name, ..Step::default() }];
            continue;
        } else {
            let name = pair.key.trim_end_matches(['=', ':', ' ']).trim_start().to_owned();
            steps.push(Step { name, ..Step::default() });
        }
        last.insert(Key { steps, attribute: pair.attribute }, pair.value.trim().to_owned());
    }
    Some(last)
}

/// Leaves the elements that have ended, and goes into this one.
fn enter(around: &mut Vec<Step>, element: &Pair, named_by: &[String]) {
    let path = element.key.split(' ').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let tells = |own: &String| TELLING_APART.contains(&own.as_str()) || named_by.contains(own);
    let told = element.naming.iter().filter(|(own, _)| tells(own));
    let told_by = told.map(|(_, value)| value.clone()).collect();
    around.truncate(path.split('/').count() - 1);
    around.push(Step { name, told_by });
}

/// What stands in a line that is a heading: `[name]` or `<name>`.
fn heading(line: &str) -> Option<String> {
    let line = line.trim();
    let is_one = line.starts_with(['[', '<']) && !line.ends_with(['=', ' ']);
    is_one.then(|| line.trim_matches(['[', ']', '<', '>', ' ', ':', '/']).to_owned())
}
