//! From layers to settings.

use super::overlay::Overlay;
use super::{Layer, Line, Settings};

/// A stored layer is not what this version can read: the store is damaged, or
/// a newer version wrote it.
#[derive(Debug, thiserror::Error)]
#[error("a stored settings layer cannot be read, line {line} column {column}")]
pub struct UnreadableLayer {
    // Only the place: serde's own message may quote the value, a password.
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for UnreadableLayer {
    fn from(error: serde_json::Error) -> UnreadableLayer {
        UnreadableLayer { line: error.line(), column: error.column() }
    }
}

/// Layers laid over each other so far, the lowest first.
///
/// A stack of the layers many phones share is kept; a phone's own layer goes
/// over a clone of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stack(Settings);

impl Stack {
    /// Lays `layer` over what is there. On an error the stack is as before.
    ///
    /// # Errors
    /// [`UnreadableLayer`] when the stored text is not of this schema.
    pub fn overlay(&mut self, layer: &Layer) -> Result<(), UnreadableLayer> {
        if !layer.is_empty() {
            self.0.overlay(typed(layer)?);
        }
        Ok(())
    }

    /// The settings: every line that exists gets what `line_defaults` has and
    /// the line itself has not.
    #[must_use]
    pub fn finish(self) -> Settings {
        let mut settings = self.0;
        let defaults = std::mem::take(&mut settings.line_defaults);
        if defaults != Line::default() {
            for line in settings.lines.values_mut() {
                let own = std::mem::replace(line, defaults.clone());
                line.overlay(own);
            }
        }
        settings
    }
}

/// The settings of `layers`, the lowest first.
///
/// # Errors
/// [`UnreadableLayer`] when a layer's stored text is not of this schema.
pub fn resolve(layers: &[&Layer]) -> Result<Settings, UnreadableLayer> {
    let mut stack = Stack::default();
    for layer in layers {
        stack.overlay(layer)?;
    }
    Ok(stack.finish())
}

fn typed(layer: &Layer) -> Result<Settings, UnreadableLayer> {
    Ok(serde_json::from_str(layer.as_stored())?)
}
