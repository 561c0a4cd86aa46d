//! What can be wrong with a document, and why nothing was imported.

use std::fmt;

use crate::registry::RegistryError;
use crate::store::StoreError;

/// One thing wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentProblem {
    /// Where: `devices[3].ports[0].settings.lines.1.transport`.
    pub path: String,
    /// What is wrong there, and what would be right.
    pub message: String,
}

impl fmt::Display for DocumentProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Users, phones, companies or system settings are there already.
    #[error(
        "the registry is not empty: a document goes only into a store without users and phones, \
         companies other than default and system settings"
    )]
    NotEmpty,
    /// It was written in a version that is not read here.
    #[error("the document has version {0}, and 1 is the one that can be read")]
    Version(u32),
    /// It is no such document.
    #[error("{path}: {message}")]
    Shape {
        /// Where the first thing is that does not belong there.
        path: String,
        /// What was expected.
        message: String,
    },
    /// Everything that is wrong with it, at least one thing.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Problems(Vec<DocumentProblem>),
    /// The registry refused it, or the store could not take it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl ImportError {
    pub(super) fn shape(path: &str, error: &serde_json::Error) -> ImportError {
        let path = if path == "." { "the document" } else { path };
        ImportError::Shape { path: path.to_owned(), message: error.to_string() }
    }
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> ImportError {
        ImportError::Registry(error.into())
    }
}
