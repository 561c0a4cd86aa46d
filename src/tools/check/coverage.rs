//! The table of families and settings, as `check --coverage` prints it and `docs/coverage.md` has
//! it.

use std::fmt::Write;

use crate::catalogue::{Catalogue, Coverage};

/// A row for each setting, a column for each family, in Markdown.
#[must_use]
pub fn table(catalogue: &Catalogue) -> String {
    let families = catalogue.families();
    let covered: Vec<_> = (0..families.len()).map(|family| catalogue.coverage(family)).collect();
    let names = families.iter().map(|family| family.id.as_str());
    let mut table = String::new();
    let mut row = |cells: &mut dyn Iterator<Item = &str>| {
        for cell in cells {
            write!(table, "| {cell} ").expect("a String takes all");
        }
        table.push_str("|\n");
    };
    row(&mut std::iter::once("setting").chain(names));
    row(&mut std::iter::once("---").chain(families.iter().map(|_| "---")));
    for (at, (setting, _)) in covered.first().into_iter().flatten().enumerate() {
        let name = format!("`{setting}`");
        let cells = covered.iter().map(|of_family| match of_family[at].1 {
            Coverage::Yes => "yes",
            Coverage::Cannot => "no",
            Coverage::NotYet => "not yet",
        });
        row(&mut std::iter::once(name.as_str()).chain(cells));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Sources;
    use crate::documented::assert_table;

    /// Write it anew with `UPDATE_COVERAGE=1`.
    #[test]
    fn the_documented_table_is_true() {
        let table = table(&Catalogue::load(&Sources::default()).unwrap());
        let (begin, end) = ("<!-- table: begin -->\n", "<!-- table: end -->");
        assert_table("docs/coverage.md", begin, end, "UPDATE_COVERAGE", &table);
    }
}
