//! Many clients at once, for a time or a number of turns.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::client::{Connection, Connector, Get, TIMEOUT};

/// What became of a load.
pub(crate) struct Outcome {
    pub turns: u64,
    pub took: Duration,
    /// Microseconds of each turn.
    pub waits: Histogram<u64>,
}

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        self.turns as f64 / self.took.as_secs_f64()
    }
}

/// When clients stop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Past(Duration),
    /// So many turns of all clients together.
    Count(u64),
}

/// What each client does over and over. `number` counts the turns of all clients.
pub(crate) trait Client: Send + 'static {
    fn turn(&mut self, number: u64) -> impl Future<Output = io::Result<()>> + Send;
}

/// Lets `clients` take turns. The first turn that fails ends it, and so does it when none ends.
pub(crate) async fn run<C: Client>(clients: Vec<C>, until: Until) -> Result<Outcome, String> {
    let (next, began) = (Arc::new(AtomicU64::new(0)), Instant::now());
    // One for all: with room for seconds it is a hundred kilobytes, and to have ten thousand
    // of them made took the load half of its processor time.
    let waits = Arc::new(Mutex::new(histogram()));
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let (next, waits) = (Arc::clone(&next), Arc::clone(&waits));
            tokio::spawn(async move {
                loop {
                    if matches!(until, Until::Past(span) if began.elapsed() >= span) {
                        return Ok(());
                    }
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if matches!(until, Until::Count(turns) if number >= turns) {
                        return Ok(());
                    }
                    let started = Instant::now();
                    client.turn(number).await.map_err(|error| format!("turn {number}: {error}"))?;
                    let wait = started.elapsed();
                    note(&mut waits.lock().unwrap_or_else(PoisonError::into_inner), wait);
                }
            })
        })
        .collect();
    let ending = async {
        for task in tasks {
            let ended: Result<(), String> = task.await.map_err(|error| error.to_string())?;
            ended?;
        }
        Ok::<_, String>(began.elapsed())
    };
    let took = tokio::select! {
        ended = ending => ended?,
        turns = stalled(&waits) => return Err(format!("nothing after turn {turns}")),
    };
    let waits = waits.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Outcome { turns: waits.len(), took, waits })
}

/// Returns when no turn has ended for [`TIMEOUT`], and how many had.
async fn stalled(waits: &Mutex<Histogram<u64>>) -> u64 {
    let ended = || waits.lock().unwrap_or_else(PoisonError::into_inner).len();
    let mut before = ended();
    loop {
        tokio::time::sleep(TIMEOUT).await;
        let now = ended();
        if now == before {
            return now;
        }
        before = now;
    }
}

pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("3 digits are allowed")
}

pub(crate) fn note(waits: &mut Histogram<u64>, wait: Duration) {
    // A histogram without bounds grows.
    let _ = waits.record(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX));
}

/// Connects, asks for the files of one phone after the other, and hangs up.
#[derive(Clone)]
pub(crate) struct Boots {
    pub connector: Connector,
    /// Files of each phone; none is a handshake alone.
    pub phones: Arc<Vec<Vec<String>>>,
    pub agent: &'static str,
}

impl Client for Boots {
    async fn turn(&mut self, number: u64) -> io::Result<()> {
        let mut connection = self.connector.open(number).await?;
        let files = &self.phones[number as usize % self.phones.len()];
        for (at, target) in files.iter().enumerate() {
            let close = at + 1 == files.len();
            expect(&mut connection, &Get { target, agent: self.agent, close }, 200).await?;
        }
        connection.close().await
    }
}

/// Asks, and makes another answer than the expected one an error.
pub(crate) async fn expect(
    connection: &mut Connection,
    get: &Get<'_>,
    status: u16,
) -> io::Result<()> {
    let answered = connection.status(get).await?;
    if answered == status {
        return Ok(());
    }
    Err(io::Error::other(format!("{}: status {answered}, not {status}", get.target)))
}
