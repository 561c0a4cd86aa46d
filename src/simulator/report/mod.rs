//! What a run was and what came of it: for a program as JSON, for people as a table.

mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::lab::{Lab, Phase};
use super::measure::{Figures, Latencies};
use super::operator::Calls;
use super::own_cost;
use super::sample::Ending;
use super::wire::WireCounts;

/// All of it. Times in the unit their names end in.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The name of the scenario, as the command has it.
    pub scenario: String,
    /// The URLs that phones asked, with blanks between.
    pub target: String,
    /// The seed, with which the same run can be made again.
    pub seed: u64,
    /// How many phones took part.
    pub phones: usize,
    /// Whether every phone got what it should, and nothing else was wrong.
    pub as_expected: bool,
    /// How long the whole run took.
    pub duration_s: f64,
    /// What came of each phase, in order.
    pub phases: Vec<PhaseReport>,
    /// What came of operators' calls, by verb of the admin API.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub admin: BTreeMap<String, CallsReport>,
    /// What the whole run put on the wire, operators included.
    pub wire: WireReport,
    /// What the simulator itself took.
    pub own: OwnReport,
    /// What else was found, good or bad.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// Something a scenario looked for, and how it was.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Whether it was as it should be.
    pub ok: bool,
    /// What was looked for and found, a sentence.
    pub what: String,
}

/// What came of one phase.
#[derive(Debug, Clone, Serialize)]
pub struct PhaseReport {
    /// The name of the phase.
    pub name: String,
    /// How long it took.
    pub duration_s: f64,
    /// Boots that ended in it.
    pub boots: u64,
    /// Boots that ended in a second, on average.
    pub boots_per_s: f64,
    /// Boots after which the phone could register.
    pub configured: u64,
    /// Boots that were refused.
    pub refused: u64,
    /// Boots that failed.
    pub failed: u64,
    /// Boots that ended otherwise than they should.
    pub unexpected: u64,
    /// Boots that turned to another target, because one did not answer or was not ready.
    pub needed_another: u64,
    /// How long boots took, from when they were due.
    pub boot_ms: Quantiles,
    /// How late the simulator began boots; near the latencies, it measures itself.
    pub lag_ms: Quantiles,
    /// What its phones put on the wire.
    pub wire: WireReport,
    /// What came of each file that was asked for.
    pub files: Vec<FileReport>,
    /// Why boots failed or were unexpected.
    pub errors: Vec<ErrorReport>,
}

/// What came of the requests for one file of a family.
#[derive(Debug, Clone, Serialize)]
pub struct FileReport {
    /// The name of the family.
    pub family: String,
    /// The file's path pattern, as `family.toml` writes it.
    pub file: String,
    /// Requests for it, those that were made again included.
    pub requests: u64,
    /// How many requests ended in which way.
    pub endings: BTreeMap<&'static str, u64>,
    /// How long it took from when the phone wanted it, connecting included.
    pub latency_ms: Quantiles,
    /// How long it took on the wire, from the request to the whole answer.
    pub answer_ms: Quantiles,
    /// Bytes of all bodies together.
    pub body_bytes: u64,
    /// Connections opened to ask for it, and TLS handshakes on them.
    pub connections: u64,
    /// TLS handshakes on these connections.
    pub tls_handshakes: u64,
    /// Requests that went wrong, by kind; some were made again and went well then.
    pub errors: BTreeMap<String, u64>,
}

/// One kind of error, with an example.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorReport {
    /// A short name of the kind.
    pub kind: String,
    /// How often it happened.
    pub count: u64,
    /// What the first case said.
    pub example: String,
}

/// Quantiles of a time, in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Quantiles {
    /// Half took no longer.
    pub p50: f64,
    /// Nine in ten took no longer.
    pub p90: f64,
    /// 99 in a hundred took no longer.
    pub p99: f64,
    /// 999 in a thousand took no longer.
    pub p99_9: f64,
    /// None took longer.
    pub max: f64,
}

/// What came of the calls of one verb.
#[derive(Debug, Clone, Serialize)]
pub struct CallsReport {
    /// How many calls were made.
    pub calls: u64,
    /// How many of them brought nothing.
    pub failed: u64,
    /// How long they took, from when they were due.
    pub latency_ms: Quantiles,
    /// What the first failure said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

/// What went over the wire, TLS and all.
#[derive(Debug, Clone, Serialize)]
pub struct WireReport {
    /// Connections that were opened.
    pub connections: u64,
    /// TLS handshakes that were completed.
    pub tls_handshakes: u64,
    /// Bytes that the simulator sent.
    pub bytes_sent: u64,
    /// Bytes that the simulator received.
    pub bytes_received: u64,
}

/// The simulator's own cost. On one machine with the gateway, both share its processors:
/// take this off before saying what the gateway can do.
#[derive(Debug, Clone, Serialize)]
pub struct OwnReport {
    /// Processor time of the whole run.
    pub cpu_s: f64,
    /// Processors kept busy on average.
    pub cpus_busy: f64,
    /// Processor time of the run, shared among its requests.
    pub cpu_us_per_request: f64,
    /// The most memory it had at a time, in units of 1,000,000 bytes; `None` where the system does
    /// not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_mb: Option<f64>,
}

/// What a scenario hands over.
#[derive(Debug, Default)]
pub struct RunResult {
    /// The phases of the run, in order.
    pub phases: Vec<Phase>,
    /// What operators called, by verb.
    pub calls: BTreeMap<String, Calls>,
    /// What the scenario looked for.
    pub findings: Vec<Finding>,
}

/// Where a report's figures begin: the clocks at the start of a run.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    at: std::time::Instant,
    cpu: Duration,
}

