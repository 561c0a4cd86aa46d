//! The target of a request that was kept, shown without what may be secret in it.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Serialize, Serializer};

use crate::domain::settings::HIDDEN;
use crate::domain::{Mac, with_hidden_shown};

/// Path and query as received. Shown, printed and written out, every value of the query but
/// a MAC under a name that says so is hidden: phones and their makers' portals put logins and
/// tokens there, and twelve hex digits may be one. So is an element of the path that may be a
/// token, whether it is one of today or not; and a character that is not seen is `%XX`.
#[derive(Clone, PartialEq, Eq)]
pub struct LoggedTarget(String);

impl LoggedTarget {
    /// Longer targets are cut: the beginning says enough.
    const MAX: usize = 256;

    /// Cut to 256 bytes.
    #[must_use]
    pub fn new(mut target: String) -> LoggedTarget {
        if target.len() > LoggedTarget::MAX {
            target.truncate(target.floor_char_boundary(LoggedTarget::MAX));
            target.shrink_to_fit();
        }
        LoggedTarget(target)
    }

    /// Whether something of it may be missing here.
    pub(super) fn may_be_cut(&self) -> bool {
        // A character has up to four bytes.
        self.0.len() + 3 >= LoggedTarget::MAX
    }

    /// The target as it was received, to be read by the catalogue and not to be shown.
    #[must_use]
    pub fn unredacted(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LoggedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = |found: &str| utf8_percent_encode(found, NON_ALPHANUMERIC).to_string();
        let shown = with_hidden_shown(&self.0, escaped);
        let (path, query) = match shown.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&*shown, None),
        };
        for (at, element) in path.split('/').enumerate() {
            let before = if at == 0 { "" } else { "/" };
            write!(f, "{before}{}", if may_be_token(element) { HIDDEN } else { element })?;
        }
        let Some(query) = query else { return Ok(()) };
        f.write_str("?")?;
        for part in query.split_inclusive(['&', ';']) {
            let (pair, separator) = match part.strip_suffix(['&', ';']) {
                Some(pair) => (pair, &part[pair.len()..]),
                None => (part, ""),
            };
            let (name, value) = pair.split_at(pair.find('=').map_or(0, |at| at + 1));
            let says_mac = name.to_ascii_lowercase().contains("mac");
            let is_public = value.is_empty() || (says_mac && value.parse::<Mac>().is_ok());
            write!(f, "{name}{}{separator}", if is_public { value } else { HIDDEN })?;
        }
        Ok(())
    }
}

/// Whether something in it has the form of a [`UrlToken`](crate::domain::admission::UrlToken), also
/// with a part missing or too many, and however it is escaped.
fn may_be_token(element: &str) -> bool {
    let is_its = |c: char| c.is_ascii_alphabetic() || matches!(c, '2'..='7');
    let decoded = percent_decode_str(element).decode_utf8_lossy();
    decoded.split(|c| !is_its(c)).any(|run| run.len() >= 26)
}

impl fmt::Debug for LoggedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

impl Serialize for LoggedTarget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_query_are_hidden_but_macs() {
        for (target, shown) in [
            ("/001565123456.cfg", "/001565123456.cfg"),
            ("/a.php?mac=00:15:65:12:34:56", "/a.php?mac=00:15:65:12:34:56"),
            ("/a.php?MAC=001565123456&password=x", "/a.php?MAC=001565123456&password=***"),
            ("/a?user=a;token=b?c=d&", "/a?user=***;token=***&"),
            ("/a?mac=secret&&x=", "/a?mac=***&&x="),
            ("/a?secret", "/a?***"),
            ("/a?001565123456", "/a?***"),
            ("/a?token=001565123456&deviceMac=001565123456", "/a?token=***&deviceMac=001565123456"),
            ("/a?=secret", "/a?=***"),
            ("/a?", "/a?"),
            ("/p/abcdefghijklmnopqrstuvwxyz234567/001565123456.cfg", "/p/***/001565123456.cfg"),
            ("/abcdefghijklmnopqrstuvwxyz234567", "/***"),
            ("/%61bcdefghijklmnopqrstuvwxyz23456%37/001565123456.cfg", "/***/001565123456.cfg"),
            ("/p%2Fabcdefghijklmnopqrstuvwxyz234567%2f/a", "/***/a"),
            ("/abcdefghijklmnopqrstuvwxyz234567/001565123456.cfg", "/***/001565123456.cfg"),
            ("/ABCDEFGHIJKLMNOPQRSTUVWXYZ234567/?x", "/***/?***"),
            ("/a\u{202e}gfc.cfg", "/a%E2%80%AEgfc.cfg"),
        ] {
            let kept = LoggedTarget::new(target.to_owned());
            assert_eq!(kept.to_string(), shown);
            assert_eq!(format!("{kept:?}"), format!("{shown:?}"));
            assert_eq!(serde_json::to_value(&kept).unwrap(), shown);
            assert_eq!(kept.unredacted(), target);
        }
    }

    #[test]
    fn a_long_target_is_cut_between_characters() {
        let kept = LoggedTarget::new(format!("/{}\u{fc}", "a".repeat(254)));
        assert_eq!(kept.unredacted().len(), 255);
    }
}
