//! What holds of whatever is given as a document to import.

use std::io::Cursor;
use std::sync::{Arc, LazyLock};

use super::{Document, ImportError, export, import};
use crate::ambient::SystemRandom;
use crate::catalogue::{Catalogue, Sources};
use crate::domain::Timestamp;
use crate::store::{MemoryStore, Store};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

static NO_FAMILIES: LazyLock<Catalogue> = LazyLock::new(|| {
    let sources = Sources { without_built_in: true, ..Sources::default() };
    Catalogue::load_untried(&sources).expect("there is nothing to read")
});

/// A document is in order, or at least one thing is said to be wrong with it, which takes no store.
/// One that is in order is imported whole: exported, it is in order too, and imported again it is
/// exported as the same.
pub fn document(bytes: &[u8]) {
    match Document::read(Cursor::new(bytes)).and_then(|document| document.check(NOW)) {
        Ok(checked) if checked.has_passwords() => {
            // A hash takes tens of milliseconds, and each time is another one.
        }
        Ok(_) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let runtime = runtime.expect("a runtime can be made");
            let exported = runtime.block_on(moved(bytes));
            assert!(runtime.block_on(moved(&exported)) == exported, "{}", exported.escape_ascii());
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(!matches!(error, ImportError::Problems(problems) if problems.is_empty()));
        }
    }
}

/// What is exported after the document was imported.
async fn moved(document: &[u8]) -> Vec<u8> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(NOW));
    let document = Cursor::new(document.to_owned());
    let checked = Document::read(document).and_then(|document| document.check(NOW));
    let checked = checked.unwrap_or_else(|error| panic!("it is in order: {error}"));
    let imported = import(&store, &NO_FAMILIES, checked, &SystemRandom).await;
    imported.unwrap_or_else(|error| panic!("it was found in order: {error}"));
    let mut text = Vec::new();
    export(&*store, true, &mut text).await.expect("what was imported can be exported");
    text
}
