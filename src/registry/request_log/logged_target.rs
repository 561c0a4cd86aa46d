//! The target of a request that was kept, shown without what may be secret in it.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Serialize, Serializer};

use crate::domain::settings::HIDDEN;
use crate::domain::{Mac, with_hidden_shown};

/// Path and query as received. Shown, printed and written out, every value of the query but
/// a MAC under a name that says so is hidden: phones and their makers' portals put logins and
/// tokens there, and twelve hex digits may be one. So is whatever else may be a token, whether it is
/// one of today or not; and a character that is not seen is `%XX`.
#[derive(Clone, PartialEq, Eq)]
pub struct LoggedTarget {
    received: String,
    is_cut: bool,
}

impl LoggedTarget {
    /// Longer targets are cut: the beginning says enough.
    const MAX: usize = 256;

    /// Cut to 256 bytes. What may be a token and would be cut in two is left out: a part of it would
    /// not be known for one.
    #[must_use]
    pub fn new(mut received: String) -> LoggedTarget {
        let is_cut = received.len() > LoggedTarget::MAX;
        if is_cut {
            received.truncate(LoggedTarget::end(&received));
            received.shrink_to_fit();
        }
        LoggedTarget { received, is_cut }
    }

    /// Where one is cut that is too long.
    fn end(received: &str) -> usize {
        let end = received.floor_char_boundary(LoggedTarget::MAX);
        let start = received[..end].rfind(is_separator).map_or(0, |at| at + 1);
        let rest = &received[start..];
        let whole = rest.split(is_separator).next().unwrap_or(rest);
        if may_be_token(whole) { start } else { end }
    }

    /// Whether something of it is missing here.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The target as it was received, to be read by the catalogue and not to be shown.
    #[must_use]
    pub fn unredacted(&self) -> &str {
        &self.received
    }
}

/// What stands between the elements of a path, and between the names and values of a query.
fn is_separator(c: char) -> bool {
    matches!(c, '/' | '?' | '&' | ';' | '=')
}

impl fmt::Display for LoggedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = |found: &str| utf8_percent_encode(found, NON_ALPHANUMERIC).to_string();
        let shown = with_hidden_shown(&self.received, escaped);
        let (path, query) = match shown.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&*shown, None),
        };
        for part in path.split_inclusive('/') {
            let element = part.strip_suffix('/').unwrap_or(part);
            let shown = if may_be_token(element) { HIDDEN } else { element };
            write!(f, "{shown}{}", &part[element.len()..])?;
        }
        let Some(query) = query else { return Ok(()) };
        f.write_str("?")?;
        for part in query.split_inclusive(['&', ';']) {
            let (pair, separator) = match part.strip_suffix(['&', ';']) {
                Some(pair) => (pair, &part[pair.len()..]),
                None => (part, ""),
            };
            // Without a name all of it is a value.
            let (name, value) = pair.split_at(pair.find('=').map_or(0, |at| at + 1));
            let says_mac = name.to_ascii_lowercase().contains("mac");
            let is_public = value.is_empty() || (says_mac && value.parse::<Mac>().is_ok());
            match may_be_token(name) {
                true => write!(f, "{HIDDEN}=")?,
                false => f.write_str(name)?,
            }
            write!(f, "{}{separator}", if is_public { value } else { HIDDEN })?;
        }
        Ok(())
    }
}

/// Whether something in it has the form of a [`UrlToken`](crate::domain::admission::UrlToken), also
/// with a part missing or too many, however often it is escaped, and with what is not seen in it, as
/// what was copied from a document has.
fn may_be_token(element: &str) -> bool {
    let is_its = |c: char| c.is_ascii_alphabetic() || matches!(c, '2'..='7');
    let mut plain = element.to_owned();
    for _ in 0..MOST_ESCAPES {
        let seen = with_hidden_shown(&plain, |_| String::new());
        if seen.split(|c| !is_its(c)).any(|run| run.len() >= SHORTEST_TOKEN) {
            return true;
        }
        let decoded = percent_decode_str(&seen).decode_utf8_lossy().into_owned();
        if decoded == plain {
            return false;
        }
        plain = decoded;
    }
    true
}

/// A token has 32 characters; what six more are can be tried.
const SHORTEST_TOKEN: usize = 26;
/// What is escaped more often than anybody's proxies do may be anything.
const MOST_ESCAPES: usize = 4;

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
            ("/%2561%2562cdefghijklmnopqrstuvwxyz234567/a", "/***/a"),
            ("/abcdefghijklmnop\u{ad}qrstuvwxyz234567/a", "/***/a"),
            ("/abcdefghijklmnop%E2%80%8Bqrstuvwxyz234567/a", "/***/a"),
            ("/%252525252525252561/a", "/***/a"),
            ("/a?abcdefghijklmnopqrstuvwxyz234567=1&b=2", "/a?***=***&b=***"),
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
        let kept = LoggedTarget::new(format!("/{}\u{fc}", "1".repeat(254)));
        assert_eq!(kept.unredacted().len(), 255);
        assert!(kept.is_cut());
        let kept = LoggedTarget::new("1".repeat(256));
        assert_eq!((kept.unredacted().len(), kept.is_cut()), (256, false));
    }

    #[test]
    fn a_token_that_is_cut_is_not_shown_in_part() {
        let token = "abcdefghijklmnopqrstuvwxyz234567";
        let escaped = token.replace('c', "%63").replace('x', "%78");
        let twice = escaped.replace('%', "%25");
        for written in [token, &escaped, &twice, &format!("a.b%2f{token}"), &format!("x;{token}")] {
            for before in 200..260 {
                for between in ["/", "?", "?a=1&", "?a=1;"] {
                    let start = format!("/{}{between}", "1".repeat(before));
                    let kept = LoggedTarget::new(format!("{start}{written}/{}", "1".repeat(99)));
                    let shown = kept.to_string();
                    assert!(!shown.contains("def"), "{before} {between} {written}: {shown}");
                    assert!(kept.is_cut() && shown.starts_with("/111"), "{shown}");
                }
            }
        }
        // Nothing else is left out.
        let kept = LoggedTarget::new(format!("/{}/phone-{}.cfg", "1".repeat(240), "1".repeat(40)));
        assert_eq!(kept.to_string().len(), 256);
    }
}
