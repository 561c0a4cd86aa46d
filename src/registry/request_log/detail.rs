//! What the outcome of a request leaves to say.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::domain::admission::Lack;

/// What the outcome of a request leaves to say; put into words when an operator reads it. A refusal
/// that is worded takes longer than one that is not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Detail {
    /// The outcome says all.
    #[default]
    Nothing,
    /// The policies of its companies ask for something that it did not show.
    Lacks(Lack),
    /// It was sent its file, and would not be if the policy was kept to.
    WouldLack(Lack),
    /// In words.
    Text(String),
}

impl From<String> for Detail {
    fn from(text: String) -> Detail {
        if text.is_empty() { Detail::Nothing } else { Detail::Text(text) }
    }
}

impl From<Option<Lack>> for Detail {
    fn from(lack: Option<Lack>) -> Detail {
        lack.map_or(Detail::Nothing, Detail::Lacks)
    }
}

/// Empty when the outcome says all.
impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Detail::Nothing => Ok(()),
            Detail::Lacks(lack) => lack.fmt(f),
            Detail::WouldLack(lack) => write!(f, "would be refused: {lack}"),
            Detail::Text(text) => f.write_str(text),
        }
    }
}

impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
