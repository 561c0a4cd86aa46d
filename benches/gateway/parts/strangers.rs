//! MACs never seen: how many a second are recorded, behind their refusals, and whether phones that are
//! known notice a storm of them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::sync::Semaphore;

use super::boots::{boots, fleet};
use super::tls::CLIENTS;
use super::{Measured, load};
use crate::Bench;
use crate::client::{Connection, Connector, Get, patient};
use crate::figures::{Better, Figure, Goal};
use crate::lab::{DESK_AGENT, DESK_FILE, FOUR_AGENT, STREAM};
use crate::load::{Boots, Client, Outcome, Until, expect, histogram, note};
use crate::process::{Gateway, Setup};

/// Callers at a time.
const CALLERS: usize = 512;

/// Strangers that storm while known phones ask.
const STORMERS: usize = 256;

/// Strangers a second in the storm that leaves room: ten thousand phones in two seconds.
const PACE: u32 = 5_000;

/// When a client may take its turn: at once, or when it has one of these, of which there are
/// [`PACE`] more every second, one at a time.
type Pace = Option<Arc<Semaphore>>;

/// From a thread of its own: the runtime's timers tell milliseconds, and five that come
/// together have known phones wait behind them whatever the gateway does.
async fn paced<L: Future>(storm: impl FnOnce(Pace) -> L) -> L::Output {
    let turns = Arc::new(Semaphore::new(0));
    // It ends when nobody wants a turn any more.
    std::thread::spawn({
        let turns = Arc::downgrade(&turns);
        move || {
            let began = Instant::now();
            for number in 1.. {
                let due = began + Duration::from_secs_f64(f64::from(number) / f64::from(PACE));
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let Some(turns) = turns.upgrade() else { return };
                turns.add_permits(1);
            }
        }
    });
    storm(Some(turns)).await
}

async fn turn(pace: &Pace) {
    if let Some(turns) = pace {
        turns.acquire().await.expect("it is never closed").forget();
    }
}

/// Known phones that boot meanwhile, one boot every [`PROBE_EVERY`] each.
const PROBES: u64 = 16;
const PROBE_EVERY: Duration = Duration::from_millis(50);

/// Asks with another MAC each time, over a connection that stays.
pub(super) struct Stranger {
    connector: Connector,
    connection: Option<Connection>,
    /// Numbers of MACs given out, beyond this run too: none comes twice.
    macs: Arc<AtomicU64>,
    pace: Pace,
}

impl Stranger {
    pub(super) fn new(connector: Connector, macs: Arc<AtomicU64>) -> Stranger {
        Stranger { connector, connection: None, macs, pace: None }
    }
}

impl Client for Stranger {
    async fn turn(&mut self, number: u64) -> io::Result<()> {
        turn(&self.pace).await;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            closed => closed.insert(self.connector.open(number).await?),
        };
        let target = stranger_file(self.macs.fetch_add(1, Ordering::Relaxed));
        // It is told nothing.
        expect(connection, &Get { target: &target, agent: FOUR_AGENT, close: false }, 404).await
    }
}

/// All over another block of Polycom's than the one whose phones are known.
fn stranger_file(number: u64) -> String {
    // Odd, so that each number below 2^24 has its own place.
    let low = number.wrapping_mul(0x9e37_79b1) & 0xff_ffff;
    format!("/{:012x}.cfg", 0x0090_7a00_0000 | low)
}

