//! The registry in memory.
pub struct MemoryStore;
