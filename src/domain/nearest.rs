//! The name that somebody who mistyped one may have meant.

/// The one of `names` that is most like `wrong`, if one is like it enough.
#[must_use]
pub fn nearest<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // As the command line's own parser judges it.
    const ENOUGH: f64 = 0.8;
    let rated = names.map(|name| (strsim::jaro(wrong, name), name));
    let best = rated.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness > ENOUGH).map(|(_, name)| name)
}

/// What is said of it after a message: `; did you mean yealink?`, or nothing.
#[must_use]
pub fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_alike_is_near() {
        let names = || ["snom", "yealink", "polycom"].into_iter();
        assert_eq!(nearest("yealin", names()), Some("yealink"));
        assert_eq!(nearest("acme", names()), None);
    }
}
