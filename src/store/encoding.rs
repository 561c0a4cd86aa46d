//! How values are written in the columns of a table, the same in every store that has tables.

use std::collections::HashMap;

use serde::de::IntoDeserializer;
use serde::de::value::{Error as NameError, StrDeserializer};
use serde::{Deserialize, Serialize};

use crate::domain::admission::AdmissionState;
use crate::domain::settings::Written;
use crate::domain::{Claims, Mac};

/// A number as a table keeps it: the same 64 bits.
pub(super) fn bits(number: u64) -> i64 {
    number.cast_signed()
}

/// Claims as JSON; NULL for none.
pub(super) fn claims_text(claims: &Claims) -> Option<String> {
    (!claims.is_empty())
        .then(|| serde_json::to_string(claims).expect("claims are texts and numbers"))
}

/// How a device proved itself as JSON; NULL when nothing is known.
pub(super) fn admission_text(state: &AdmissionState) -> Option<String> {
    (!state.is_empty())
        .then(|| serde_json::to_string(state).expect("it is made of texts and numbers"))
}

/// What files have set as JSON; NULL for nothing.
pub(super) fn written_text(written: &Written) -> Option<String> {
    (!written.is_empty()).then(|| serde_json::to_string(written).expect("it is made of texts"))
}

/// A MAC as a table keeps it.
pub(super) fn mac_bits(mac: Mac) -> i64 {
    bits(mac.bits())
}

/// A value of a plain enum by the name serde gives it.
pub(super) fn named<'de, T: Deserialize<'de>>(name: &'de str) -> Result<T, NameError> {
    let from: StrDeserializer<'de, NameError> = name.into_deserializer();
    T::deserialize(from)
}

/// The name serde gives a value of a plain enum.
pub(super) fn name_of<T: Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        other => unreachable!("a plain enum is a string in JSON, not {other:?}"),
    }
}

/// The value of a text; equal ones of one table share it.
///
/// # Errors
/// Those of the value's own.
pub(super) fn shared<T>(known: &mut HashMap<Box<str>, T>, text: &str) -> Result<T, T::Err>
where
    T: std::str::FromStr + Clone,
{
    if let Some(value) = known.get(text) {
        return Ok(value.clone());
    }
    let value: T = text.parse()?;
    known.insert(text.into(), value.clone());
    Ok(value)
}
