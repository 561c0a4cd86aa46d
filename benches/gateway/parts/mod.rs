//! The parts of a run, one file each.

mod at_rest;
mod boots;
mod database;
mod firmware;
mod growth;
mod in_process;
mod policy;
mod refusals;
mod requests;
mod strangers;
mod tls;

use clap::ValueEnum;

use crate::Bench;
use crate::figures::{Better, Figure, Goal};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// One file over HTTP: kept connections, new connections, 304.
    Requests,
    /// A new TLS connection for each request: ECDSA, RSA, client certificates.
    Tls,
    /// Boots of known phones: TLS, four files.
    Boot,
    /// Ten thousand boots at once.
    Storm,
    /// Unknown phones, recorded behind the answer.
    FirstContact,
    /// Whether the time of a refusal tells why.
    Refusals,
    /// The same in processor time, without a network.
    RefusalsInProcess,
    /// What a known phone's request costs more where its company asks for something.
    Policy,
    /// What it costs that secrets in the store are encrypted.
    AtRest,
    /// Known phones while unknown ones storm.
    Overload,
    /// Known phones while a hundred take their firmware.
    Firmware,
    /// A thousand to a million known phones.
    Growth,
    /// Identify, look up, resolve, render, without a network.
    InProcess,
    /// The registry in PostgreSQL: known phones, and unknown ones that are recorded.
    Database,
}

impl Part {
    pub(crate) async fn run(self, bench: &Bench) -> Result<Vec<Figure>, String> {
        match self {
            Part::Requests => requests::run(bench).await,
            Part::Tls => tls::run(bench).await,
            Part::Boot => boots::stream(bench).await,
            Part::Storm => boots::storm(bench).await,
            Part::FirstContact => strangers::first_contact(bench).await,
            Part::Refusals => refusals::run(bench).await,
            Part::RefusalsInProcess => refusals::in_process(bench).await,
            Part::Policy => policy::run(bench).await,
            Part::AtRest => at_rest::run(bench).await,
            Part::Overload => strangers::overload(bench).await,
            Part::Firmware => firmware::run(bench).await,
            Part::Growth => growth::run(bench).await,
            Part::InProcess => in_process::run(bench).await,
            Part::Database => database::run(bench).await,
        }
    }
}

/// One way of asking both servers: how many a second, and what one costs the server. The
/// first is what the load generator, on the same processors, leaves of it.
pub(crate) struct Pair {
    rate: Figure,
    cost: Figure,
}

/// What one measurement of one server gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub per_second: f64,
    pub count: u64,
    /// Seconds of processor time the server took.
    pub cpu: f64,
}

impl Pair {
    /// `rate` and `cost` are the wanted ratios.
    pub(crate) fn new(
        part: &'static str,
        what: &str,
        (rate_unit, cost_unit): (&'static str, &'static str),
        rate: Option<f64>,
        cost: Option<f64>,
    ) -> Pair {
        let figure = |unit, better, times: Option<f64>| {
            let figure = Figure::new(part, what, unit, better);
            match times {
                Some(times) => figure.wanted(Goal::Times(times)),
                None => figure,
            }
        };
        Pair {
            rate: figure(rate_unit, Better::Higher, rate),
            cost: figure(cost_unit, Better::Lower, cost),
        }
    }

    pub(crate) fn dialtone(&mut self, measured: Measured) {
        self.rate.dialtone.push(measured.per_second);
        self.cost.dialtone.push(measured.cpu * 1e6 / measured.count as f64);
    }

    pub(crate) fn nginx(&mut self, measured: Measured) {
        self.rate.nginx.push(measured.per_second);
        self.cost.nginx.push(measured.cpu * 1e6 / measured.count as f64);
    }

    pub(crate) fn figures(self) -> [Figure; 2] {
        [self.rate, self.cost]
    }
}

/// Runs wrk and counts what the server took meanwhile.
pub(crate) async fn wrk(
    url: String,
    headers: &[String],
    bench: &Bench,
    cpu: impl Fn() -> std::time::Duration,
) -> Result<Measured, String> {
    let before = cpu();
    let throughput = crate::wrk::run(url, headers.to_vec(), bench.span).await?;
    let cpu = (cpu() - before).as_secs_f64();
    Ok(Measured { per_second: throughput.per_second, count: throughput.requests, cpu })
}

/// Runs a load of ours and counts what the server took meanwhile.
pub(crate) async fn load<C: crate::load::Client>(
    clients: Vec<C>,
    until: crate::load::Until,
    cpu: impl Fn() -> std::time::Duration,
) -> Result<(Measured, crate::load::Outcome), String> {
    let before = cpu();
    let outcome = crate::load::run(clients, until).await?;
    let cpu = (cpu() - before).as_secs_f64();
    Ok((Measured { per_second: outcome.per_second(), count: outcome.turns, cpu }, outcome))
}
