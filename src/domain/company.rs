//! The tenant a phone belongs to.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::settings::Layer;
use super::{Revision, Timestamp};

/// Names a company: 1 to 32 letters, digits and `_`, case-sensitive
/// (`rest/company`'s documented pattern).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CompanyId(Arc<str>);

/// The text is not a company id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a company id: 1 to 32 letters, digits and `_`")]
pub struct InvalidCompanyId;

impl CompanyId {
    /// The name of the company that always exists and that promote uses when none is named.
    pub const DEFAULT: &str = "default";

    /// The company called [`CompanyId::DEFAULT`].
    #[must_use]
    pub fn default_company() -> CompanyId {
        CompanyId(CompanyId::DEFAULT.into())
    }

    /// Whether it is `default`, the company that always exists.
    #[must_use]
    pub fn is_default(&self) -> bool {
        &*self.0 == CompanyId::DEFAULT
    }

    /// The id as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CompanyId {
    type Err = InvalidCompanyId;

    fn from_str(text: &str) -> Result<CompanyId, InvalidCompanyId> {
        let fits = (1..=32).contains(&text.len());
        let clean = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if fits && clean { Ok(CompanyId(text.into())) } else { Err(InvalidCompanyId) }
    }
}

impl TryFrom<String> for CompanyId {
    type Error = InvalidCompanyId;

    fn try_from(text: String) -> Result<CompanyId, InvalidCompanyId> {
        text.parse()
    }
}

impl From<CompanyId> for String {
    fn from(id: CompanyId) -> String {
        id.0.to_string()
    }
}

impl fmt::Display for CompanyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A company with the settings all its phones share.
#[derive(Debug, Clone, PartialEq)]
pub struct Company {
    /// Unique; the API and the commands name the company by it.
    pub id: CompanyId,
    /// Tells it from every other company that had this id or will have it: random. `None`:
    /// `default`, which cannot be deleted, and those from before companies were told apart.
    pub instance: Option<NonZeroU64>,
    /// What people call the company; empty when no name was given.
    pub name: String,
    /// What is set for all its phones, below what a phone says itself.
    pub settings: Layer,
    /// When it was made; kept through changes.
    pub created: Timestamp,
    /// When name or settings last changed.
    pub changed: Timestamp,
    /// The revision of its last change; given by the store.
    pub revision: Revision,
}

impl Company {
    /// A company without settings, made at `now`; not told from others of its id.
    #[must_use]
    pub fn new(id: CompanyId, name: String, now: Timestamp) -> Company {
        Company {
            id,
            instance: None,
            name,
            settings: Layer::default(),
            created: now,
            changed: now,
            revision: Revision::NONE,
        }
    }
}
