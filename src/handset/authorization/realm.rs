//! What credentials are for, as a challenge says it.

/// The realm of all challenges. Phones keep it with what was typed in (Avaya) and ask again when it
/// is another one: it never changes by itself, nor with whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realm(String);

impl Realm {
    /// The longest one; Avaya's and others show it on a display.
    pub const MAX: usize = 64;

    /// A realm; `None` of what is no printable ASCII, is empty, or has a quote or a backslash, which
    /// some clients do not read.
    #[must_use]
    pub fn new(text: &str) -> Option<Realm> {
        let is_plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        let fits = (1..=Realm::MAX).contains(&text.len()) && text.bytes().all(is_plain);
        fits.then(|| Realm(text.to_owned()))
    }

    /// The realm as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Realm {
    fn default() -> Realm {
        Realm("provisioning".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_is_what_every_client_reads() {
        for text in ["provisioning", "Acme phones, 2nd floor", &"a".repeat(64)] {
            assert_eq!(Realm::new(text).unwrap().as_str(), text);
        }
        for text in ["", "a\"b", "a\\b", "b\u{fc}ro", "a\nb", &"a".repeat(65)] {
            assert!(Realm::new(text).is_none(), "{text}");
        }
    }
}
