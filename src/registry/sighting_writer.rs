//! Noting what requests of known phones showed and what they were sent, off the request's way.
//!
//! A sighting of a known phone is information, not a promise: it is written in
//! groups, after the answer, and dropped when the store cannot keep up or is
//! away. Phones go on booting meanwhile. What files have set is tried again until it is stored, and
//! that there was one: nothing else tells what must be taken back one day, nor is it told again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::memory::Memory;
use crate::domain::settings::Written;
use crate::domain::{Mac, Sighting, Timestamp};
use crate::store::{Mutation, Store};
use crate::throttle::LogRate;

/// What is to be noted of a device.
#[derive(Clone)]
pub(super) enum SightingUpdate {
    Seen(Mac, Sighting),
    /// A file of its own was sent to it for the first time.
    Served(Mac, Timestamp),
    /// What a file set that it was sent.
    Written(Mac, Written),
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
    memory: Arc<Memory>,
    queue: mpsc::Receiver<SightingUpdate>,
}

pub(super) fn channel(
    store: Arc<dyn Store>,
    memory: Arc<Memory>,
) -> (mpsc::Sender<SightingUpdate>, SightingWriter) {
    let (sender, queue) = mpsc::channel(QUEUE);
    (sender, SightingWriter { store, memory, queue })
}

impl SightingWriter {
    /// Ends when the registry is dropped, after the last group.
    pub(super) async fn run(mut self) {
        let mut waiting = Vec::with_capacity(GROUP);
        let mut log = LogRate::default();
        while self.receive(&mut waiting).await {
            let is_full = waiting.len() == GROUP;
            let mutations = waiting.iter().cloned().map(SightingUpdate::mutation).collect();
            let era = self.memory.era();
            match self.store.commit(mutations, Vec::new()).await {
                Ok(revision) => {
                    // The next outage is another one.
                    log = LogRate::default();
                    if waiting.iter().any(SightingUpdate::is_a_change) {
                        self.memory.has_noted(revision, era);
                    }
                    waiting.clear();
                    if !is_full {
                        tokio::time::sleep(GATHERING).await;
                    }
                }
                Err(error) => {
                    if let Some(more) = log.due_at(Instant::now()) {
                        tracing::warn!(%error, more, "what known phones showed could not be noted");
                    }
                    waiting.retain(SightingUpdate::must_be_kept);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Fills the group from the queue; waits only when it is empty. `false`: nothing is left and
    /// nothing more comes.
    async fn receive(&mut self, group: &mut Vec<SightingUpdate>) -> bool {
        let room = GROUP - group.len();
        if group.is_empty() {
            return self.queue.recv_many(group, room).await > 0;
        }
        while group.len() < GROUP
            && let Ok(update) = self.queue.try_recv()
        {
            group.push(update);
        }
        !self.queue.is_closed()
    }
}

impl SightingUpdate {
    fn must_be_kept(&self) -> bool {
        !matches!(self, SightingUpdate::Seen(..))
    }

    /// Whether a commit of it has a revision of its own.
    fn is_a_change(&self) -> bool {
        matches!(self, SightingUpdate::Written(..))
    }

    fn mutation(self) -> Mutation {
        match self {
            SightingUpdate::Seen(mac, sighting) => Mutation::NoteSighting { mac, sighting },
            SightingUpdate::Served(mac, at) => Mutation::NoteServed { mac, at },
            SightingUpdate::Written(mac, written) => Mutation::NoteWritten { mac, written },
        }
    }
}
