//! What a phone surely asks for next when it is refused a file.

/// The names with a MAC that may be refused in a normal boot, and behind which stands another
/// with it that may not: a phone that asks for one of them goes on to the other. After what may not
/// be refused a boot may end, and what may be refused as well, not every phone asks for.
pub(super) fn followed(boot: Option<&toml::Value>) -> Vec<String> {
    let requests = boot.and_then(toml::Value::as_array).into_iter().flatten();
    let names = requests.filter_map(|request| {
        let path =
            ["get", "put", "post"].iter().find_map(|method| request.get(method)?.as_str())?;
        let optional = request.get("optional").and_then(toml::Value::as_bool).unwrap_or_default();
        Some((path, optional))
    });
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

    fn of(boot: &str) -> Vec<String> {
        let family: toml::Table = boot.parse().unwrap();
        followed(family.get("boot"))
    }

    #[test]
    fn what_may_be_refused_is_followed_by_what_may_not() {
        let boot = r#"boot = [
            { get = "{mac}.boot", optional = true }, { get = "y000000000000.boot", optional = true },
            { get = "{mac}.cfg" }, { put = "{mac}-local.cfg", optional = true },
        ]"#;
        assert_eq!(of(boot), ["{mac}.boot"]);
        let without = boot.replace(r#"{ get = "{mac}.boot", optional = true },"#, "");
        assert!(of(&without).is_empty());
        assert!(
            of(r#"boot = [{ get = "{MAC}.cfg", optional = true }, { get = "{MAC}.cfg" }]"#)
                .is_empty()
        );
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for boot in ["", "boot = 1", "boot = [1]", "boot = [{ get = 1, optional = 2 }]"] {
            assert!(of(boot).is_empty(), "{boot}");
        }
    }
}
