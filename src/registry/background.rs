//! What goes on beside the requests for as long as a registry is there.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Registry;
use super::contacts::ContactRecorder;
use super::follower::Follower;
use super::memory::Memory;
use super::sighting_writer::{self, SightingUpdate, SightingWriter};
use crate::store::Store;

/// Follows the store, and writes down what requests showed: of known phones and of others.
pub struct Background {
    follower: Follower,
    writer: SightingWriter,
    recorder: ContactRecorder,
}

impl Background {
    pub(super) fn new(
        store: Arc<dyn Store>,
        memory: Arc<Memory>,
        recorder: ContactRecorder,
    ) -> (mpsc::Sender<SightingUpdate>, Background) {
        let (sender, writer) = sighting_writer::channel(store.clone(), memory.clone());
        (sender, Background { follower: Follower { store, memory }, writer, recorder })
    }

    /// Records unknown phones until `stop`; [`Registry::flush_contacts`] before it loses none.
    /// Ends when the registry is dropped, after the last sightings are written.
    pub async fn run(self, registry: Arc<Registry>, stop: CancellationToken) {
        let Background { follower, writer, recorder } = self;
        let recording = async { tokio::join!(recorder.run(registry, stop), writer.run()) };
        tokio::select! {
            _ = recording => {}
            () = follower.run() => {}
        }
    }
}
