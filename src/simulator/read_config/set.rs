//! Lines of `SET key value` or `key value`.

use super::{Found, Unreadable};
use crate::catalogue::{Selector, command};

/// Comments, sections and what gets another file are passed over. The last of several equal keys
/// counts.
pub(super) fn read(text: &str, found: &mut Found<'_>) -> Result<(), Unreadable> {
    if text.contains('\0') || text.trim().is_empty() {
        return Err(Unreadable::NotText);
    }
    for (key, value) in text.lines().filter_map(command) {
        for (part, before, selector) in found.selectors() {
            let Selector::Key(wanted) = selector else { continue };
            if let Some(number) = wanted.matches(key) {
                found.parts.push((part, before.saturating_add(number), value.to_owned()));
            }
        }
    }
    Ok(())
}
