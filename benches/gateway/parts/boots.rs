//! Whole boots of known phones: TLS 1.3, four files, goodbye. A steady stream of them, and
//! ten thousand phones at once, as after a power cut.

use std::net::SocketAddr;
use std::sync::Arc;

use dialtone::domain::Mac;

use super::tls::{CLIENTS, client_tls};
use super::{Pair, load};
use crate::Bench;
use crate::client::Connector;
use crate::figures::{Better, Figure, Goal};
use crate::lab::{FLEET, FOUR_AGENT, STREAM, four_files};
use crate::load::{Boots, Until};
use crate::process::{Gateway, WORKERS, cpu_of};

/// Loopback addresses the ten thousand come from, some hundred each, as sites behind NAT.
const SITES: u64 = 64;

/// Bare handshakes that are weighed before the storm.
const WEIGHED: u64 = 4_000;

pub(super) fn boots(address: SocketAddr, phones: &Arc<Vec<Vec<String>>>) -> Result<Boots, String> {
    let tls = client_tls(None)?.of(Mac::from_bits(0)).map_err(|error| error.to_string())?;
    let connector = Connector::tls(address, vec![tls]).with_source_addresses(SITES);
    Ok(Boots { connector, phones: phones.clone(), agent: FOUR_AGENT })
}

pub(super) fn fleet(count: usize) -> Arc<Vec<Vec<String>>> {
    Arc::new((0..count).map(|number| four_files(number).to_vec()).collect())
}

pub(super) async fn stream(bench: &Bench) -> Result<Vec<Figure>, String> {
    let gateway = bench.lab.gateway("boots", &bench.lab.ecdsa())?;
    let own = gateway.https.ok_or("no https listener")?;
    let units = ("boots/s", "us of server CPU");
    let mut pair = Pair::new("boot", "TLS 1.3 and four files", units, None, Some(2.0));
    let phones = fleet(STREAM);
    // Once for every phone: what is measured is a boot of a phone that has booted before.
    let before = vec![boots(own, &phones)?; CLIENTS];
    crate::load::run(before, Until::Count(STREAM as u64)).await?;
    for _ in 0..bench.rounds {
        let until = Until::Past(bench.span);
        let clients = vec![boots(own, &phones)?; CLIENTS];
        pair.dialtone(load(clients, until, || gateway.cpu()).await?.0);
        let clients = vec![boots(bench.nginx.ecdsa, &phones)?; CLIENTS];
        pair.nginx(load(clients, until, || bench.nginx.cpu()).await?.0);
    }
    Ok(pair.figures().into())
}

/// A storm must be over soon after the processors can have done its handshakes, the phones'
/// side of them too, as the phones are on the same processors here. The first storm meets a
/// gateway just started, which has rendered nothing; the second one that has.
pub(super) async fn storm(bench: &Bench) -> Result<Vec<Figure>, String> {
    let lower = |what: &str, unit| Figure::new("storm", what, unit, Better::Lower);
    let [mut first, mut second] =
        ["10,000 at once, just started", "10,000 at once, again"].map(|what| {
            [
                lower(&format!("{what}: from the first to the last"), "s"),
                lower(&format!("{what}: all boots"), "s of server CPU"),
                lower(&format!("{what}: boot of one, p99"), "s"),
                lower(&format!("{what}: the kernel's queue was full"), "times"),
            ]
        });
    let mut times =
        lower("10,000 at once, again: against bare handshakes", "times").wanted(Goal::AtMost(1.5));
    let phones = fleet(FLEET);
    for _ in 0..if bench.quick { 1 } else { bench.rounds.min(3) } {
        let gateway = bench.lab.gateway("storm", &bench.lab.ecdsa())?;
        let own = gateway.https.ok_or("no https listener")?;
        let storm = async || at_once(vec![boots(own, &phones)?; FLEET], || gateway.cpu()).await;
        let just_started = storm().await?;
        // The machine may be slower a moment later: what the storm is measured by is
        // weighed right before and right after it.
        let before = bare_handshake(own, &gateway).await?;
        let again = storm().await?;
        let after = bare_handshake(own, &gateway).await?;
        times.dialtone.push(again[0] / ((before + after) / 2.0 * FLEET as f64));
        for (figures, own) in [(&mut first, just_started), (&mut second, again)] {
            let clients = vec![boots(bench.nginx.ecdsa, &phones)?; FLEET];
            let other = at_once(clients, || bench.nginx.cpu()).await?;
            for ((figure, own), other) in figures.iter_mut().zip(own).zip(other) {
                figure.dialtone.push(own);
                figure.nginx.push(other);
            }
        }
    }
    Ok([times].into_iter().chain(first).chain(second).collect())
}

/// Every client once: seconds in all, seconds of the server's processor time, of one boot at
/// p99, and how often a phone had to knock again, a second or more later.
async fn at_once(
    clients: Vec<Boots>,
    cpu: impl Fn() -> std::time::Duration,
) -> Result<[f64; 4], String> {
    let turns = Until::Count(clients.len() as u64);
    let before = overflows();
    let (measured, outcome) = load(clients, turns, cpu).await?;
    let p99 = outcome.waits.value_at_quantile(0.99) as f64 / 1e6;
    Ok([outcome.took.as_secs_f64(), measured.cpu, p99, overflows() - before])
}

/// How often a listener of this machine had no room for a connection; 0 where the kernel
/// does not say.
fn overflows() -> f64 {
    let text = std::fs::read_to_string("/proc/net/netstat").unwrap_or_default();
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else { return 0.0 };
    let mut pairs = names.split(' ').zip(values.split(' '));
    let found = pairs.find(|(name, _)| *name == "ListenOverflows");
    found.and_then(|(_, value)| value.parse().ok()).unwrap_or(0.0)
}

/// Seconds that one handshake with nothing after it takes, both its ends on [`WORKERS`] processors.
async fn bare_handshake(own: SocketAddr, gateway: &Gateway) -> Result<f64, String> {
    let nothing = Arc::new(vec![Vec::new()]);
    let clients = vec![boots(own, &nothing)?; CLIENTS];
    let this = std::process::id();
    let both = || cpu_of(this) + gateway.cpu();
    let (measured, outcome) = load(clients, Until::Count(WEIGHED), both).await?;
    Ok(measured.cpu / outcome.turns as f64 / WORKERS as f64)
}
