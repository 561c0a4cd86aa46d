//! `dialtone check`: configuration, machine, catalogue, templates and examples, every problem
//! at once.

mod coverage;
mod machine;

use crate::catalogue::{
    Boots, Catalogue, CatalogueError, Escape, Problem, Sources, check_examples,
};

pub use coverage::table as coverage_table;
pub use machine::{files, notes, problems};

/// What was found in order.
#[derive(Debug)]
pub struct Checked {
    /// The ids of all families, the built-in ones included.
    pub families: Vec<String>,
    /// How many types they have together.
    pub types: usize,
    /// How many examples were rendered and compared.
    pub examples: usize,
}

/// Loads the catalogue and renders every example.
///
/// XML examples must also be well-formed: a phone would refuse the file whole. The files of an
/// operator's own families must leave nothing behind in a phone, and have the passwords that its
/// phones are given.
///
/// # Errors
/// Every problem, with file and line.
pub fn catalogue(sources: &Sources) -> Result<Checked, CatalogueError> {
    let catalogue = Catalogue::load(sources)?;
    let (outcomes, mut problems) = check_examples(&catalogue, sources);
    problems.extend(catalogue.try_templates(|file, rendered| match file.escape {
        Escape::Xml => {
            well_formed(&rendered.body).map_err(|message| format!("not well-formed XML: {message}"))
        }
        Escape::Line | Escape::Quoted | Escape::Url => Ok(()),
    }));
    problems.extend(catalogue.left_behind(sources));
    problems.extend(catalogue.passwords_without_file(sources));
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
    Ok(Checked {
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
