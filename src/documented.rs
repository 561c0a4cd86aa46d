//! Tables of the documentation that are made from the code: each is compared, or written anew.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A page has several tables, whose tests run at one time: each reads and writes it alone.
static PAGES: Mutex<()> = Mutex::new(());

/// Compares what stands between the marks `begin` and `end` in a page with the table it should be;
/// with the variable `update` set, writes it there.
pub(crate) fn assert_table(page: &str, begin: &str, end: &str, update: &str, table: &str) {
    let _alone = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let text = self::page(page);
    let (before, rest) = text.split_once(begin).expect("the table begins");
    let (documented, after) = rest.split_once(end).expect("the table ends");
    if std::env::var_os(update).is_some() {
        let text = format!("{before}{begin}{table}{end}{after}");
        std::fs::write(path(page), text).expect("the page can be written");
        return;
    }
    let differing = table.lines().zip(documented.lines()).find(|(is, says)| is != says);
    assert_eq!(differing, None, "{page} is not true; {update}=1 writes it");
    assert!(table == documented, "{page} is not true; {update}=1 writes it");
}

/// The text of a page, by its path in the project.
pub(crate) fn page(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn path(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(page)
}
