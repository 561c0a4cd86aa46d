//! Many clients at once, for a time or a number of turns.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::client::{Asked, Connection, Connector};

/// What became of a load.
pub struct Outcome {
    pub turns: u64,
    pub took: Duration,
    /// Microseconds of each turn.
    pub waits: Histogram<u64>,
}

impl Outcome {
    pub fn per_second(&self) -> f64 {
        self.turns as f64 / self.took.as_secs_f64()
    }
}

/// When clients stop.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    Past(Duration),
    /// So many turns of all clients together.
    Turns(u64),
}

/// What each client does over and over. `number` counts the turns of all clients.
pub trait Client: Send + 'static {
    fn turn(&mut self, number: u64) -> impl Future<Output = io::Result<()>> + Send;
}

/// Lets `clients` take turns. The first turn that fails ends it.
pub async fn run<C: Client>(clients: Vec<C>, until: Until) -> Result<Outcome, String> {
    let (next, began) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let next = next.clone();
            tokio::spawn(async move {
                let mut waits = histogram();
                loop {
                    if matches!(until, Until::Past(span) if began.elapsed() >= span) {
                        return Ok(waits);
                    }
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if matches!(until, Until::Turns(turns) if number >= turns) {
                        return Ok(waits);
                    }
                    let asked = Instant::now();
                    client.turn(number).await.map_err(|error| format!("turn {number}: {error}"))?;
                    note(&mut waits, asked.elapsed());
                }
            })
        })
        .collect();
    let mut waits = histogram();
    for task in tasks {
        let own: Result<Histogram<u64>, String> = task.await.map_err(|error| error.to_string())?;
        waits.add(own?).map_err(|error| error.to_string())?;
    }
    Ok(Outcome { turns: waits.len(), took: began.elapsed(), waits })
}

pub fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("3 digits are allowed")
}

pub fn note(waits: &mut Histogram<u64>, wait: Duration) {
    // A histogram without bounds grows.
    let _ = waits.record(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX));
}

/// Connects, asks for the files of one phone after the other, and hangs up.
#[derive(Clone)]
pub struct Boots {
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
            expect(&mut connection, &Asked { target, agent: self.agent, close }, 200).await?;
        }
        connection.close().await
    }
}

/// Asks, and makes another answer than the expected one an error.
pub async fn expect(connection: &mut Connection, asked: &Asked<'_>, status: u16) -> io::Result<()> {
    let answer = connection.get(asked).await?;
    if answer.status == status {
        return Ok(());
    }
    Err(io::Error::other(format!("{}: status {}, not {status}", asked.target, answer.status)))
}
