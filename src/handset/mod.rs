//! handset
