//! Texts and lists that phones of a type take less of than the schema: cut off, read as something
//! else, or with no way to write them in the syntax of their files.

use serde_json::Value;

use super::family::definition::{ALL_TEXTS, Encoding};
use super::render::coverage::kind_of;
use super::{Catalogue, Limit, PhoneType, set_rows};
use crate::domain::settings::schema::Kind;

/// The last character that a file in ISO 8859-1 can have.
pub(super) const LAST_OF_LATIN_1: char = '\u{ff}';

impl Catalogue {
    /// The settings of a document that phones of the type would not have as they are written, each
    /// with its path and with why, as the end of a sentence about the phone.
    #[must_use]
    pub fn unfit(&self, phone_type: &PhoneType, document: &Value) -> Vec<(String, String)> {
        let family = self.family_of(phone_type);
        let of_all = family.limits.get(ALL_TEXTS);
        let is_latin_1 = family.files.iter().any(|file| file.encoding == Encoding::Latin1);
        let mut found = Vec::new();
        for (path, row) in set_rows(document) {
            let row = row.replacen("line_defaults.", "lines.N.", 1);
            let row = row.replacen("expansion.N.keys.N.", "keys.N.", 1);
            let value = path.split('.').fold(document, |at, name| &at[name]);
            let own = family.limits.get(&row).and_then(|limit| beyond(limit, value));
            let why = own.or_else(|| {
                let text = value.as_str()?;
                let is_secret = matches!(kind_of(&row)?, Kind::Secret);
                if !is_secret && !matches!(kind_of(&row)?, Kind::Text { .. }) {
                    return None;
                }
                // A name may have `?` in it; a password is right or wrong.
                let foreign =
                    text.chars().find(|c| is_latin_1 && is_secret && *c > LAST_OF_LATIN_1);
                of_all.and_then(|limit| beyond(limit, value)).or_else(|| {
                    foreign.map(|c| format!("cannot take `{c}`")).or_else(|| is_cut(text))
                })
            });
            found.extend(why.map(|why| (path, why)));
        }
        let raw = document["vendor"][&*family.id].as_object().into_iter().flatten();
        for (name, value) in raw {
            // What the maker takes for no value may be just what is meant.
            let without = of_all.zip(value.as_str());
            let why = without.and_then(|(limit, text)| forbidden(limit, text));
            found.extend(why.map(|why| (format!("vendor.{}.{name}", family.id), why)));
        }
        found
    }
}

/// What is said of a phone that has such a limit; `None` where the value is within.
fn beyond(limit: &Limit, value: &Value) -> Option<String> {
    let most = limit.max;
    match value {
        Value::String(text) => {
            let length = text.chars().count();
            if length > most {
                return Some(format!("takes at most {most} characters, not {length}"));
            }
            if length < limit.min {
                return Some(format!("takes at least {} characters, not {length}", limit.min));
            }
            if limit.not.iter().any(|word| word.eq_ignore_ascii_case(text)) {
                let words = limit.not.join(" and ");
                return Some(format!("has a meaning of its own for {words}"));
            }
            forbidden(limit, text).or_else(|| is_cut(text))
        }
        Value::Array(entries) => {
            if entries.len() > most {
                return Some(format!("takes at most {most} of them, not {}", entries.len()));
            }
            let characters = limit.characters?;
            let length: usize =
                entries.iter().filter_map(Value::as_str).map(|text| text.chars().count()).sum();
            (length > characters)
                .then(|| format!("takes at most {characters} characters in all, not {length}"))
        }
        _ => None,
    }
}

fn forbidden(limit: &Limit, text: &str) -> Option<String> {
    let found = text.chars().find(|c| limit.without.contains(*c));
    found.map(|character| format!("cannot take `{character}`"))
}

fn is_cut(text: &str) -> Option<String> {
    (text.trim() != text).then(|| {
        "is given no text with a blank at its beginning or end, which many phones would drop"
            .to_owned()
    })
}
