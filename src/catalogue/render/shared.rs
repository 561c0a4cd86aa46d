//! Parts of files that many phones have alike: made once, and kept.
//!
//! What unused lines look like, or the codecs of a company, is the same text for every phone
//! of a type, and it is most of a file. `{{ shared("codecs.shared.j2", codecs=settings.codecs) }}`
//! renders the template at the first phone and takes it from here for the next. What differs
//! from phone to phone, names and passwords, is a gap in the kept text and filled in each time.
//!
//! SECURITY: the template sees the type and the outline of what it is given, and the text is
//! kept by just these. So it cannot hold anything of the phone it was made for that the next
//! one has not.

use std::sync::Arc;

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, State, Value};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::context::{Known, Names, Opening, of_slot, outline};
use super::escape::{not_written, write_escaped};
use crate::catalogue::family::definition::Escape;

/// How the file of such a template ends.
pub(crate) const SHARED_ENDING: &str = ".shared.j2";

/// The texts of one way of escaping.
#[derive(Debug)]
pub(crate) struct SharedTexts {
    kept: Cache<Box<[u8]>, Arc<SharedText>, ByBytes>,
    escape: Escape,
}

/// Of 394 types some twenty are in one house, and each has a handful of texts of some 2 KB:
/// this is a hundred times as much, and what is not asked for again goes first.
const MAX_BYTES: u64 = 8 << 20;
const TYPICAL_TEXT_BYTES: u64 = 2 << 10;
/// A number or a short name.
const TYPICAL_GAP_BYTES: usize = 16;

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<Box<[u8]>, Arc<SharedText>> for ByBytes {
    fn weight(&self, key: &Box<[u8]>, text: &Arc<SharedText>) -> u64 {
        // 200: the table's own share, and the text's besides its parts.
        (key.len() + text.bytes()) as u64 + 200
    }
}

impl SharedTexts {
    pub fn new(escape: Escape) -> SharedTexts {
        let items = (MAX_BYTES / TYPICAL_TEXT_BYTES) as usize;
        SharedTexts { kept: Cache::with_weighter(items, MAX_BYTES, ByBytes), escape }
    }

    /// What templates call as a function: one text.
    ///
    /// # Errors
    /// Those of the template; and for a name that is no shared template's, or something
    /// given that a shared template cannot have.
    pub fn text(&self, state: &State<'_, '_>, name: &str, given: &Kwargs) -> Result<Value, Error> {
        let call = Call::new(state, name, given)?;
        let text = self.shared(&call)?;
        if text.gaps.is_empty() {
            return Ok(text.text.clone());
        }
        let mut all = String::new();
        text.fill(&call.values, self.escape, &mut all)?;
        Ok(Value::from_safe_string(all))
    }

    /// What templates call as a filter: a text for each of `slots`, which the shared template
    /// knows as [`SLOT`].
    ///
    /// # Errors
    /// As [`SharedTexts::text`]; and when something in the list is neither a line nor a key.
    pub fn texts(
        &self,
        state: &State<'_, '_>,
        slots: &Value,
        name: &str,
        given: &Kwargs,
    ) -> Result<Value, Error> {
        let mut call = Call::new(state, name, given)?;
        call.names.push(SLOT);
        call.values.push(Value::UNDEFINED);
        call.known.add_text(SLOT);
        let last = call.values.len() - 1;
        let common = call.known.len();
        let mut all = String::new();
        for slot in slots.try_iter()? {
            of_slot(&slot)?;
            call.known.truncate(common);
            if !call.known.add(&slot) {
                return Err(refused(SLOT));
            }
            call.values[last] = slot;
            self.shared(&call)?.fill(&call.values, self.escape, &mut all)?;
        }
        Ok(Value::from_safe_string(all))
    }

    fn shared(&self, call: &Call<'_>) -> Result<Arc<SharedText>, Error> {
        if let Some(kept) = self.kept.get(call.known.as_bytes()) {
            return Ok(kept);
        }
        let text = Arc::new(SharedText::of(&call.render()?)?);
        self.kept.insert(call.known.as_bytes().into(), text.clone());
        Ok(text)
    }
}

/// What the template knows each line or key of a list as.
const SLOT: &str = "slot";

