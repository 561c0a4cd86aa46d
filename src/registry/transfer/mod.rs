//! The whole registry as one JSON document: out of one store, into an empty other.
//!
//! Version 2; what may be left out is in brackets:
//! ```json
//! {
//!   "version": 2,
//!   "settings": { [the system layer] },
//!   ["password_seed": "<64 digits, hex>",]
//!   "companies": [{ "company": "acme", ["instance": "<64 bits, hex>", "name": "", "created": 0,
//!                   "settings": {}] }],
//!   "users": [{ "login": "root", "role": "System-Admin",
//!               ["id": 1, "name": "", "company": "acme", "companies": ["acme"], "created": 0,
//!                "password_hash": "$argon2id$...", "key_hashes": ["<SHA-256, hex>"],
//!                "password": "...", "key": "..."] }],
//!   "devices": [{ "mac": "0004f2222222", "phone_type": "ip450",
//!                 "ports": [{ "port": 0, ["company": "acme" (absent: inactive), "created": 0,
//!                             "name": "", "settings": {}] }],
//!                 ["sighting": { "first": 0, "last": 0, "address": "192.0.2.1",
//!                   ["user_agent", "type_guess", "firmware", "certificate"] },
//!                  "claims": [...], "served": 0, "written": {...}, "admission": {...}] }],
//!   "removed": [{ "mac": "0004f2333333", "written": {...} }],
//!   "bans": [{ "network": "192.0.2.0/24", "until": 0,
//!              ["since": 0, "times": 1, "reason": "", "made_by": "", "evidence": [...]] }],
//!   "events": [{ "at": 0, "who": "root", "action": "create", "subject": "phone",
//!                ["from", "name", "company", "before", "after"] }]
//! }
//! ```
//! An export without secrets has no hashes, and settings without their secret
//! fields. Times are seconds since 1970; one left out is the time of the import.
//! `password` and `key` are for documents written by hand: they are hashed when
//! read, and are never in an export.
//!
//! `claims`, `written`, `admission`, `evidence` and the names of an event are as the store has them.
//!
//! Neither way holds the document in memory: of each device of an import its MAC stays,
//! so that none is there twice, and of an export nothing.

mod check;
mod document;
mod error;
mod export;
mod import;
#[cfg(any(test, fuzzing))]
pub(crate) mod laws;
mod pages;
mod read;
#[cfg(test)]
mod tests;
mod unfinished;

pub use error::{DocumentProblem, ExportError, ImportError};
pub use export::export;
pub use import::{CheckedDocument, Document, Imported, import};
pub use pages::Counts;
pub use unfinished::{require_whole, require_whole_at};