pub(super) async fn first_contact(bench: &Bench) -> Result<Vec<Figure>, String> {
    let rate = "unknown phones recorded, 512 connections";
    let mut rate = Figure::new("first contact", rate, "requests/s", Better::Higher)
        .wanted(Goal::AtLeast(20_000.0));
    let mut refused = Figure::new("first contact", "refused", "requests/s", Better::Higher);
    let mut wait = Figure::new("first contact", "wait, p99", "ms", Better::Lower);
    let mut cost = Figure::new("first contact", "one", "us of server CPU", Better::Lower);
    for _ in 0..bench.rounds {
        let gateway = bench.lab.empty_gateway("strangers", &Setup::default())?;
        let (recorded, measured, outcome) = storm(&gateway, bench.span).await?;
        rate.dialtone.push(recorded);
        refused.dialtone.push(measured.per_second);
        wait.dialtone.push(outcome.waits.value_at_quantile(0.99) as f64 / 1e3);
        cost.dialtone.push(measured.cpu * 1e6 / measured.count as f64);
    }
    Ok(vec![rate, refused, wait, cost])
}

/// Another MAC with every request of [`CALLERS`]: how many were recorded a second, what all were
/// told, and how they waited for that.
pub(super) async fn storm(
    gateway: &Gateway,
    span: Duration,
) -> Result<(f64, Measured, Outcome), String> {
    let macs = Arc::default();
    let stranger = || Stranger::new(Connector::plain(gateway.http), Arc::clone(&macs));
    let clients: Vec<Stranger> = (0..CALLERS).map(|_| stranger()).collect();
    let (measured, outcome) = load(clients, Until::Past(span), || gateway.cpu()).await?;
    let seconds = measured.count as f64 / measured.per_second;
    // What the queue has no room for is dropped.
    Ok((recorded(gateway).await? / seconds, measured, outcome))
}

/// How many unknown phones the gateway knows of, as it tells whoever watches over it.
async fn recorded(gateway: &Gateway) -> Result<f64, String> {
    let ready = Get { target: "/ready", agent: "bench", close: true };
    let asking = async { Connector::plain(gateway.admin).open(0).await?.get(&ready).await };
    let answer = patient(asking).await.map_err(|error| format!("/ready: {error}"))?;
    let said: serde_json::Value =
        serde_json::from_slice(&answer.body).map_err(|error| format!("/ready: {error}"))?;
    said["inactive"]["devices"].as_f64().ok_or_else(|| format!("/ready: {said}"))
}

/// How long known phones take to boot: alone; beside strangers at a rate no delivery of phones
/// has; and beside as many as can be made, which fill the processors.
///
/// The load is made on the same processors, so that a known phone waits for a turn on one
/// whoever else asks. Beside each storm of strangers stands the same one of known phones.
pub(super) async fn overload(bench: &Bench) -> Result<Vec<Figure>, String> {
    let mut figures = Vec::new();
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        let waits = SCENES
            .map(|scene| Figure::new("overload", format!("{scene}, {name}"), "ms", Better::Lower));
        let times = COMPARED.map(|(what, ..)| {
            Figure::new("overload", format!("{what}, {name}"), "times", Better::Lower)
                .wanted(Goal::AtMost(2.0))
        });
        figures.push((quantile, waits, times));
    }
    let mut rate = Figure::new("overload", "strangers that fill it", "requests/s", Better::Higher);
    let files = fleet(STREAM);
    for _ in 0..bench.rounds.min(3) {
        let gateway = bench.lab.gateway("overload", &bench.lab.ecdsa())?;
        let connector = Connector::plain(gateway.http);
        let phones = boots(gateway.https.ok_or("no https listener")?, &files)?;
        // Once, so that no file is rendered meanwhile.
        let before = vec![phones.clone(); CLIENTS];
        crate::load::run(before, Until::Count(STREAM as u64)).await?;
        let until = Until::Past(bench.span);
        let macs = Arc::default();
        let strangers = |pace: Pace| {
            let stranger = || Stranger::new(connector.clone(), Arc::clone(&macs));
            let strangers = (0..STORMERS).map(|_| Stranger { pace: pace.clone(), ..stranger() });
            crate::load::run(strangers.collect(), until)
        };
        let known = |pace: Pace| {
            let known =
                || Known { connector: connector.clone(), connection: None, pace: pace.clone() };
            crate::load::run((0..STORMERS).map(|_| known()).collect(), until)
        };
        let alone = probe(&phones, async { Ok(()) }, bench.span).await?.0;
        let load = paced(&known);
        let beside_known = probe(&phones, load, bench.span).await?.0;
        let load = paced(&strangers);
        let beside_strangers = probe(&phones, load, bench.span).await?.0;
        let load = known(None);
        let full_of_known = probe(&phones, load, bench.span).await?.0;
        let load = strangers(None);
        let (full_of_strangers, storm) = probe(&phones, load, bench.span).await?;
        rate.dialtone.push(storm.per_second());
        let scenes = [&alone, &beside_known, &beside_strangers, &full_of_known, &full_of_strangers];
        for (quantile, waits, times) in &mut figures {
            let values = scenes.map(|waits| waits.value_at_quantile(*quantile) as f64 / 1e3);
            for (figure, value) in waits.iter_mut().zip(values) {
                figure.dialtone.push(value);
            }
            for (figure, (_, slow, fast)) in times.iter_mut().zip(COMPARED) {
                figure.dialtone.push(values[slow] / values[fast]);
            }
        }
    }
    let figures = figures.into_iter().flat_map(|(_, waits, times)| waits.into_iter().chain(times));
    Ok(figures.chain([rate]).collect())
}