/// A shared template and what it is given.
struct Call<'a> {
    env: &'a Environment<'a>,
    family: &'a str,
    template: &'a str,
    phone_type: Value,
    names: Vec<&'a str>,
    values: Vec<Value>,
    known: Known,
}

impl<'a> Call<'a> {
    fn new(
        state: &'a State<'_, 'a>,
        template: &'a str,
        given: &'a Kwargs,
    ) -> Result<Call<'a>, Error> {
        if !template.ends_with(SHARED_ENDING) {
            let message = format!("the name of a shared template ends in `{SHARED_ENDING}`");
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
        let family = state.name().split('/').next().unwrap_or_default();
        let phone_type = state.lookup("type").unwrap_or_default();
        let type_key = phone_type.get_attr("key").unwrap_or_default();
        let mut known = Known::default();
        known.add_text(family);
        known.add_text(template);
        known.add_text(type_key.as_str().unwrap_or_default());
        let (mut names, mut values) = (Vec::with_capacity(8), Vec::with_capacity(8));
        for name in given.args() {
            let value: Value = given.peek(name)?;
            known.add_text(name);
            if !known.add(&value) {
                return Err(refused(name));
            }
            names.push(name);
            values.push(value);
        }
        Ok(Call { env: state.env(), family, template, phone_type, names, values, known })
    }

    /// With marks for its gaps.
    fn render(&self) -> Result<String, Error> {
        let mut names = vec![("type", self.phone_type.clone())];
        for (at, (name, value)) in self.names.iter().zip(&self.values).enumerate() {
            let at = u8::try_from(at).map_err(|_| refused(name))?;
            names.push((name, outline(value, at)));
        }
        let names = names.into_iter().map(|(name, value)| (name.to_owned(), value));
        let full = format!("{}/{}", self.family, self.template);
        self.env.get_template(&full)?.render(Names::value(names))
    }
}

fn refused(name: &str) -> Error {
    let message = format!("`{name}` is given to a shared template and is no plain value");
    Error::new(ErrorKind::InvalidOperation, message)
}

/// One text, with its gaps.
#[derive(Debug)]
struct SharedText {
    /// All that is the same each time. Each value in it was escaped when it was printed.
    text: Value,
    /// Where in it a gap is, and which.
    gaps: Vec<(usize, usize)>,
    /// Each gap once.
    openings: Vec<Opening>,
}

impl SharedText {
    fn of(rendered: &str) -> Result<SharedText, Error> {
        let (marks, rest) = Opening::split(rendered)?;
        let mut text = String::with_capacity(rendered.len());
        let mut gaps = Vec::with_capacity(marks.len());
        let mut openings = Vec::new();
        for (before, opening) in marks {
            text.push_str(before);
            let known = openings.iter().position(|other| *other == opening);
            gaps.push((text.len(), known.unwrap_or(openings.len())));
            if known.is_none() {
                openings.push(opening);
            }
        }
        text.push_str(rest);
        Ok(SharedText { text: Value::from_safe_string(text), gaps, openings })
    }

    /// Writes it to `all`, with what these `given` values have for its gaps.
    fn fill(&self, given: &[Value], escape: Escape, all: &mut String) -> Result<(), Error> {
        let mut own = String::with_capacity(TYPICAL_GAP_BYTES * self.openings.len());
        let mut ends = Vec::with_capacity(self.openings.len() + 1);
        ends.push(0);
        for opening in &self.openings {
            opening.fill(given, &mut |text| {
                write_escaped(&mut own, text, escape).map_err(not_written)
            })?;
            ends.push(own.len());
        }
        let text = self.text.as_str().unwrap_or_default();
        all.reserve(text.len() + TYPICAL_GAP_BYTES * self.gaps.len());
        let mut from = 0;
        for &(to, opening) in &self.gaps {
            all.push_str(&text[from..to]);
            all.push_str(&own[ends[opening]..ends[opening + 1]]);
            from = to;
        }
        all.push_str(&text[from..]);
        Ok(())
    }

    fn bytes(&self) -> usize {
        let openings = size_of_val(&self.openings[..]) + 64 * self.openings.len();
        self.text.as_str().map_or(0, str::len) + size_of_val(&self.gaps[..]) + openings
    }
}
