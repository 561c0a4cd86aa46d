//! `key=value&key=value` in percent-encoding, where a `+` is a blank: a form, or one in each line.

use percent_encoding::percent_decode_str;

use super::{Found, Unreadable};
use crate::catalogue::Selector;

/// The last of several equal keys counts.
pub(super) fn read(text: &str, found: &mut Found<'_>) -> Result<(), Unreadable> {
    if text.contains('\0') || text.trim().is_empty() {
        return Err(Unreadable::NotText);
    }
    for form in text.lines() {
        let fields: Vec<(&str, String)> = form
            .split('&')
            .filter_map(|one| one.split_once('='))
            .map(|(key, value)| (key, decoded(value)))
            .collect();
        for (part, before, selector) in found.selectors() {
            let Selector::Field(wanted) = selector else { continue };
            let fields = || fields.iter().map(|(key, value)| (*key, value.as_str()));
            for (key, value) in fields() {
                if let Some(number) = wanted.matches(key, fields()) {
                    let line = before.saturating_add(number);
                    found.parts.push((part, line, value.to_owned()));
                }
            }
        }
    }
    Ok(())
}

fn decoded(value: &str) -> String {
    let value = value.replace('+', " ");
    percent_decode_str(&value).decode_utf8_lossy().into_owned()
}
