//! The registry in one SQLite file.
pub struct SqliteStore;
