//! What holds of whatever is kept of a request.

use super::LoggedTarget;
use crate::catalogue::Target;
use crate::domain::steers;

/// A target that is shown steers nothing, and has nothing of a token in it that makes the rest
/// easy to guess.
pub(crate) fn logged_target(raw: &[u8]) {
    let Ok(raw) = str::from_utf8(raw) else { return };
    let shown = LoggedTarget::new(raw.to_owned()).to_string();
    assert!(!shown.chars().any(steers), "{shown:?}");
    if let Some(token) = Target::parse(raw).token {
        let token = token.expose();
        let has_part = (0..=token.len() - 26).any(|at| shown.contains(&token[at..at + 26]));
        assert!(!has_part, "{raw:?}: {shown:?}");
    }
}
