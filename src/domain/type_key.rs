//! What a type of phone is called.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Key of an entry of the catalogue: `snom320`, `aastra53i-1line`, `ip320_msg`.
/// Case-sensitive; 1 to 64 of letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TypeKey(Arc<str>);

/// The text has a character a type key cannot have, or is empty or too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a phone type key: 1 to 64 letters, digits, `_` and `-`")]
pub struct InvalidKey;

impl TypeKey {
    /// The key as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TypeKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<TypeKey, InvalidKey> {
        let fits = (1..=64).contains(&text.len());
        let clean = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if fits && clean { Ok(TypeKey(text.into())) } else { Err(InvalidKey) }
    }
}

impl TryFrom<String> for TypeKey {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<TypeKey, InvalidKey> {
        text.parse()
    }
}

impl From<TypeKey> for String {
    fn from(key: TypeKey) -> String {
        key.0.to_string()
    }
}

impl fmt::Display for TypeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
