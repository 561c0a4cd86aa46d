//! Lines of `key = value` or `key: value`, with `[sections]` or without.

use super::{Found, Unreadable};
use crate::catalogue::Selector;

/// A line that is neither is passed over, as phones do: comments, markup, version lines.
/// The last of several equal keys counts.
pub(super) fn read(text: &str, found: &mut Found<'_>) -> Result<(), Unreadable> {
    if text.contains('\0') || text.trim().is_empty() {
        return Err(Unreadable::NotText);
    }
    let mut section = "";
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim();
            continue;
        }
        let Some((key, value)) = line.split_once(['=', ':']) else { continue };
        let key = key.trim();
        for (part, before, selector) in found.selectors() {
            let Selector::Key(wanted) = selector else { continue };
            let number = match section {
                "" => wanted.matches(key),
                section => wanted.matches(&format!("{section}/{key}")),
            };
            if let Some(number) = number {
                found.parts.push((
                    part,
                    before.saturating_add(number),
                    unquoted(value.trim()).to_owned(),
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn unquoted(value: &str) -> &str {
    let inside = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or(value)
}
