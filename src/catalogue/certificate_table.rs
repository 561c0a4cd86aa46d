//! The table of makers' certificates in certs/README.md, as the built-in families make it.

use std::fmt::Write as _;

use super::{Catalogue, Sources};
use crate::documented::assert_table;

/// A row for each form, by the families that have it.
fn table(catalogue: &Catalogue) -> String {
    let mut rows: Vec<(String, Vec<&str>)> = Vec::new();
    for family in catalogue.families() {
        for form in &family.certificates {
            let issuers = form.issuers.iter().map(|issuer| format!("`{issuer}`"));
            let issuers = issuers.collect::<Vec<_>>().join(", ").replace('|', r"\|");
            let seen = if form.is_unverified { "no" } else { "yes" };
            let (kind, pattern) = (form.kind, form.pattern.replace('|', r"\|"));
            let row = format!("{kind} = `{pattern}` | {issuers} | {seen}");
            match rows.iter_mut().find(|(other, _)| *other == row) {
                Some((_, families)) => families.push(&family.id),
                None => rows.push((row, vec![&family.id])),
            }
        }
    }
    let mut table =
        "| families | the MAC | names of the authority | seen |\n|---|---|---|---|\n".to_owned();
    for (row, families) in rows {
        let families: Vec<String> = families.iter().map(|id| format!("`{id}`")).collect();
        writeln!(table, "| {} | {row} |", families.join(", ")).expect("a String takes all");
    }
    table
}

#[test]
fn the_documented_certificates_are_those_of_the_families() {
    let catalogue = Catalogue::load_untried(&Sources::default()).unwrap();
    let (begin, end) = ("<!-- certificates: begin -->\n", "<!-- certificates: end -->");
    assert_table("certs/README.md", begin, end, "UPDATE_CERTIFICATES", &table(&catalogue));
}
