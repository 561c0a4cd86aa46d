//! Whether the folder of uploads can be used.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// What became of the last try to use the folder.
#[derive(Debug, Default)]
pub(super) struct Health {
    is_unusable: AtomicBool,
}

impl Health {
    pub(super) fn is_unusable(&self) -> bool {
        self.is_unusable.load(Ordering::Relaxed)
    }

    /// Notes that it cannot be used, if so. That it can is found out by [`Health::tried`] alone: on
    /// a full disk much goes well.
    pub(super) fn noted<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && !self.is_unusable.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%error, "the folder of uploads cannot be used; phones are told to come again");
        }
        result
    }

    /// Notes what came of trying it out.
    pub(super) fn tried(&self, result: io::Result<()>) -> io::Result<()> {
        if result.is_ok() && self.is_unusable.swap(false, Ordering::Relaxed) {
            tracing::info!("the folder of uploads can be used again");
        }
        self.noted(result)
    }
}
