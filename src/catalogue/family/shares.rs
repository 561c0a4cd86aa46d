//! Templates that a family has from another's folder: `[shares]` of `family.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::source::{Files, Folders};

/// The names of templates by the family that they are from.
#[derive(Debug, Default, Deserialize)]
struct Shares {
    #[serde(default)]
    shares: BTreeMap<String, Vec<String>>,
}

/// Gives each family the templates that it shares, as if they lay in its own folder, where those
/// of its own count. They are from one of `folders`, or else from one of `others`, and lie there
/// themselves. What cannot be had stays away: who loads the family names it.
pub(super) fn resolve(folders: &mut Folders, others: &Folders) {
    let mut additions = Vec::new();
    for (family, files) in &*folders {
        for (from, names) in shares(files) {
            let Some(source) = folders.get(&from).or_else(|| others.get(&from)) else { continue };
            for name in names.into_iter().filter(|name| !files.contains_key(name)) {
                if let Some(text) = source.get(&name) {
                    additions.push((family.clone(), name, text.clone()));
                }
            }
        }
    }
    for (family, name, text) in additions {
        folders.entry(family).or_default().insert(name, text);
    }
}

fn shares(files: &Files) -> BTreeMap<String, Vec<String>> {
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
    fn a_family_has_what_it_shares_unless_it_has_its_own() {
        let mut own = folders(&[
            ("acme", &[("family.toml", SHARING), ("b.j2", "acme's")]),
            ("base", &[("a.j2", "base's"), ("b.j2", "base's"), ("d.j2", "base's")]),
        ]);
        resolve(&mut own, &Folders::new());
        let names: Vec<&str> = own["acme"].keys().map(String::as_str).collect();
        assert_eq!(names, ["a.j2", "b.j2", "family.toml"]);
        assert_eq!((&*own["acme"]["a.j2"], &*own["acme"]["b.j2"]), ("base's", "acme's"));
    }

    #[test]
    fn the_nearest_family_of_that_name_counts_and_one_step_is_gone() {
        let others = folders(&[("base", &[("a.j2", "built in"), ("c.j2", "built in")])]);
        let sharing = "[shares]\nbase = [\"a.j2\"]\n";
        let mut own = folders(&[("acme", &[("family.toml", sharing)])]);
        resolve(&mut own, &others);
        assert_eq!(own["acme"]["a.j2"], "built in");
        let chained = "[shares]\nacme = [\"a.j2\"]\n";
        let mut own = folders(&[
            ("acme", &[("family.toml", sharing)]),
            ("base", &[("a.j2", "the operator's")]),
            ("third", &[("family.toml", chained)]),
        ]);
        resolve(&mut own, &others);
        assert_eq!(own["acme"]["a.j2"], "the operator's");
        assert!(!own["third"].contains_key("a.j2"), "it lies in no folder of acme's");
    }

    #[test]
    fn no_built_in_family_shares_what_it_has() {
        for (family, files) in super::super::source::built_in_as_written() {
            for (from, names) in shares(&files) {
                for name in names {
                    assert!(!files.contains_key(&name), "{family} has {name} and that of {from}");
                }
            }
        }
    }
}
