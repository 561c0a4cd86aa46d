//! The vendor-neutral settings of phones.
//!
//! One schema ([`schema`]), written in layers (type < system < company <
//! phone), each a partial document checked when it is written
//! ([`Layer::parse`]); [`resolve`] lays them over each other.

use serde_json::Value;

/// One layer: a partial settings document that passed [`Layer::parse`].
///
/// Kept as compact JSON text in the schema's own order, so that equal layers
/// are equal bytes and a million phones' layers are one small allocation each.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Layer(Option<Box<str>>);

impl std::fmt::Debug for Layer {
    /// Settings hold passwords: only the size is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Layer({} bytes)", self.0.as_deref().map_or(0, str::len))
    }
}

impl Layer {
    /// From the text a store kept; not validated again.
    #[must_use]
    pub fn from_stored(text: &str) -> Layer {
        Layer((!text.is_empty() && text != "{}").then(|| text.into()))
    }

    /// Compact JSON; `{}` when nothing is set. Holds secrets.
    #[must_use]
    pub fn as_stored(&self) -> &str {
        self.0.as_deref().unwrap_or("{}")
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The document. Holds secrets.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::from_str(self.as_stored()).expect("a layer holds the JSON it was made of")
    }
}
