//! Which settings the families have, as `check --coverage` prints it and `docs/coverage.md` has it.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::catalogue::{Catalogue, Coverage, cannot_of};
use crate::domain::{did_you_mean, nearest};
use crate::tools::output;

/// What is asked of `check --coverage`.
#[derive(Debug, Clone, Default)]
pub struct CoverageArguments {
    /// The ids of families; none: all.
    pub families: Vec<String>,
    /// Whether all settings of all families are wanted, in Markdown.
    pub is_wide: bool,
}

/// A family that is asked for and is not there.
#[derive(Debug, thiserror::Error)]
#[error("no family is called {name}{near} (there are {all})")]
pub struct NoSuchFamily {
    name: String,
    near: String,
    all: String,
}

/// How many settings each family has, of families that are named each setting, or the whole table.
///
/// # Errors
/// [`NoSuchFamily`] for the first that is not there.
pub fn text(catalogue: &Catalogue, asked: &CoverageArguments) -> Result<String, NoSuchFamily> {
    let all = || catalogue.families().iter().map(|family| family.id.as_str());
    let place = |name: &String| {
        all().position(|family| family == name).ok_or_else(|| NoSuchFamily {
            name: name.clone(),
            near: did_you_mean(nearest(name, all())),
            all: all().collect::<Vec<_>>().join(", "),
        })
    };
    let mut named = asked.families.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    let mut seen = Vec::new();
    named.retain(|place| {
        !seen.contains(place) && {
            seen.push(*place);
            true
        }
    });
    Ok(match (named.is_empty(), asked.is_wide) {
        (true, true) => table(catalogue, &(0..catalogue.families().len()).collect::<Vec<_>>()),
        (true, false) => counts(catalogue),
        (false, true) => table(catalogue, &named),
        (false, false) => settings(catalogue, &named),
    })
}

fn word(coverage: Coverage) -> &'static str {
    match coverage {
        Coverage::Yes => "yes",
        Coverage::Cannot => "no",
        Coverage::NotYet => "not yet",
    }
}

/// A line for each family.
fn counts(catalogue: &Catalogue) -> String {
    let families: Vec<usize> = (0..catalogue.families().len()).collect();
    let covered = catalogue.coverages(&families);
    let rows = catalogue.families().iter().zip(covered).map(|(family, covered)| {
        let count = |of: Coverage| covered.iter().filter(|(_, is)| *is == of).count();
        json!({
            "family": family.id,
            "yes": count(Coverage::Yes),
            "no": count(Coverage::Cannot),
            "not_yet": count(Coverage::NotYet),
        })
    });
    let columns = [("FAMILY", "family"), ("YES", "yes"), ("NO", "no"), ("NOT YET", "not_yet")];
    output::table(&columns, &rows.collect::<Vec<_>>())
}

/// A line for each setting; of one family with why its phones have nothing for it.
fn settings(catalogue: &Catalogue, families: &[usize]) -> String {
    let covered = catalogue.coverages(families);
    let names = families.iter().map(|&family| catalogue.families()[family].id.as_str());
    let mut columns = vec![("SETTING", "setting")];
    columns.extend(names.map(|name| (name, name)));
    let why = match families {
        [one] => Some(&catalogue.families()[*one].cannot),
        _ => None,
    };
    columns.extend(why.map(|_| ("WHY", "why")));
    let settings = covered.first().into_iter().flatten().enumerate();
    let rows = settings.map(|(at, (setting, _))| {
        let mut row = json!({ "setting": setting });
        for ((name, _), of_family) in columns[1..].iter().zip(&covered) {
            row[*name] = Value::from(word(of_family[at].1));
        }
        if let Some(cannot) = why {
            let is_none = covered[0][at].1 == Coverage::Cannot;
            row["why"] = Value::from(cannot_of(cannot, setting).filter(|_| is_none));
        }
        row
    });
    output::table(&columns, &rows.collect::<Vec<_>>())
}

/// A row for each setting, a column for each family, in Markdown.
fn table(catalogue: &Catalogue, families: &[usize]) -> String {
    let covered = catalogue.coverages(families);
    let names = families.iter().map(|&family| catalogue.families()[family].id.as_str());
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
        let cells = covered.iter().map(|of_family| word(of_family[at].1));
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
        let asked = CoverageArguments { is_wide: true, ..CoverageArguments::default() };
        let table = text(&Catalogue::load(&Sources::default()).unwrap(), &asked).unwrap();
        let (begin, end) = ("<!-- table: begin -->\n", "<!-- table: end -->");
        assert_table("docs/coverage.md", begin, end, "UPDATE_COVERAGE", &table);
    }

    #[test]
    fn families_that_are_named_are_told_by_setting() {
        let catalogue = Catalogue::load(&Sources::default()).unwrap();
        let of = |names: &[&str]| {
            let families = names.iter().map(|name| (*name).to_owned()).collect();
            text(&catalogue, &CoverageArguments { families, is_wide: false })
        };
        let one = of(&["jitsi"]).unwrap();
        let line = |name: &str| one.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line("SETTING ").ends_with("WHY"), "{one}");
        let words = |name: &str| line(name).split_whitespace().collect::<Vec<_>>();
        assert_eq!(words("lines.N.user "), ["lines.N.user", "yes", "-"]);
        assert!(one.lines().all(|line| line.chars().count() < 250), "{one}");

        let two = of(&["jitsi", "zoiper", "jitsi"]).unwrap();
        let header: Vec<&str> = two.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(header, ["SETTING", "jitsi", "zoiper"]);
        let error = of(&["jitsi", "zoipr"]).unwrap_err().to_string();
        assert!(
            error.starts_with("no family is called zoipr; did you mean zoiper? (there"),
            "{error}"
        );
    }
}
