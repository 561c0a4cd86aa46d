//! What a connection has earned: whether it was of use.

use std::sync::Arc;

use super::watch::Watch;

/// Of a connection, for its edge to say that it was of use.
///
/// When places for connections run short, those that never were are closed first, and the networks
/// of those that were are remembered. So an edge says it of what a stranger cannot have: a
/// phone's own file, a command of somebody signed in.
#[derive(Debug, Clone)]
pub struct Standing(Arc<Watch>);

impl Standing {
    pub(super) fn new(watch: &Arc<Watch>) -> Standing {
        Standing(Arc::clone(watch))
    }

    /// Says that the connection was of use. Once is enough; again costs one load.
    pub fn of_use(&self) {
        self.0.be_of_use();
    }
}
