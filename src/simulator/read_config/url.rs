//! `key=value&key=value` in percent-encoding, where a `+` is a blank.

use percent_encoding::percent_decode_str;

use super::{Found, Unreadable};
use crate::catalogue::Selector;

/// The last of several equal keys counts.
pub(super) fn read(text: &str, found: &mut Found<'_>) -> Result<(), Unreadable> {
    if text.contains('\0') || text.trim().is_empty() {
        return Err(Unreadable::NotText);
    }
    for (key, value) in text.split('&').filter_map(|one| one.split_once('=')) {
        let value = value.replace('+', " ");
        let value = percent_decode_str(&value).decode_utf8_lossy().into_owned();
        for (part, before, selector) in found.selectors() {
            let Selector::Key(wanted) = selector else { continue };
            if let Some(number) = wanted.matches(key) {
                found.parts.push((part, before.saturating_add(number), value.clone()));
            }
        }
    }
    Ok(())
}
