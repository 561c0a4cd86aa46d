//! What goes on beside the requests for as long as a registry is there.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::follower::Follower;
use super::memory::Memory;
use super::sighting_writer::{self, SightingUpdate, SightingWriter};
use crate::store::Store;

/// Follows the store and writes down sightings.
pub struct Background {
    follower: Follower,
    writer: SightingWriter,
}

impl Background {
    pub(super) fn new(
        store: Arc<dyn Store>,
        memory: Arc<Memory>,
    ) -> (mpsc::Sender<SightingUpdate>, Background) {
        let (sender, writer) = sighting_writer::channel(store.clone());
        (sender, Background { follower: Follower { store, memory }, writer })
    }

    /// Ends when the registry is dropped, after the last sightings are written.
    pub async fn run(self) {
        tokio::select! {
            () = self.writer.run() => {}
            () = self.follower.run() => {}
        }
    }
}
