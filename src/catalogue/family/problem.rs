//! What is wrong with a catalogue, and where.

use std::fmt;

/// One problem of a family's files. All of them are collected before loading fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `yealink/family.toml`, relative to the templates folder.
    pub file: String,
    /// The line, from 1, when the problem has a place in the file.
    pub line: Option<usize>,
    /// What is wrong, and where it can be told what to write instead.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(file: &str, line: Option<usize>, message: impl Into<String>) -> Problem {
        Problem { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// A catalogue that cannot be used, with every reason.
#[derive(Debug, thiserror::Error)]
#[error("the catalogue has {} problem(s):\n{}", .0.len(), list(.0))]
pub struct CatalogueError(pub Vec<Problem>);

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n")
}

/// The line of byte `offset` in `text`, from 1.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}
