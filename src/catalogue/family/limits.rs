//! Rows of `[limits]` that could never say anything, which their writer meant otherwise.

use super::definition::{ALL_TEXTS, Limit};
use crate::catalogue::render::coverage::kind_of;
use crate::domain::settings::schema::Kind;

/// What is wrong with the row of a setting that there is.
pub(super) fn problem(path: &str, limit: &Limit) -> Option<String> {
    let of_texts = limit.min > 0 || !limit.without.is_empty() || !limit.not.is_empty();
    let of_lists = limit.characters.is_some();
    let said = |what: &str| Some(format!("`{path}` {what}"));
    if !of_texts && !of_lists && limit.max == usize::MAX {
        return said("limits nothing: say `max`, `min`, `without`, `not` or `characters`");
    }
    if limit.min > limit.max {
        return said("takes nothing: its `min` is over its `max`");
    }
    match kind_of(path) {
        _ if path == ALL_TEXTS => {}
        Some(
            Kind::Bool
            | Kind::Integer { .. }
            | Kind::Choice(_)
            | Kind::Group(_)
            | Kind::Numbered { .. }
            | Kind::Vendor,
        )
        | None => return said("is no text and no list"),
        Some(Kind::List { .. }) => {
            return if of_texts {
                said("is a list: it takes `max` and `characters`")
            } else {
                None
            };
        }
        Some(_) => {}
    }
    if of_lists {
        said("is no list: `characters` are of the entries of one together")
    } else {
        None
    }
}
