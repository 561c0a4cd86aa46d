//! Stores bans that the gateway made, and what it has to tell, behind the answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use serde_json::json;
use tokio::sync::mpsc;

use crate::domain::{Action, Ban, Event, Subject, Timestamp};
use crate::registry::Actor;
use crate::registry::memory::Memory;
use crate::store::{Mutation, Store};
use crate::throttle::LogRate;

/// What is to be stored.
#[derive(Debug)]
pub(in crate::registry) enum Order {
    /// A ban that is in force here, and those that went for it.
    Ban(Box<Ban>, Vec<IpNet>),
    Tell(Box<Event>),
}

/// Bans that wait. One that finds no room is in force at this gateway only, as long as it runs.
const QUEUE: usize = 1_024;
/// Bans in one commit.
const GROUP: usize = 128;
/// A store that failed is left alone for this long.
const PAUSE: Duration = Duration::from_secs(1);
/// Bans of an hour that have an event each; of more an event counts so many. Whoever has many
/// addresses must not fill the audit record.
const TOLD: usize = 200;

/// Writes until every sender is gone.
pub(in crate::registry) struct BanWriter {
    store: Arc<dyn Store>,
    memory: Arc<Memory>,
    queue: mpsc::Receiver<Order>,
    hour: i64,
    told: usize,
    untold: usize,
}

pub(in crate::registry) fn channel(
    store: Arc<dyn Store>,
    memory: Arc<Memory>,
) -> (mpsc::Sender<Order>, BanWriter) {
    let (sender, queue) = mpsc::channel(QUEUE);
    (sender, BanWriter { store, memory, queue, hour: 0, told: 0, untold: 0 })
}

impl BanWriter {
    /// Ends when the registry is dropped, after the last group.
    pub(in crate::registry) async fn run(mut self) {
        let mut log = LogRate::default();
        let mut waiting = Vec::new();
        while self.queue.recv_many(&mut waiting, GROUP).await > 0 {
            let mutations: Vec<Mutation> =
                waiting.drain(..).flat_map(|order| self.mutations(order)).collect();
            loop {
                let era = self.memory.era();
                match self.store.commit(mutations.clone(), Vec::new()).await {
                    Ok(revision) => {
                        self.memory.apply_own(mutations, revision, era);
                        log = LogRate::default();
                        break;
                    }
                    Err(error) => {
                        if let Some(more) = log.due_at(Instant::now()) {
                            tracing::warn!(%error, more, "bans are in force and could not be stored");
                        }
                        if !error.may_pass() || self.queue.is_closed() {
                            break;
                        }
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    fn mutations(&mut self, order: Order) -> Vec<Mutation> {
        match order {
            Order::Tell(event) => vec![Mutation::Append(*event)],
            Order::Ban(ban, gone) => {
                let event = self.event(&ban);
                let gone = gone.into_iter().map(|network| Mutation::RemoveBan { network });
                let put = Mutation::PutBan { ban: *ban };
                gone.chain([put]).chain(event.map(Mutation::Append)).collect()
            }
        }
    }

    fn event(&mut self, ban: &Ban) -> Option<Event> {
        let hour = ban.since.seconds().div_euclid(3_600);
        if hour != self.hour {
            (self.hour, self.told) = (hour, 0);
        }
        let event = |name: String, at: Timestamp| {
            Actor::Gateway.event(at, Action::Create, Subject::Ban, name)
        };
        if self.told < TOLD {
            self.told += 1;
            return Some(Event {
                after: summary(ban),
                ..event(ban.network.to_string(), ban.since)
            });
        }
        self.untold += 1;
        (self.untold == TOLD).then(|| {
            self.untold = 0;
            Event { after: json!({ "bans": TOLD }), ..event(String::new(), ban.since) }
        })
    }
}

/// What an event says of a ban.
pub(super) fn summary(ban: &Ban) -> serde_json::Value {
    json!({
        "until": ban.until.seconds(),
        "times": ban.times,
        "reason": ban.reason,
        "made_by": ban.made_by,
    })
}
