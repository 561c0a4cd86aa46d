//! Parts of files that many phones have alike: made once, and kept.
//!
//! What unused lines look like, or the codecs of a company, is the same text for every phone
//! of a type, and it is most of a file. `{{ shared("codecs.shared.j2", codecs=settings.codecs) }}`
//! renders the template at the first phone and takes it from here for the next.
//!
//! SECURITY: the template sees the type and what it is given, and the text is kept by just
//! these. So it cannot hold anything of the phone it was made for that the next one has not.

use std::fmt::Write;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::context::{Names, Unset, refuse};

/// How the file of such a template ends.
pub(super) const SHARED_ENDING: &str = ".shared.j2";

/// The texts of one way of escaping.
#[derive(Debug)]
pub(super) struct SharedTexts {
    kept: Cache<Box<str>, Value, ByBytes>,
}

/// Of 394 types some twenty are in one house, and each has a handful of texts of some 2 KB:
/// this is a hundred times as much, and what is not asked for again goes first.
const MAX_BYTES: u64 = 8 << 20;
const TYPICAL_TEXT_BYTES: u64 = 2 << 10;

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<Box<str>, Value> for ByBytes {
    fn weight(&self, key: &Box<str>, text: &Value) -> u64 {
        // 100: the table's own share.
        (key.len() + text.as_str().map_or(0, str::len)) as u64 + 100
    }
}

impl SharedTexts {
    pub fn new() -> SharedTexts {
        let items = (MAX_BYTES / TYPICAL_TEXT_BYTES) as usize;
        SharedTexts { kept: Cache::with_weighter(items, MAX_BYTES, ByBytes) }
    }

    /// What templates call.
    ///
    /// # Errors
    /// Those of the template; and for a name that is no shared template's, or something
    /// given that is more than numbers, words and lists of them.
    pub fn text(
        &self,
        state: &mut State<'_, '_>,
        name: &str,
        given: &Kwargs,
    ) -> Result<Value, Error> {
        if !name.ends_with(SHARED_ENDING) {
            let message = format!("the name of a shared template ends in `{SHARED_ENDING}`");
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
        let family = state.name().split('/').next().unwrap_or_default();
        let full = format!("{family}/{name}");
        let phone_type = state.lookup("type").unwrap_or_default();
        let type_key = phone_type.get_attr("key").unwrap_or_default();
        let mut key = format!("{full} {}", type_key.as_str().unwrap_or_default());
        let mut names = vec![("type".to_owned(), phone_type)];
        for argument in given.args() {
            let value: Value = given.get(argument)?;
            describe(&mut key, argument, &value)?;
            names.push((argument.to_owned(), value));
        }
        if let Some(kept) = self.kept.get(&*key) {
            return Ok(kept);
        }
        let template = state.env().get_template(&full)?;
        // Each value in it was escaped when it was printed there.
        let text = Value::from_safe_string(template.render(Names::value(names))?);
        self.kept.insert(key.into(), text.clone());
        Ok(text)
    }
}

/// Writes `value` so that another one is written otherwise.
fn describe(key: &mut String, name: &str, value: &Value) -> Result<(), Error> {
    if Unset::is(value) {
        refuse(&value.to_string())?;
    }
    if !is_plain(value) {
        let message = format!("`{name}` is given to a shared template and is no plain value");
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    write!(key, " {name}={value:?}").expect("a String takes everything");
    Ok(())
}

/// Whether it is all there is to see of itself.
fn is_plain(value: &Value) -> bool {
    match value.kind() {
        ValueKind::Number | ValueKind::Bool => true,
        // A captured block looks like a text and is printed otherwise.
        ValueKind::String => !value.is_safe(),
        ValueKind::Seq => value.try_iter().is_ok_and(|mut items| items.all(|item| is_plain(&item))),
        _ => false,
    }
}
