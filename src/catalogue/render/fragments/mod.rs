//! Parts of files that many phones have alike: rendered once, and kept.
//!
//! What unused lines look like, or the clock of a company, is the same text for every phone of a
//! type, and it is most of a file. `{{ fragment("clock.fragment.j2", zone=zone) }}` renders that
//! template for the first phone and takes the text from here for the next.
//!
//! SECURITY: a fragment sees the type and what it is given, and its text is kept by exactly that,
//! compared byte for byte. So a text can hold nothing that the phone it is given to did not bring
//! along itself. What has a secret in it cannot be given at all, so none is kept here.

mod key;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use minijinja::value::{Kwargs, Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::context::Names;
use crate::catalogue::family::definition::Escape;
use key::{FragmentKey, Refusal};

/// How the file of such a template ends.
pub(crate) const FRAGMENT_ENDING: &str = ".fragment.j2";

/// Some twenty of all types are in one house, and each has a handful of texts of some 2 KB:
/// this is a hundred times as much, and what is not asked for again goes first.
const MAX_KEPT_BYTES: u64 = 8 << 20;
const TYPICAL_FRAGMENT_BYTES: u64 = 2 << 10;
/// The keys of six expansion modules at once are some 200 KB; a larger text is rendered each
/// time rather than let it drive out a hundred others.
const MAX_FRAGMENT_BYTES: usize = 256 << 10;

/// The fragments of one catalogue, for all its families and ways of escaping.
#[derive(Debug)]
pub(crate) struct Fragments {
    /// `None`: each is rendered anew.
    kept: Option<Cache<FragmentKey, Fragment, FragmentWeighter>>,
    /// A text that no fragment may be given.
    secret: Option<&'static str>,
}

#[derive(Debug, Clone)]
struct Fragment {
    /// Safe: each value in it was escaped when it was printed there.
    text: Value,
    /// What rendering it took: a file must not fail or succeed by what others asked for before.
    fuel: u64,
}

impl Fragment {
    fn bytes(&self) -> usize {
        self.text.as_str().map_or(0, str::len)
    }
}

#[derive(Debug, Clone)]
struct FragmentWeighter;

impl Weighter<FragmentKey, Fragment> for FragmentWeighter {
    fn weight(&self, key: &FragmentKey, fragment: &Fragment) -> u64 {
        // 100: the table's own share, and the counts of the text.
        (key.bytes().len() + fragment.bytes()) as u64 + 100
    }
}

impl Fragments {
    /// Keeps what it rendered, up to [`MAX_KEPT_BYTES`].
    pub(crate) fn kept() -> Fragments {
        let items = (MAX_KEPT_BYTES / TYPICAL_FRAGMENT_BYTES) as usize;
        let kept = Some(Cache::with_weighter(items, MAX_KEPT_BYTES, FragmentWeighter));
        Fragments { kept, secret: None }
    }

    /// Does as [`Fragments::kept`], for a trial in which all secrets are `secret`.
    pub(crate) fn kept_without(secret: &'static str) -> Fragments {
        Fragments { secret: Some(secret), ..Fragments::kept() }
    }

    /// Keeps nothing: what a file is without fragments.
    pub(crate) fn rendered_anew() -> Fragments {
        Fragments { kept: None, secret: None }
    }

    fn get(&self, key: &FragmentKey) -> Option<Fragment> {
        self.kept.as_ref()?.get(key)
    }

    fn keep(&self, key: FragmentKey, fragment: &Fragment) {
        if let Some(kept) = &self.kept
            && key.bytes().len() + fragment.bytes() <= MAX_FRAGMENT_BYTES
        {
            kept.insert(key, fragment.clone());
        }
    }
}

/// What the templates of one file call as `fragment`.
///
/// It is a name of the file and not of all templates, so a fragment does not have it: fragments
/// within fragments would need a bound on how deep they go, and a key for what is inside.
#[derive(Debug)]
pub(crate) struct FragmentFunction {
    pub fragments: Arc<Fragments>,
    pub escape: Escape,
    pub family: String,
    /// What templates know as `type`.
    pub phone_type: Value,
}

impl Object for FragmentFunction {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (name, given): (&str, Kwargs) = from_args(args)?;
        if !name.ends_with(FRAGMENT_ENDING) {
            return Err(failed(format!("the name of a fragment ends in `{FRAGMENT_ENDING}`")));
        }
        let mut key = FragmentKey::new(self.escape, &self.family, name, &self.phone_type);
        let mut names = vec![("type", self.phone_type.clone())];
        for argument in given.args() {
            let value: Value = given.peek(argument)?;
            let seen = key.add(argument, &value).map_err(|refusal| refused(argument, refusal))?;
            if self.fragments.secret.is_some_and(|secret| key.has(secret)) {
                return Err(refused(argument, Refusal::Secret));
            }
            names.push((argument, seen));
        }
        let fragment = match self.fragments.get(&key) {
            Some(kept) => kept,
            None => {
                let fragment = render(state, &format!("{}/{name}", self.family), names)?;
                self.fragments.keep(key, &fragment);
                fragment
            }
        };
        state.consume_fuel(fragment.fuel)?;
        Ok(fragment.text)
    }
}

fn render(
    state: &State<'_, '_>,
    template: &str,
    names: Vec<(&str, Value)>,
) -> Result<Fragment, Error> {
    let template = state.env().get_template(template)?;
    let names = names.into_iter().map(|(name, value)| (name.to_owned(), value));
    let rendered = template.render_captured(Names::value(names))?;
    let fuel = rendered.state().fuel_levels().map_or(0, |(consumed, _)| consumed);
    Ok(Fragment { text: Value::from_safe_string(rendered.into_output()), fuel })
}

fn refused(argument: &str, refusal: Refusal) -> Error {
    failed(format!("`{argument}` cannot be given to a fragment: {refusal}"))
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
