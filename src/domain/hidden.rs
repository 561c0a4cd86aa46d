//! Characters that a reader does not see, or that make something else of what is read.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Controls (C0, DEL, C1); format characters, among which are those that turn the direction of
/// writing, join and separate without a width, or tag; the Unicode ends of lines and paragraphs
/// (Unicode 16, general categories Cc, Cf, Zl, Zp); and the two that XML 1.0 section 2.2 does not
/// have; the Hangul fillers, which are letters without ink; and more than eight combining marks on
/// one character, which no script stacks and which cover the lines around. Not the two joiners,
/// without which Persian and the languages of India are misspelt.
static HIDDEN: LazyLock<Regex> = LazyLock::new(|| {
    let class = concat!(
        r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u{115F}\u{1160}\u{3164}\u{FFA0}\u{FFFE}\u{FFFF}",
        r"--[\u{200C}\u{200D}]]|\p{M}[\p{M}\u{200C}\u{200D}]{8}"
    );
    Regex::new(class).expect("the class is well formed")
});

/// The first character that must not be in what operators name, label or type for others to read:
/// two names would look alike, a label would read as another, a value would end its line.
#[must_use]
pub fn hidden_char(text: &str) -> Option<char> {
    HIDDEN.find(text)?.as_str().chars().next()
}

/// What came from anybody, for others to read: whatever of it would not be seen as it is stands as
/// `shown` says. Nothing is done for what has nothing such.
#[must_use]
pub fn with_hidden_shown(text: &str, shown: impl Fn(&str) -> String) -> Cow<'_, str> {
    // Controls apart, ASCII hides nothing.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    HIDDEN.replace_all(text, |found: &Captures<'_>| shown(&found[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_as_it_reads() {
        for c in [
            '\0',
            '\n',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{fffb}',
            '\u{fffe}',
            '\u{ffff}',
            '\u{e0041}',
            '\u{115f}',
            '\u{1160}',
            '\u{3164}',
            '\u{ffa0}',
        ] {
            assert_eq!(hidden_char(&format!("a{c}b")), Some(c), "{c:?}");
        }
        let marked = |count| format!("a{}", "\u{301}".repeat(count));
        assert_eq!(hidden_char(&marked(20)), Some('\u{301}'));
        assert_eq!(hidden_char(&marked(8)), None);
        for text in ["Büro 2.", "מזכירה", "می‌خواهم", "क्‍ष", "電話", "café", "a\u{a0}b", "☎ 5", ""]
        {
            assert_eq!(hidden_char(text), None, "{text}");
        }
    }
}
