//! What may come from anywhere, shown in a terminal: nothing of it steers that.

/// Control characters, and what turns the direction of writing, as escapes:
/// User-Agents and names come from anywhere.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether a terminal does something else with it than showing it.
#[must_use]
pub fn steers(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns
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
    }
}
