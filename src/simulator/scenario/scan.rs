//! An attacker walks a manufacturer's block and asks for each phone's file, twice: for
//! addresses nobody has seen, then for the same again. Nothing may be served, and one
//! refusal must look like the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::domain::Mac;
use crate::simulator::boot::{Boot, BootOutcome};
use crate::simulator::boot_request::BootRequest;
use crate::simulator::connection::{Answer, Connection, MOST_BODY};
use crate::simulator::error::{BootError, ExchangeError};
use crate::simulator::fleet::{Member, Model};
use crate::simulator::lab::{Lab, Phase, share};
use crate::simulator::measure::{Figures, Latencies, Recorder};
use crate::simulator::report::{Finding, RunResult};
use crate::simulator::sample::{Ending, ErrorKind, Sample};

/// How many MACs are walked, how fast, and how.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Whose file is asked for, with its User-Agent.
    pub model: Arc<Model>,
    /// The first address; the rest follow it.
    pub first: Mac,
    /// How many addresses are asked for.
    pub requests: usize,
    /// 0: each worker asks as soon as it has its last answer, and latency counts from there:
    /// a gateway that stalls is asked less then, so only a rate tells how it would have been.
    pub requests_per_s: f64,
    /// Connections it uses, each from a source address of its own if there are several.
    pub workers: usize,
    /// How TLS is spoken; `None`: plain HTTP.
    pub tls: Option<Arc<ClientConfig>>,
}

/// Different refusals that are told; beyond a handful the point is made.
const MOST_KINDS: usize = 8;

/// How often each kind of refusal was seen.
type Kinds = BTreeMap<String, u64>;

/// Walks MACs nobody has, and looks whether the refusals differ.
pub async fn scan(lab: &Arc<Lab>, plan: &Scan) -> RunResult {
    let mut result = RunResult::default();
    let mut kinds = Kinds::new();
    for name in ["unknown", "again"] {
        let (phase, seen) = walk(lab, name, plan).await;
        for (kind, count) in seen {
            *kinds.entry(kind).or_default() += count;
        }
        result.phases.push(phase);
    }
    result.findings.push(alike(&kinds));
    let medians = result.phases.iter().map(|phase| answers(&phase.figures).quantile_ms(0.5));
    let medians: Vec<f64> = medians.collect();
    result.findings.push(Finding {
        ok: true,
        what: format!(
            "the median answer took {:.2} ms for addresses never seen, {:.2} ms for the same again",
            medians[0], medians[1]
        ),
    });
    result
}

fn alike(kinds: &Kinds) -> Finding {
    let what = match kinds.len() {
        0 => "there was no refusal to compare".to_owned(),
        1 => "all refusals look alike".to_owned(),
        many => {
            let told: Vec<String> = kinds
                .iter()
                .take(MOST_KINDS)
                .map(|(kind, count)| format!("{count} times {kind}"))
                .collect();
            format!("there are {many} kinds of refusal: {}", told.join("; "))
        }
    };
    Finding { ok: kinds.len() == 1, what }
}

fn answers(figures: &Figures) -> Latencies {
    let mut all = Latencies::default();
    figures.files.values().for_each(|file| all.merge(&file.took));
    all
}

async fn walk(lab: &Arc<Lab>, name: &str, plan: &Scan) -> (Phase, Kinds) {
    let running = lab.begin(name, plan.requests as u64);
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for own in 0..plan.workers {
        let (lab, recorder, plan) = (Arc::clone(lab), running.recorder(), plan.clone());
        tasks.spawn(async move {
            let mut worker = Worker {
                lab: &lab,
                plan: &plan,
                own,
                connection: None,
                kinds: Kinds::new(),
                free_since: began,
            };
            for at in (own..plan.requests).step_by(plan.workers) {
                worker.ask(at, began, &recorder).await;
            }
            worker.kinds
        });
    }
    let mut kinds = Kinds::new();
    while let Some(ended) = tasks.join_next().await {
        for (kind, count) in ended.expect("a worker neither panics nor is cancelled") {
            *kinds.entry(kind).or_default() += count;
        }
    }
    (running.end(), kinds)
}

