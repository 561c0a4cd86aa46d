//! A request's target, made comparable: decoded once, cleaned, inside its root.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;

use crate::domain::admission::UrlToken;

/// Path and query of a request as path patterns see them.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Decoded; begins with `/`; no empty, `.` or `..` segments, no control characters.
    pub path: String,
    /// Decoded pairs in order.
    pub query: Vec<(String, String)>,
    /// The first element of the path that is a token, which is none of it any more.
    pub token: Option<UrlToken>,
}

impl fmt::Debug for Target {
    /// Shows nothing of it: passwords may be in the query, and parts of tokens in the path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").finish_non_exhaustive()
    }
}

/// More arguments than any handset sends; the rest is not looked at.
const MAX_ARGUMENTS: usize = 16;

impl Target {
    /// Never fails: whatever a handset sent becomes some clean path. `..` steps
    /// up but never above the root, as Gigaset's `/42/2/../../sifs/` needs.
    #[must_use]
    pub fn parse(raw: &str) -> Target {
        let (path, query) = raw.split_once('?').unwrap_or((raw, ""));
        let mut segments: Vec<Cow<'_, str>> = Vec::new();
        for segment in path.split('/') {
            let segment = decode(segment, false);
            match segment.as_ref() {
                "" | "." => {}
                ".." => {
                    segments.pop();
                }
                _ => segments.push(segment),
            }
        }
        // The last is the name of a file, which may look like one.
        let before_last = &segments[..segments.len().saturating_sub(1)];
        let at = before_last.iter().position(|segment| segment.parse::<UrlToken>().is_ok());
        let token = at.and_then(|at| segments.remove(at).parse().ok());
        let mut clean = String::with_capacity(path.len() + 1);
        for segment in &segments {
            clean.push('/');
            // A slash that came percent-encoded is not a separator, and nothing
            // that prints the path later may be steered by control characters.
            clean.extend(
                segment.chars().map(|c| if c == '/' || c.is_control() { '\u{fffd}' } else { c }),
            );
        }
        if clean.is_empty() {
            clean.push('/');
        }
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .take(MAX_ARGUMENTS)
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name, true).into_owned(), decode(value, true).into_owned())
            })
            .collect();
        Target { path: clean, query, token }
    }

    /// The first value of the argument, its name compared without regard to case.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// What follows the last `/`.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// Percent-decoding; what is not a valid escape stays as it is, what is not
/// UTF-8 is replaced. In a query `+` is a space.
fn decode(text: &str, form: bool) -> Cow<'_, str> {
    if form && text.contains('+') {
        let spaced = text.replace('+', " ");
        return percent_decode_str(&spaced).decode_utf8_lossy().into_owned().into();
    }
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_cleaned_and_stay_inside_the_root() {
        for (raw, path) in [
            ("/0004f2aa0335.cfg", "/0004f2aa0335.cfg"),
            ("//prov//acme/./a.cfg", "/prov/acme/a.cfg"),
            ("/42/2/../../sifs/x.bin", "/sifs/x.bin"),
            ("/../../etc/passwd", "/etc/passwd"),
            ("/%2e%2e/%2e%2e/etc/passwd", "/etc/passwd"),
            ("/a%2f..%2fb", "/a\u{fffd}..\u{fffd}b"),
            ("/00%3A15%3a65.cfg", "/00:15:65.cfg"),
            ("/a%0d%0ab", "/a\u{fffd}\u{fffd}b"),
            ("/%ff", "/\u{fffd}"),
            ("/100%", "/100%"),
            ("", "/"),
            ("?mac=1", "/"),
        ] {
            assert_eq!(Target::parse(raw).path, path, "{raw}");
        }
    }

    #[test]
    fn arguments_are_decoded_and_found_in_any_case() {
        let target = Target::parse("/snom.php?type=s190a&MAC=00%3A04%3A13%3A24%3A11%3A22&x=a+b");
        assert_eq!(target.argument("mac"), Some("00:04:13:24:11:22"));
        assert_eq!(target.argument("x"), Some("a b"));
        assert_eq!(target.argument("y"), None);
        assert_eq!(target.file_name(), "snom.php");
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_clean_path(raw in ".{0,80}") {
            crate::catalogue::laws::target(raw.as_bytes());
        }
    }
}
