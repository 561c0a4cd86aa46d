//! What goes on beside the requests for as long as a registry is there: among it, hearing of what
//! other gateways on the same store changed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Registry;
use super::admission::AdmissionWriter;
use super::bans::BanWriter;
use super::contacts::ContactRecorder;
use super::memory::Memory;
use super::sighting_writer::{self, SightingUpdate, SightingWriter};
use crate::store::{Store, StoreError};
use crate::throttle::LogRate;

/// Follows the store, and writes down what requests showed: of known phones and of others.
pub struct Background {
    follower: Follower,
    writer: SightingWriter,
    recorder: ContactRecorder,
    admissions: AdmissionWriter,
    bans: BanWriter,
}

impl Background {
    pub(super) fn new(
        store: Arc<dyn Store>,
        memory: Arc<Memory>,
        recorder: ContactRecorder,
        admissions: AdmissionWriter,
        bans: BanWriter,
    ) -> (mpsc::Sender<SightingUpdate>, Background) {
        let (sender, writer) = sighting_writer::channel(store.clone(), memory.clone());
        let follower = Follower { store, memory };
        (sender, Background { follower, writer, recorder, admissions, bans })
    }

    /// Records unknown phones until `stop`; [`Registry::flush_contacts`] before it loses none.
    /// Ends when the registry is dropped, after the last sightings are written.
    pub async fn run(self, registry: Arc<Registry>, stop: CancellationToken) {
        let Background { follower, writer, recorder, admissions, bans } = self;
        let admitting = admissions.run(registry.clone(), stop.clone());
        let recording = async {
            tokio::join!(recorder.run(registry, stop), admitting, writer.run(), bans.run())
        };
        tokio::select! {
            _ = recording => {}
            () = follower.run() => {}
        }
    }
}

/// How often a store is asked that does not tell by itself. What an operator did at one gateway
/// holds at all of them within a second, and a question is one short read.
const POLL: Duration = Duration::from_secs(1);

/// A store that failed is left alone for this long. What tells of changes tells of them as soon as it
/// is back, and a second later all is as before.
const PAUSE: Duration = Duration::from_millis(250);

/// A store that tells is asked this long after: in a storm of changes some hundred come at once.
const GATHERING: Duration = Duration::from_millis(20);

pub(super) struct Follower {
    pub store: Arc<dyn Store>,
    pub memory: Arc<Memory>,
}

impl Follower {
    /// Never ends.
    pub(super) async fn run(self) {
        let mut log = LogRate::default();
        loop {
            match self.memory.follow(&self.store).await {
                // The next outage is another one.
                Ok(()) => log = LogRate::default(),
                Err(error) => {
                    if log.due_at(Instant::now()).is_some() {
                        report(&error);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = self.store.changed(self.memory.floor()) => {
                    tokio::time::sleep(GATHERING).await;
                }
            }
        }
    }
}

fn report(error: &StoreError) {
    tracing::warn!(%error, "what other gateways changed cannot be read; phones go on booting");
}
