//! What a phone surely asks for next when it is refused a file.

use super::definition::BootName;

/// The names with a MAC that may be refused in a normal boot, and behind which stands another
/// with it that may not: a phone that asks for one of them goes on to the other. After what may not
/// be refused a boot may end, and what may be refused as well, not every phone asks for.
pub(super) fn followed(boot: &[BootName]) -> Vec<String> {
    let names = boot.iter().filter_map(|name| Some((name.get.as_deref()?, name.optional)));
    let names: Vec<(&str, bool)> =
        names.filter(|(path, _)| path.to_ascii_lowercase().contains("{mac")).collect();
    let is_followed = |at: usize| {
        let (path, optional) = names[at];
        optional && names[at + 1..].iter().any(|&(other, optional)| !optional && other != path)
    };
    let found = (0..names.len()).filter(|&at| is_followed(at));
    found.map(|at| names[at].0.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_refused_is_followed_by_what_may_not() {
        let name = |path: &str, optional| BootName { get: Some(path.to_owned()), optional };
        let yealink = [
            name("{mac}.boot", true),
            name("y000000000000.boot", true),
            name("{mac}.cfg", false),
            name("{mac}-local.cfg", true),
        ];
        assert_eq!(followed(&yealink), ["{mac}.boot"]);
        assert!(followed(&yealink[2..]).is_empty());
        assert!(followed(&[name("{MAC}.cfg", true), name("{MAC}.cfg", false)]).is_empty());
    }
}
