//! Noting that a known phone was seen again, off the request's way.
//!
//! A sighting of a known phone is information, not a promise: it is written in
//! groups, after the answer, and dropped when the store cannot keep up or is
//! away. Phones go on booting meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::domain::{Mac, Sighting, Timestamp};
use crate::store::{Mutation, Store};

/// What is to be noted of a device.
pub(super) enum SightingUpdate {
    Seen(Mac, Sighting),
    /// For the first time, a file of its own was sent to it.
    Served(Mac, Timestamp),
}

/// Waiting sightings: a site's worth. More are dropped; the phone comes again.
const QUEUE: usize = 8192;
/// Sightings in one commit.
const GROUP: usize = 512;
/// How long it waits after a group that was not full: of phones that boot at once, five
/// thousand a second, the next would else have the few that came while that one was written,
/// and each is written to disk by itself. The queue holds what comes meanwhile.
const GATHERING: Duration = Duration::from_millis(200);
/// A store that failed is left alone for this long.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes sightings until every sender is gone.
pub(super) struct SightingWriter {
    store: Arc<dyn Store>,
    queue: mpsc::Receiver<SightingUpdate>,
}

pub(super) fn channel(store: Arc<dyn Store>) -> (mpsc::Sender<SightingUpdate>, SightingWriter) {
    let (sender, queue) = mpsc::channel(QUEUE);
    (sender, SightingWriter { store, queue })
}

impl SightingWriter {
    /// Ends when the registry is dropped, after the last group.
    pub(super) async fn run(mut self) {
        let mut waiting = Vec::with_capacity(GROUP);
        while self.queue.recv_many(&mut waiting, GROUP).await > 0 {
            let is_full = waiting.len() == GROUP;
            let mutations = waiting
                .drain(..)
                .map(|update| match update {
                    SightingUpdate::Seen(mac, sighting) => Mutation::NoteSighting { mac, sighting },
                    SightingUpdate::Served(mac, at) => Mutation::NoteServed { mac, at },
                })
                .collect();
            if let Err(error) = self.store.commit(mutations, Vec::new()).await {
                tracing::warn!(%error, "sightings of known phones could not be noted");
                tokio::time::sleep(PAUSE).await;
            } else if !is_full {
                tokio::time::sleep(GATHERING).await;
            }
        }
    }
}
