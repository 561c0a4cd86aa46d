//! The tables of families in docs/phones.md and of makers in README.md, as the built-in families
//! make them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Catalogue, Family, FileSpec, GENERIC, PhoneType, Scope, Sources};
use crate::documented::assert_table;

/// What the first sentence of a `family.toml` says that its phones are.
fn introduction(family: &str, text: &str) -> String {
    let comment = text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
    let paragraph: Vec<_> = comment.take_while(|line| !line.is_empty()).collect();
    assert!(!paragraph.is_empty(), "{family}/family.toml does not begin with what its phones are");
    let paragraph = paragraph.join(" ");
    let end = paragraph.find(". ").unwrap_or(paragraph.len());
    paragraph[..end].trim_end_matches('.').to_owned()
}

/// Whether a file of the family is written here; the names of the others are only known.
fn gets_files(family: &Family) -> bool {
    family.files.iter().any(|file| file.template.is_some())
}

/// What operators have to know of types before they promote one, each said once.
fn notices<'a>(types: &[&'a PhoneType]) -> BTreeMap<&'a str, Vec<String>> {
    let mut notices: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for phone_type in types {
        if let Some(notice) = &phone_type.notice {
            notices.entry(notice).or_default().push(format!("`{}`", phone_type.key));
        }
    }
    notices
}

/// A row for each family, those with the most types first.
fn families(catalogue: &Catalogue) -> String {
    let mut rows = Vec::new();
    for (place, family) in catalogue.families().iter().enumerate() {
        let types: Vec<_> = catalogue.types_of(place).collect();
        let mut what = introduction(&family.id, &family.text);
        for (notice, keys) in notices(&types) {
            let whose = if keys.len() == types.len() { "all".to_owned() } else { keys.join(", ") };
            write!(what, ". {whose}: {notice}").expect("a String takes all");
        }
        let is_own = |file: &&FileSpec| file.template.is_some() && file.scope != Scope::Common;
        let own = family.files.iter().filter(is_own).filter(|file| file.sets);
        let files = own.map(|file| format!("`{}`", file.pattern().replace('|', r"\|")));
        let mut files = files.collect::<Vec<_>>().join(", ");
        if !gets_files(family) {
            "none: known and listed only".clone_into(&mut files);
        }
        let (id, maker, count) = (&family.id, &family.vendor, types.len());
        let row = format!("| `{id}` | {maker} | {count} | {what} | {files} |\n");
        rows.push((Reverse(count), row));
    }
    rows.sort();
    let mut table = "| family | maker | types | what | files with its settings |\n".to_owned();
    table.push_str("|---|---|---|---|---|\n");
    for (_, row) in rows {
        table.push_str(&row);
    }
    table
}

/// A row for each maker, by name, with the other names that its phones are sold by.
fn makers(catalogue: &Catalogue) -> String {
    let mut makers: BTreeMap<&str, Maker> = BTreeMap::new();
    let known = catalogue.families().iter().enumerate().filter(|(_, family)| family.id != GENERIC);
    for (place, family) in known {
        let maker = makers.entry(&family.vendor).or_default();
        let none = if gets_files(family) { "" } else { " (gets no file yet)" };
        maker.families.push(format!("`{}`{none}", family.id));
        for phone_type in catalogue.types_of(place) {
            maker.types += 1;
            let name = phone_type.description.split(' ').next().unwrap_or_default();
            if !family.vendor.starts_with(name) {
                maker.names.insert(name.to_owned());
            }
        }
    }
    let mut table = "| maker | families | types |\n|---|---|---|\n".to_owned();
    for (name, maker) in makers {
        let names: Vec<_> = std::iter::once(name.to_owned()).chain(maker.names).collect();
        let (names, families) = (names.join(", "), maker.families.join(", "));
        writeln!(table, "| {names} | {families} | {} |", maker.types).expect("a String takes all");
    }
    table
}

#[derive(Default)]
struct Maker {
    /// The names with which descriptions of its types begin, other than its own.
    names: BTreeSet<String>,
    families: Vec<String>,
    types: usize,
}

/// Write them anew with `UPDATE_MAKERS=1`.
#[test]
fn the_documented_families_and_makers_are_those_of_the_catalogue() {
    let catalogue = Catalogue::load(&Sources::default()).unwrap();
    let (begin, end) = ("<!-- families: begin -->\n", "<!-- families: end -->\n");
    assert_table("docs/phones.md", begin, end, "UPDATE_MAKERS", &families(&catalogue));
    let (begin, end) = ("<!-- makers: begin -->\n", "<!-- makers: end -->\n");
    assert_table("README.md", begin, end, "UPDATE_MAKERS", &makers(&catalogue));
}

#[test]
fn an_introduction_is_the_first_sentence() {
    let text = "# Phones, SIP 2.x: all of\n# them. More.\n#\n# Other.\nvendor = \"A\"\n";
    assert_eq!(introduction("a", text), "Phones, SIP 2.x: all of them");
    assert_eq!(introduction("a", "# Phones\n#\n# Other.\n"), "Phones");
}
