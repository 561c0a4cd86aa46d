//! Templates that a family has from another's folder: `[shares]` of `family.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::problem::line_at;
use super::source::{Files, Folders, MAX_FILES};

/// The names of templates by the family that they are from.
#[derive(Debug, Default, Deserialize)]
struct Shares {
    #[serde(default)]
    shares: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
}

/// Bytes that all families of a folder may have of others together: a hundred times what the
/// built-in ones have.
const MAX_BYTES: usize = 16 << 20;

/// What is wrong with the `[shares]` of a family.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub family: String,
    /// In its `family.toml`.
    pub line: usize,
    pub message: String,
}

/// Gives each family the templates that it shares, as if they lay in its own folder. They are from
/// one of `folders`, or else from one of `others`, and lie there themselves. A template that is
/// not there stays away: who loads the family names it.
///
/// # Errors
/// A family that is not there, a name that is there already, or more than the bounds allow; then
/// nothing is shared.
pub(super) fn resolve(folders: &mut Folders, others: &Folders) -> Result<(), Fault> {
    let mut additions = Vec::new();
    let mut taken = BTreeSet::new();
    let mut files_left = MAX_FILES.saturating_sub(folders.values().map(Files::len).sum());
    let mut bytes_left = MAX_BYTES;
    for (family, files) in &*folders {
        for (from, names) in shares(files) {
            let fault = |at: Range<usize>, message: String| Fault {
                family: family.clone(),
                line: line_at(&files["family.toml"], at.start),
                message: format!("shares: {message}"),
            };
            let source = folders.get(from.get_ref()).or_else(|| others.get(from.get_ref()));
            let source = source.filter(|_| from.get_ref() != family).ok_or_else(|| {
                fault(from.span(), format!("there is no other family `{}`", from.get_ref()))
            })?;
            for name in names {
                let (at, name) = (name.span(), name.into_inner());
                if files.contains_key(&name) {
                    let message = format!("the family has a `{name}` of its own; leave one out");
                    return Err(fault(at, message));
                }
                if !taken.insert((family, name.clone())) {
                    return Err(fault(at, format!("`{name}` is there twice")));
                }
                let Some(text) = source.get(&name) else { continue };
                let left = files_left.checked_sub(1).zip(bytes_left.checked_sub(text.len()));
                (files_left, bytes_left) = left.ok_or_else(|| {
                    let message = format!(
                        "with `{name}`, the families have more than {MAX_BYTES} bytes of others, or \
                         more than {MAX_FILES} files"
                    );
                    fault(at, message)
                })?;
                additions.push((family.clone(), name, text));
            }
        }
    }
    let additions: Vec<_> =
        additions.into_iter().map(|(family, name, text)| (family, name, text.clone())).collect();
    for (family, name, text) in additions {
        folders.entry(family).or_default().insert(name, text);
    }
    Ok(())
}

fn shares(files: &Files) -> BTreeMap<Spanned<String>, Vec<Spanned<String>>> {
    // Few have any, and the whole file is read again for it.
    let text = files.get("family.toml").filter(|text| text.contains("shares"));
    let read = text.and_then(|text| toml::from_str::<Shares>(text).ok());
    read.unwrap_or_default().shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(families: &[(&str, &[(&str, &str)])]) -> Folders {
        let files = |files: &[(&str, &str)]| -> Files {
            files.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect()
        };
        families.iter().map(|&(family, own)| (family.to_owned(), files(own))).collect()
    }

    const SHARING: &str = "vendor = \"Acme\"\n[shares]\nbase = [\"a.j2\", \"b.j2\", \"c.j2\"]\n";

    #[test]
    fn a_family_has_what_it_shares() {
        let mut own = folders(&[
            ("acme", &[("family.toml", SHARING)]),
            ("base", &[("a.j2", "base's"), ("b.j2", "base's"), ("d.j2", "base's")]),
        ]);
        assert_eq!(resolve(&mut own, &Folders::new()), Ok(()));
        let names: Vec<&str> = own["acme"].keys().map(String::as_str).collect();
        assert_eq!(names, ["a.j2", "b.j2", "family.toml"]);
        assert_eq!(own["acme"]["a.j2"], "base's");
    }

    #[test]
    fn what_is_shared_in_vain_is_told_with_its_line() {
        for (shares, line, message) in [
            ("base = [\"a.j2\",\n\"a.j2\"]", 4, "`a.j2` is there twice"),
            ("base = [\"a.j2\"]\nother = [\"a.j2\"]", 4, "`a.j2` is there twice"),
            ("base = [\"own.j2\"]", 3, "the family has a `own.j2` of its own; leave one out"),
            ("base = [\"a.j2\"]\nnope = [\"b.j2\"]", 4, "there is no other family `nope`"),
            ("acme = [\"own.j2\"]", 3, "there is no other family `acme`"),
        ] {
            let text = format!("vendor = \"Acme\"\n[shares]\n{shares}\n");
            let files = [("family.toml", text.as_str()), ("own.j2", "acme's")];
            let base: &[(&str, &str)] = &[("a.j2", "base's"), ("own.j2", "base's")];
            let mut own = folders(&[("acme", &files), ("base", base), ("other", base)]);
            let before = own.clone();
            let fault = resolve(&mut own, &Folders::new()).unwrap_err();
            assert_eq!((fault.line, fault.message), (line, format!("shares: {message}")));
            assert_eq!(own, before);
        }
    }

    #[test]
    fn families_share_no_more_than_so_much() {
        let large = "x".repeat(1 << 20);
        let names: Vec<String> = (0..17).map(|at| format!("{at}.j2")).collect();
        let base: Vec<(&str, &str)> =
            names.iter().map(|name| (name.as_str(), large.as_str())).collect();
        for (count, is_ok) in [(16, true), (17, false)] {
            let text = format!("[shares]\nbase = {:?}\n", &names[..count]);
            let mut own = folders(&[("acme", &[("family.toml", &text)]), ("base", &base)]);
            assert_eq!(resolve(&mut own, &Folders::new()).is_ok(), is_ok, "{count}");
        }
    }

    #[test]
    fn the_nearest_family_of_that_name_counts_and_one_step_is_gone() {
        let others = folders(&[("base", &[("a.j2", "built in"), ("c.j2", "built in")])]);
        let sharing = "[shares]\nbase = [\"a.j2\"]\n";
        let mut own = folders(&[("acme", &[("family.toml", sharing)])]);
        resolve(&mut own, &others).unwrap();
        assert_eq!(own["acme"]["a.j2"], "built in");
        let chained = "[shares]\nacme = [\"a.j2\"]\n";
        let mut own = folders(&[
            ("acme", &[("family.toml", sharing)]),
            ("base", &[("a.j2", "the operator's")]),
            ("third", &[("family.toml", chained)]),
        ]);
        resolve(&mut own, &others).unwrap();
        assert_eq!(own["acme"]["a.j2"], "the operator's");
        assert!(!own["third"].contains_key("a.j2"), "it lies in no folder of acme's");
    }
}
