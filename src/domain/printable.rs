//! What may come from anywhere, shown in a terminal: nothing of it steers that.

use super::hidden::{hidden_char, with_hidden_shown};

/// Controls, and all else that [`hidden_char`] finds, as escapes: User-Agents and
/// names come from anywhere, and what turns the direction of writing or has no width makes another
/// name of one.
#[must_use]
pub fn printable(text: &str) -> String {
    let escaped = |found: &str| found.chars().map(|c| c.escape_unicode().to_string()).collect();
    with_hidden_shown(text, escaped).into_owned()
}

/// Whether [`printable`] escapes it wherever it stands.
#[must_use]
pub fn steers(c: char) -> bool {
    hidden_char(c.encode_utf8(&mut [0; 4])).is_some()
}

/// Does as [`printable`], for a text that may have several lines: their breaks stay, and tabs.
#[must_use]
pub fn printable_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut shown = String::with_capacity(text.len());
    for part in text.split_inclusive(['\n', '\t']) {
        let end = part.len() - usize::from(part.ends_with(['\n', '\t']));
        shown.push_str(&printable(&part[..end]));
        shown.push_str(&part[end..]);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_and_nothing_steers() {
        assert_eq!(printable_lines("a\tb\u{9b}\r\n\nc\rd\r"), "a\tb\\u{9b}\n\nc\\u{d}d\\u{d}");
        assert_eq!(printable("\u{1b}[31m\u{202e}\nb"), "\\u{1b}[31m\\u{202e}\\u{a}b");
        assert_eq!(printable("a\u{200b}\u{61c}\u{e0041}b"), "a\\u{200b}\\u{61c}\\u{e0041}b");
        assert_eq!(
            printable(&format!("a{}", "\u{301}".repeat(9))),
            "a".to_owned() + &"\\u{301}".repeat(9)
        );
        assert_eq!(printable("Büro می‌خواهم"), "Büro می‌خواهم");
    }
}
