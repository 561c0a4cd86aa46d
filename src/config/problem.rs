//! What is wrong with a configuration, and where it was written.

use std::fmt;

/// Where a value was given; the order problems are listed in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Line from 1; 0 for the file as a whole.
    File {
        path: String,
        line: usize,
    },
    Variable(String),
    /// An option of the command: `--store`.
    Option(&'static str),
    /// Nowhere: it is the default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { path, line: 0 } => f.write_str(path),
            Place::File { path, line } => write!(f, "{path}:{line}"),
            Place::Variable(name) => write!(f, "environment variable {name}"),
            Place::Option(option) => write!(f, "option {option}"),
            Place::Default => f.write_str("default"),
        }
    }
}

/// One thing to put right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub place: Place,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A configuration that cannot be used, with every reason.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} problem(s):\n{}", .0.len(), list(.0))]
pub struct ConfigError(pub Vec<Problem>);

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n")
}
