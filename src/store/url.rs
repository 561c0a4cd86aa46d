//! Chooses a store by URL.