const SCENES: [&str; 5] = [
    "boot of a known phone alone",
    "beside 5000 requests of known phones a second",
    "beside 5000 strangers a second",
    "beside known phones that fill the processors",
    "beside strangers that fill the processors",
];

/// Places in [`SCENES`]: the slower one and what it is measured by.
const COMPARED: [(&str, usize, usize); 3] = [
    ("beside 5000 strangers a second against alone", 2, 0),
    ("beside 5000 strangers a second against as many known phones", 2, 1),
    ("processors full of strangers against full of known phones", 4, 3),
];

/// Asks for the file of one known phone over and over.
struct Known {
    connector: Connector,
    connection: Option<Connection>,
    pace: Pace,
}

impl Client for Known {
    async fn turn(&mut self, number: u64) -> io::Result<()> {
        turn(&self.pace).await;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            closed => closed.insert(self.connector.open(number).await?),
        };
        let get = Get { target: DESK_FILE, agent: DESK_AGENT, close: false };
        expect(connection, &get, 200).await
    }
}

/// Lets known phones boot at their times for `span`, whatever the storm does, and says how
/// long each took. On a thread of their own, so that the storm's clients are not before
/// them in a queue.
pub(super) async fn probe<S>(
    phones: &Boots,
    storm: impl Future<Output = Result<S, String>>,
    span: Duration,
) -> Result<(Histogram<u64>, S), String> {
    let phones = phones.clone();
    let probing = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let probes = (0..PROBES).map(|number| boot_regularly(phones.clone(), number, span));
            let mut waits = histogram();
            for probe in probes.map(tokio::spawn).collect::<Vec<_>>() {
                waits.add(probe.await??).map_err(io::Error::other)?;
            }
            io::Result::Ok(waits)
        })
    });
    let storm = storm.await?;
    let waits = probing.await.map_err(|error| error.to_string())?;
    Ok((waits.map_err(|error| error.to_string())?, storm))
}

async fn boot_regularly(
    mut phones: Boots,
    mut number: u64,
    span: Duration,
) -> io::Result<Histogram<u64>> {
    let mut waits = histogram();
    let began = Instant::now();
    // Not all at once.
    let mut due = began + PROBE_EVERY * number as u32 / PROBES as u32;
    while began.elapsed() < span {
        // A boot that ended late makes the next one late: it counts from its time.
        // The timer's own inexactness, a millisecond, does not count.
        let late = Instant::now() > due;
        tokio::time::sleep_until(due.into()).await;
        let from = if late { due } else { Instant::now() };
        patient(phones.turn(number)).await?;
        note(&mut waits, from.elapsed());
        due += PROBE_EVERY;
        number += PROBES;
    }
    Ok(waits)
}
