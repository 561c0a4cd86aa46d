//! What can be wrong with a document, and why a registry was not moved.

use std::{fmt, io};

use super::document::{OLDEST, VERSION};
use super::pages::Counts;
use crate::domain::CompanyId;
use crate::registry::RegistryError;
use crate::store::StoreError;

/// How an operator gets rid of a store.
pub(super) const REMOVE: &str = "remove the store (its file; of a database the schema that its URL \
     names, else `dialtone`: DROP SCHEMA ... CASCADE)";

/// One thing wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentProblem {
    /// Where: `devices[3].ports[0].settings.lines.1.transport`.
    pub path: String,
    /// What is wrong there, and what would be right.
    pub message: String,
    /// Where what has it begins, from 1; `None` where that is not known.
    pub line: Option<usize>,
}

impl fmt::Display for DocumentProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        self.line.map_or(Ok(()), |line| write!(f, " at line {line}"))
    }
}

/// Why there is no whole document.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// What the store says.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be written.
    #[error("cannot write")]
    Write(#[from] io::Error),
    /// A document with it could not be imported.
    #[error("a phone was given to the new company {company} while it was read: export again")]
    Changed {
        /// The company that is in no document of before.
        company: CompanyId,
    },
}

/// Why a document was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The document could not be read.
    #[error("cannot read it")]
    Read(#[source] io::Error),
    /// Users, phones, bans, companies or system settings are there already.
    #[error(
        "the registry is not empty: a document goes only into a store without users, phones and bans, \
         companies other than default and system settings, and each start of a gateway makes \
         a user where there is none: import into a new store, or remove this one"
    )]
    NotEmpty,
    /// It was written in a version that is not read here.
    #[error("the document has version {0}, and {OLDEST} to {VERSION} can be read")]
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
    /// What is in the store is not what was read.
    #[error("the document has {read}, and the store {stored}")]
    Differs {
        /// What the store should have.
        read: Counts,
        /// What it has.
        stored: Counts,
    },
    /// A part of it is in the store.
    #[error(
        "not finished, and a part is in the store, which no gateway serves from now: {REMOVE} and \
         import again"
    )]
    Unfinished(#[source] Box<ImportError>),
    /// The registry refused it, or the store could not take it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl ImportError {
    pub(super) fn shape(path: &str, error: serde_json::Error) -> ImportError {
        if error.is_io() {
            return ImportError::Read(error.into());
        }
        let path = if path == "." { "the document" } else { path };
        ImportError::Shape { path: path.to_owned(), message: error.to_string() }
    }
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> ImportError {
        ImportError::Registry(error.into())
    }
}
