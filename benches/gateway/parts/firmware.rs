//! A hundred phones that take 60 MB each from the gateway at once, and whether phones that boot
//! meanwhile notice.

use std::fs::{self, File};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::boots::{boots, fleet};
use super::strangers::probe;
use super::tls::CLIENTS;
use crate::Bench;
use crate::client::{Connector, Get, patient};
use crate::figures::{Better, Figure, Goal};
use crate::lab::{FOUR_AGENT, STREAM, four_mac};
use crate::load::Until;
use crate::process::{Gateway, Setup};

/// Phones that take their firmware at once, all behind one address.
const TAKERS: usize = 100;
/// A desk phone's firmware of today, in bytes.
const FIRMWARE: u64 = 60 << 20;
/// All their lines together, in bytes a second, where the gateway's line is what they wait for: a
/// gigabit.
const LINE: u64 = 125_000_000;

const NAME: &str = "firmware.ld";

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>, String> {
    let lower = |what: &str, unit| Figure::new("firmware", what, unit, Better::Lower);
    let alone = "boot of a known phone alone";
    let scenes = [
        ("beside 100 that take 60 MB on a gigabit", Some(LINE / TAKERS as u64)),
        ("beside 100 that take 60 MB as fast as they can", None),
    ];
    let mut waits = [("p50", 0.5), ("p99", 0.99)].map(|(name, quantile)| {
        let of = |scene: &str| lower(&format!("{scene}, {name}"), "ms");
        let beside = scenes.map(|(scene, _)| match quantile > 0.9 {
            true => of(scene).wanted(Goal::AtMost(100.0)),
            false => of(scene),
        });
        (quantile, of(alone), beside)
    });
    let mut taken = scenes.map(|(scene, _)| {
        let what = format!("{scene}: sent to them");
        Figure::new("firmware", what, "MB/s", Better::Higher)
    });
    let mut memory =
        scenes.map(|(scene, _)| lower(&format!("{scene}: more memory than alone"), "MB"));
    let files = fleet(STREAM);
    for _ in 0..bench.rounds.min(3) {
        let gateway = gateway(bench)?;
        let phones = boots(gateway.https.ok_or("no https listener")?, &files)?;
        // Once, so that no file is rendered meanwhile.
        crate::load::run(vec![phones.clone(); CLIENTS], Until::Count(STREAM as u64)).await?;
        let (booted, ()) = probe(&phones, async { Ok(()) }, bench.span).await?;
        for (quantile, alone, _) in &mut waits {
            alone.dialtone.push(booted.value_at_quantile(*quantile) as f64 / 1e3);
        }
        let before = gateway.memory();
        for (at, (_, pace)) in scenes.into_iter().enumerate() {
            let (booted, load) =
                probe(&phones, take(&gateway, pace, bench.span), bench.span).await?;
            for (quantile, _, beside) in &mut waits {
                beside[at].dialtone.push(booted.value_at_quantile(*quantile) as f64 / 1e3);
            }
            taken[at].dialtone.push(load.bytes as f64 / 1e6 / bench.span.as_secs_f64());
            memory[at].dialtone.push(load.most_memory.saturating_sub(before) as f64 / 1e6);
        }
    }
    let waits = waits.into_iter().flat_map(|(_, alone, beside)| [alone].into_iter().chain(beside));
    Ok(waits.chain(taken).chain(memory).collect())
}

/// One that hosts the firmware for all phones of the fleet.
fn gateway(bench: &Bench) -> Result<Gateway, String> {
    let files = bench.lab.folder("firmware/files")?;
    let folder = bench.lab.folder("firmware/files/families/polycom")?;
    let write = || -> io::Result<()> {
        let mut file = File::create(folder.join(NAME))?;
        // Written, not left out: what is sent is read from the disk, or was once.
        let part: Vec<u8> = (0..1_u32 << 20).map(|at| (at % 251) as u8).collect();
        (0..FIRMWARE / part.len() as u64).try_for_each(|_| file.write_all(&part))
    };
    if fs::metadata(folder.join(NAME)).map_or(0, |metadata| metadata.len()) != FIRMWARE {
        write().map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    bench.lab.gateway("firmware", &Setup { files: Some(files), ..bench.lab.ecdsa() })
}

/// What taking it came to.
struct Taken {
    bytes: u64,
    /// The most that the gateway held, in bytes.
    most_memory: u64,
}

/// Has all of them take the file for `span`, over and over, each `pace` bytes a second at most.
async fn take(gateway: &Gateway, pace: Option<u64>, span: Duration) -> Result<Taken, String> {
    let (bytes, is_over) = (Arc::new(AtomicU64::new(0)), AtomicBool::new(false));
    let until = Instant::now() + span;
    let takers: Vec<_> = (0..TAKERS)
        .map(|number| {
            let connector = Connector::plain(gateway.http);
            tokio::spawn(take_files(connector, number, pace, until, Arc::clone(&bytes)))
        })
        .collect();
    let ending = async {
        for taker in takers {
            let taken = taker.await.map_err(|error| error.to_string())?;
            taken.map_err(|error| format!("firmware: {error}"))?;
        }
        is_over.store(true, Ordering::Relaxed);
        Ok::<_, String>(())
    };
    let watching = async {
        let mut most = 0;
        while !is_over.load(Ordering::Relaxed) && Instant::now() < until + span {
            most = most.max(gateway.memory());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        most
    };
    let (ended, most_memory) = tokio::join!(ending, watching);
    ended?;
    Ok(Taken { bytes: bytes.load(Ordering::Relaxed), most_memory })
}

async fn take_files(
    connector: Connector,
    number: usize,
    pace: Option<u64>,
    until: Instant,
    taken: Arc<AtomicU64>,
) -> io::Result<()> {
    let target = format!("/files/{}/{NAME}", four_mac(number));
    let get = Get { target: &target, agent: FOUR_AGENT, close: true };
    while Instant::now() < until {
        let mut connection = connector.open(0).await?;
        let (status, length) = patient(connection.begin(&get)).await?;
        if (status, length) != (200, FIRMWARE) {
            return Err(io::Error::other(format!("{target}: status {status}, {length} bytes")));
        }
        let (began, mut own) = (Instant::now(), 0);
        while own < length && Instant::now() < until {
            let part = patient(connection.pass_over()).await?;
            own += part;
            taken.fetch_add(part, Ordering::Relaxed);
            if let Some(pace) = pace {
                let due = began + Duration::from_secs_f64(own as f64 / pace as f64);
                tokio::time::sleep_until(due.min(until).into()).await;
            }
        }
    }
    Ok(())
}