struct Worker<'a> {
    lab: &'a Lab,
    plan: &'a Scan,
    own: usize,
    connection: Option<Connection>,
    kinds: Kinds,
    /// When it had its last answer.
    free_since: Instant,
}

impl Worker<'_> {
    async fn ask(&mut self, at: usize, began: Instant, recorder: &Recorder) {
        let plan = self.plan;
        let due = match all(plan) {
            Some(all) => began + share(all, at, plan.requests),
            None => Instant::now(),
        };
        sleep_until(due.into()).await;
        let lag = self.free_since.max(due).elapsed();
        let mac = Mac::from_bits(plan.first.bits() + at as u64);
        let member = Member { mac, model: Arc::clone(&plan.model) };
        let mut connections = 0;
        let result = self.answer(mac, &mut connections).await;
        let latency = due.elapsed();
        let ending = result.as_ref().map_or(Ending::Fault, Ending::of);
        let wanted = plan.model.wanted();
        let file = plan.model.boot.requests[wanted].path.fill(mac);
        let served = matches!(ending, Ending::Served | Ending::NotModified);
        if let (Ok(answer), false) = (&result, served) {
            self.see(answer);
        }
        let sample = Sample {
            file: plan.model.files[wanted],
            ending,
            latency,
            took: result.as_ref().ok().map(|answer| answer.took),
            body_bytes: result.as_ref().map_or(0, |answer| answer.body.len()),
            connections,
            error: ErrorKind::of(&result),
        };
        let outcome = match (result, ending) {
            (_, Ending::Refused) => BootOutcome::Refused,
            (Ok(answer), _) => {
                BootOutcome::Failed(BootError::Status { file, status: answer.status.as_u16() })
            }
            (Err(fault), _) => BootOutcome::Failed(BootError::Exchange { file, fault }),
        };
        self.lab.live.requests.fetch_add(1, Ordering::Relaxed);
        let boot = Boot { outcome, samples: vec![sample], lag, latency, needed_another: false };
        recorder.add(&self.lab.live, &member, &boot, served.then_some("was served"));
        self.free_since = Instant::now();
    }

    /// Counts the connections it opens in `connections`.
    async fn answer(&mut self, mac: Mac, connections: &mut u32) -> Result<Answer, ExchangeError> {
        let (dialer, model) = (&self.lab.dialer, &self.plan.model);
        loop {
            let mut connection = match self.connection.take().filter(Connection::is_open) {
                Some(connection) => connection,
                None => {
                    let connection =
                        dialer.dial(dialer.target(0), self.own, self.plan.tls.as_ref()).await?;
                    *connections += 1;
                    connection
                }
            };
            let request = BootRequest::new(dialer.target(0), model, model.wanted(), mac).ready();
            match connection.ask(request, MOST_BODY).await {
                Ok(answer) => {
                    if model.closes() {
                        connection.close().await;
                    } else {
                        self.connection = Some(connection);
                    }
                    return Ok(answer);
                }
                Err(ExchangeError::Closed(_)) if connection.answered > 0 => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Everything of an answer that an attacker sees, but the date.
    fn see(&mut self, answer: &Answer) {
        let mut seen = format!("status {}", answer.status.as_u16());
        for (name, value) in &answer.headers {
            seen.push_str(&format!(", {name}: {}", String::from_utf8_lossy(value.as_bytes())));
        }
        let body = String::from_utf8_lossy(&answer.body);
        seen.push_str(&format!(", body `{}`", body.chars().take(200).collect::<String>()));
        *self.kinds.entry(seen).or_default() += 1;
    }
}

/// How long the walk takes at its rate.
#[allow(clippy::cast_precision_loss, reason = "a number of requests")]
fn all(plan: &Scan) -> Option<Duration> {
    let seconds = plan.requests as f64 / plan.requests_per_s;
    Duration::try_from_secs_f64(seconds).ok()
}
