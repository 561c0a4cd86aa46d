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
        take(section, key, value, found);
        // A name may have colons in it.
        if let Some((longer, value)) = line.split_once('=')
            && longer.len() > key.len()
        {
            take(section, longer, value, found);
        }
    }
    Ok(())
}

fn take(section: &str, key: &str, value: &str, found: &mut Found<'_>) {
    let key = key.trim();
    for (part, before, selector) in found.selectors() {
        let Selector::Key(wanted) = selector else { continue };
        let number = match section {
            "" => wanted.matches(key),
            section => wanted.matches(&format!("{section}/{key}")),
        };
        if let Some(number) = number {
            let value = value.trim().to_owned();
            found.parts.push((part, before.saturating_add(number), value));
        }
    }
}