impl Start {
    /// The moment from which a run's own costs count.
    #[must_use]
    pub fn now() -> Start {
        Start { at: std::time::Instant::now(), cpu: own_cost::cpu_time() }
    }
}

impl Report {
    /// Makes the report of a run that is over: the time from `start` to now counts.
    #[must_use]
    pub fn new(
        scenario: &str,
        lab: &Lab,
        phones: usize,
        start: Start,
        result: &RunResult,
    ) -> Report {
        let took = start.at.elapsed();
        let cpu = own_cost::cpu_time().saturating_sub(start.cpu);
        let requests: u64 = result.phases.iter().map(|phase| phase.figures.requests()).sum();
        let as_expected = result.phases.iter().all(|phase| phase.figures.unexpected == 0)
            && result.findings.iter().all(|finding| finding.ok)
            && result.calls.values().all(|calls| calls.failed == 0);
        Report {
            scenario: scenario.to_owned(),
            target: targets(lab),
            seed: lab.seed,
            phones,
            as_expected,
            duration_s: took.as_secs_f64(),
            phases: result.phases.iter().map(|phase| phase_report(lab, phase)).collect(),
            admin: result.calls.iter().map(|(verb, own)| (verb.clone(), calls(own))).collect(),
            wire: WireReport::from(lab.dialer.wire.counts()),
            own: OwnReport {
                cpu_s: cpu.as_secs_f64(),
                cpus_busy: ratio(cpu.as_secs_f64(), took.as_secs_f64()),
                cpu_us_per_request: ratio(cpu.as_secs_f64() * 1e6, float(requests)),
                peak_memory_mb: own_cost::peak_memory().map(|bytes| float(bytes) / 1e6),
            },
            findings: result.findings.clone(),
        }
    }

    /// The report for people, a table.
    #[must_use]
    pub fn table(&self) -> String {
        table::of(self)
    }

    /// The report for programs, JSON.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers, text and lists are JSON")
    }
}

impl From<WireCounts> for WireReport {
    fn from(counts: WireCounts) -> WireReport {
        WireReport {
            connections: counts.connections,
            tls_handshakes: counts.handshakes,
            bytes_sent: counts.sent,
            bytes_received: counts.received,
        }
    }
}

impl Quantiles {
    fn of(latencies: &Latencies) -> Quantiles {
        Quantiles {
            p50: latencies.quantile_ms(0.5),
            p90: latencies.quantile_ms(0.9),
            p99: latencies.quantile_ms(0.99),
            p99_9: latencies.quantile_ms(0.999),
            max: latencies.max_ms(),
        }
    }
}

/// Each URL once, also one that is of several addresses.
fn targets(lab: &Lab) -> String {
    let mut urls: Vec<String> = lab.dialer.targets().iter().map(ToString::to_string).collect();
    urls.dedup();
    urls.join(" ")
}

fn phase_report(lab: &Lab, phase: &Phase) -> PhaseReport {
    let figures = &phase.figures;
    PhaseReport {
        name: phase.name.clone(),
        duration_s: phase.took.as_secs_f64(),
        boots: figures.boots(),
        boots_per_s: ratio(float(figures.boots()), phase.took.as_secs_f64()),
        configured: figures.configured,
        refused: figures.refused,
        failed: figures.failed,
        unexpected: figures.unexpected,
        needed_another: figures.needed_another,
        boot_ms: Quantiles::of(&figures.boot),
        lag_ms: Quantiles::of(&figures.lag),
        wire: WireReport::from(phase.wire),
        files: files(lab, figures),
        errors: figures
            .errors
            .iter()
            .map(|(kind, trouble)| ErrorReport {
                kind: kind.clone(),
                count: trouble.count,
                example: trouble.example.clone(),
            })
            .collect(),
    }
}

fn files(lab: &Lab, figures: &Figures) -> Vec<FileReport> {
    let mut places: Vec<usize> = figures.files.keys().copied().collect();
    places.sort_unstable();
    let has_tls = lab.dialer.target(0).tls_name.is_some();
    let report = |at: usize| {
        let (own, (family, file)) = (&figures.files[&at], &lab.files[at]);
        let count = |ending: &Ending| own.endings.get(ending).copied().unwrap_or(0);
        FileReport {
            family: family.clone(),
            file: file.clone(),
            requests: own.endings.values().sum(),
            endings: Ending::ALL.iter().map(|(ending, name)| (*name, count(ending))).collect(),
            latency_ms: Quantiles::of(&own.latency),
            answer_ms: Quantiles::of(&own.took),
            body_bytes: own.body_bytes,
            connections: own.connections,
            tls_handshakes: if has_tls { own.connections } else { 0 },
            errors: own.errors.iter().map(|(kind, count)| (kind.to_string(), *count)).collect(),
        }
    };
    places.into_iter().map(report).collect()
}

fn calls(calls: &Calls) -> CallsReport {
    CallsReport {
        calls: calls.latency.count(),
        failed: calls.failed,
        latency_ms: Quantiles::of(&calls.latency),
        example: calls.example.clone(),
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts and bytes of one run")]
fn float(number: u64) -> f64 {
    number as f64
}

fn ratio(all: f64, parts: f64) -> f64 {
    if parts > 0.0 { all / parts } else { 0.0 }
}
