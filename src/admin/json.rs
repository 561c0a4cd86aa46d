//! The JSON of a body: an object, of which only the wanted members are kept.
//!
//! Whatever is not wanted is passed over without being kept, so that a body can be looked through
//! for its `auth` before it is known who sent it, at no cost but its length. What is kept has a
//! bounded number of values and of levels: a mebibyte of `{},` would be forty in memory.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Levels of what is kept, the deepest of which is in `values.settings.lines.1`: five.
const MAX_DEPTH: usize = 16;

/// Why a body is taken as `{}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotRead {
    #[error("its Content-Type is {0}, that of a form, not application/json")]
    Form(&'static str),
    #[error("it is not UTF-8")]
    Encoding,
    /// The text tells where, and quotes nothing of the body: there may be a password in it.
    #[error("{0}")]
    Syntax(String),
    #[error("it is no JSON object")]
    NotAnObject,
}

/// Why members that are there were not kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum MemberError {
    #[error(transparent)]
    NotRead(#[from] NotRead),
    #[error("more than {0} values")]
    TooMany(usize),
    #[error("more than {MAX_DEPTH} levels")]
    TooDeep,
}

/// The members of the object `json` that have one of the names `wanted`; of several of one name
/// the last. Together they have no more than `most` values. Strict RFC 8259, also where nothing
/// is kept.
pub(super) fn members(
    json: &[u8],
    wanted: &[&str],
    most: usize,
) -> Result<Map<String, Value>, MemberError> {
    let text = str::from_utf8(json).map_err(|_| NotRead::Encoding)?;
    let budget = Budget { left: Cell::new(most), exceeded: Cell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Members { wanted, budget: &budget }
        .deserialize(&mut deserializer)
        .and_then(|members| deserializer.end().map(|()| members));
    read.map_err(|error| match budget.exceeded.get() {
        Some(Exceeded::Values) => MemberError::TooMany(most),
        Some(Exceeded::Depth) => MemberError::TooDeep,
        None if error.is_data() => NotRead::NotAnObject.into(),
        None => NotRead::Syntax(syntax(&error, text)).into(),
    })
}

fn syntax(error: &serde_json::Error, text: &str) -> String {
    let quotes = text.trim_start().trim_start_matches('{').trim_start().starts_with('\'');
    let hint = if quotes { "; JSON has double quotes" } else { "" };
    format!("{error}{hint}")
}

#[derive(Clone, Copy)]
enum Exceeded {
    Values,
    Depth,
}

/// How much more may be kept, and which limit stopped it.
struct Budget {
    left: Cell<usize>,
    exceeded: Cell<Option<Exceeded>>,
}

impl Budget {
    fn take<E: Error>(&self, depth: usize) -> Result<(), E> {
        let exceeded = match self.left.get().checked_sub(1) {
            None => Exceeded::Values,
            Some(_) if depth > MAX_DEPTH => Exceeded::Depth,
            Some(left) => {
                self.left.set(left);
                return Ok(());
            }
        };
        self.exceeded.set(Some(exceeded));
        Err(E::custom("over the limit"))
    }
}

/// The object itself.
struct Members<'a> {
    wanted: &'a [&'a str],
    budget: &'a Budget,
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key_seed(Name(self.wanted))? {
            match name {
                Some(name) => {
                    let value = map.next_value_seed(Kept { budget: self.budget, depth: 1 })?;
                    members.insert(name.to_owned(), value);
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(members)
    }

    // What else there may be is passed over, to find out whether it is JSON at all.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Err(A::Error::custom("a list"))
    }
}

/// The name of a member, when it is a wanted one.
struct Name<'a>(&'a [&'a str]);

impl<'de, 'a> DeserializeSeed<'de> for Name<'a> {
    type Value = Option<&'a str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Name<'a> {
    type Value = Option<&'a str>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|wanted| *wanted == name))
    }
}

/// A value that is kept.
#[derive(Clone, Copy)]
struct Kept<'a> {
    budget: &'a Budget,
    depth: usize,
}

impl Kept<'_> {
    fn below(self) -> Self {
        Kept { depth: self.depth + 1, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Kept<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.budget.take(self.depth)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Kept<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.below())? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            members.insert(name, map.next_value_seed(self.below())?);
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn all(json: &str) -> Result<Value, MemberError> {
        members(json.as_bytes(), &["a", "b"], 8).map(Value::Object)
    }

    #[test]
    fn the_wanted_members_are_as_they_were_written() {
        let read =
            all(r#"{"x": {"a": 1}, "a": [-2, 0.5, "\u00e9", null], "b": 1, "b": {"c": true}}"#);
        assert_eq!(read.unwrap(), json!({ "a": [-2, 0.5, "é", null], "b": { "c": true } }));
        assert_eq!(all("{}").unwrap(), json!({}));
    }

    #[test]
    fn what_is_not_wanted_counts_for_nothing_and_is_json_all_the_same() {
        let nested = "[".repeat(100_000) + &"]".repeat(100_000);
        let body = format!(r#"{{"x": {nested}, "y": [{}1], "a": 1}}"#, "{},".repeat(10_000));
        assert_eq!(all(&body).unwrap(), json!({ "a": 1 }));
        assert!(matches!(
            all(r#"{"a": 1, "x": [1,]}"#),
            Err(MemberError::NotRead(NotRead::Syntax(_)))
        ));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        assert!(all(r#"{"a": [1, 2, 3, 4, 5, 6, 7]}"#).is_ok());
        assert!(matches!(all(r#"{"a": [1, 2, 3, 4, 5, 6, 7, 8]}"#), Err(MemberError::TooMany(8))));
        assert!(matches!(
            all(r#"{"a": [{}, {}, {}, {}], "b": [[], [], []]}"#),
            Err(MemberError::TooMany(8))
        ));
        let deep = |levels: usize| {
            let json = format!(r#"{{"a": {}{}}}"#, "[".repeat(levels), "]".repeat(levels));
            members(json.as_bytes(), &["a"], 1000)
        };
        assert!(deep(MAX_DEPTH).is_ok());
        assert!(matches!(deep(MAX_DEPTH + 1), Err(MemberError::TooDeep)));
    }

    #[test]
    fn what_is_no_object_says_why_and_quotes_nothing() {
        for (json, why) in [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("null", "it is no JSON object"),
            ("\"secret\"", "it is no JSON object"),
            ("[1, 2]", "it is no JSON object"),
            ("[1, 2", "EOF while parsing a list at line 1 column 5"),
            ("{'a': 'secret'}", "key must be a string at line 1 column 2; JSON has double quotes"),
            ("'{\"a\": 1}'", "expected value at line 1 column 1; JSON has double quotes"),
            ("{\"a\": 1} x", "trailing characters at line 1 column 10"),
            ("{\"a\": 1,}", "trailing comma at line 1 column 9"),
            ("\u{feff}{}", "expected value at line 1 column 1"),
        ] {
            assert_eq!(all(json).unwrap_err().to_string(), why, "{json}");
        }
        let latin1 = members(b"{\"a\": \"\xe9\"}", &["a"], 8).unwrap_err();
        assert_eq!(latin1.to_string(), "it is not UTF-8");
    }
}
