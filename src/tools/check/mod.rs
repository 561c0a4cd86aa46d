//! `dialtone check`: configuration, machine, catalogue, templates and examples, every problem
//! at once.

mod coverage;
mod machine;

use std::fmt;

use crate::catalogue::{
    Boots, Catalogue, CatalogueError, Escape, ExampleOutcome, Problem, Sources, check_examples,
};

pub use coverage::{CoverageArguments, NoSuchFamily, text as coverage};
pub use machine::{database, files, notes, problems};

/// What was found in order.
#[derive(Debug)]
pub struct Checked {
    /// The ids of all families, the built-in ones included.
    pub families: Vec<String>,
    /// How many types they have together.
    pub types: usize,
    /// How many examples were rendered and compared.
    pub examples: usize,
    /// The families of an operator's folder; what is above counts them, too.
    pub own: Vec<OwnFamily>,
}

/// A family of an operator's folder.
#[derive(Debug)]
pub struct OwnFamily {
    /// What its folder is called.
    pub id: String,
    /// How many types it has that are offered.
    pub types: usize,
    /// How many examples of it were rendered and compared.
    pub examples: usize,
}

impl fmt::Display for Checked {
    /// Those of the operator, if there are any; else all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.own.is_empty() {
            let Checked { families, types, examples, .. } = self;
            return write!(
                f,
                "{} families, {types} types, {examples} examples: all in order",
                families.len()
            );
        }
        let counted = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}s"),
        };
        let own = self.own.iter().map(|OwnFamily { id, types, examples }| {
            format!("{id} ({}, {})", counted(*types, "type"), counted(*examples, "example"))
        });
        write!(f, "{}: all in order", own.collect::<Vec<_>>().join(", "))
    }
}

/// Loads the catalogue and renders every example.
///
/// XML examples must also be well-formed: a phone would refuse the file whole. The files of an
/// operator's own families must leave nothing behind in a phone, take back what their holding files
/// set, and have the passwords that its
/// phones are given.
///
/// # Errors
/// Every problem, with file and line.
pub fn catalogue(sources: &Sources) -> Result<Checked, CatalogueError> {
    // Everything is rendered here, once.
    let catalogue = Catalogue::load_untried(sources)?;
    let (outcomes, mut problems) = check_examples(&catalogue, sources);
    problems.extend(catalogue.try_templates(|file, rendered| match file.escape {
        Escape::Xml => {
            well_formed(&rendered.body).map_err(|message| format!("not well-formed XML: {message}"))
        }
        Escape::Line | Escape::Quoted | Escape::Url => Ok(()),
    }));
    // What cannot be rendered would be said again, and what takes too much work done again.
    if problems.is_empty() {
        problems.extend(catalogue.left_behind(sources));
        problems.extend(catalogue.held_back(sources));
        problems.extend(catalogue.taken_back(sources));
        problems.extend(catalogue.passwords_without_file(sources));
    }
    if let Err(CatalogueError(found)) = Boots::load(&catalogue) {
        problems.extend(found);
    }
    for outcome in &outcomes {
        if outcome.content_type.contains("xml")
            && let Err(message) = well_formed(&outcome.body)
        {
            let message = format!("not well-formed XML: {message}");
            problems.push(Problem { file: outcome.name.clone(), line: None, message });
        }
    }
    if !problems.is_empty() {
        return Err(CatalogueError(problems));
    }
    let own = sources.own_families();
    let own = own.into_iter().map(|id| {
        let types = catalogue.types();
        let types = types.into_iter().filter(|of| catalogue.family_of(of).id == id).count();
        let of_it = |outcome: &&ExampleOutcome| {
            outcome.name.strip_prefix(&*id).is_some_and(|rest| rest.starts_with('/'))
        };
        let examples = outcomes.iter().filter(of_it).count();
        OwnFamily { id, types, examples }
    });
    Ok(Checked {
        own: own.collect(),
        families: catalogue.families().iter().map(|family| family.id.clone()).collect(),
        types: catalogue.types().len(),
        examples: outcomes.len(),
    })
}

fn well_formed(body: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(body);
    let mut reader = quick_xml::Reader::from_str(&text);
    reader.config_mut().check_end_names = true;
    let (mut depth, mut roots) = (0usize, 0usize);
    loop {
        let at = |error: &dyn std::fmt::Display, position: u64| format!("byte {position}: {error}");
        let event = reader.read_event().map_err(|e| at(&e, reader.error_position()))?;
        let element = match &event {
            quick_xml::events::Event::Start(element) => {
                roots += usize::from(depth == 0);
                depth += 1;
                element
            }
            quick_xml::events::Event::Empty(element) => {
                roots += usize::from(depth == 0);
                element
            }
            quick_xml::events::Event::End(_) => {
                depth -= 1;
                continue;
            }
            quick_xml::events::Event::Eof => break,
            _ => continue,
        };
        for attribute in element.attributes() {
            attribute.map_err(|error| at(&error, reader.buffer_position()))?;
        }
    }
    match (depth, roots) {
        (0, 1) => Ok(()),
        (0, roots) => Err(format!("{roots} root elements")),
        (open, _) => Err(format!("{open} elements are never closed")),
    }
}
