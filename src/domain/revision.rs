//! The order of all changes to one store.

use std::fmt;

/// Numbers the commits of one store that changed something, in their order, from 1; each object
/// has the number of the commit that last changed it. No two states of a store share one: what
/// was removed and made anew has another revision than before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision before the first commit, and of what is not stored yet.
    pub const NONE: Revision = Revision(0);

    /// The revision of the change after this one.
    #[must_use]
    pub fn next(self) -> Revision {
        Revision(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
