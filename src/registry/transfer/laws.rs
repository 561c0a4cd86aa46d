//! What holds of whatever is given as a document to import.

use std::io::Cursor;

use super::{Document, ImportError};
use crate::domain::Timestamp;

/// A document is in order, or at least one thing is said to be wrong with it; that takes no store.
pub fn document(bytes: &[u8]) {
    let now = Timestamp::from_seconds(1_800_000_000);
    let checked = Document::read(Cursor::new(bytes)).and_then(|document| document.check(now));
    let Err(error) = checked else { return };
    if let ImportError::Problems(problems) = &error {
        assert!(!problems.is_empty());
    }
    assert!(!error.to_string().is_empty());
}
