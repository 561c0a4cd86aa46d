//! What happened, counted while it happens: by file, by outcome, in histograms.
//!
//! A phone gathers its own samples and hands them over once a boot, so that two
//! phones seldom want the same lock. The histograms are merged when a phase ends.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use http::StatusCode;

use super::connection::Answer;
use super::error::{BootError, ExchangeError};
use super::fleet::Member;
use super::outcome_log::OutcomeLog;
use super::read_config::Line;

/// How one request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// 2xx.
    Served,
    /// 304.
    NotModified,
    /// 4xx.
    Refused,
    /// 5xx, 429 and whatever else a phone takes for trouble.
    Trouble,
    /// No answer.
    Fault,
}

impl Ending {
    /// Every kind with the name it is reported by.
    pub const ALL: [(Ending, &'static str); 5] = [
        (Ending::Served, "served"),
        (Ending::NotModified, "not_modified"),
        (Ending::Refused, "refused"),
        (Ending::Trouble, "trouble"),
        (Ending::Fault, "fault"),
    ];

    /// What an answer's status is to a phone.
    #[must_use]
    pub fn of(answer: &Answer) -> Ending {
        match answer.status {
            StatusCode::NOT_MODIFIED => Ending::NotModified,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Ending::Trouble,
            status if status.is_success() => Ending::Served,
            status if status.is_client_error() => Ending::Refused,
            _ => Ending::Trouble,
        }
    }
}

/// What went wrong with one request, by the names that failures of boots have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// No answer, or one the phone cannot use.
    Named(&'static str),
    /// An answer that is [`Ending::Trouble`].
    Status(u16),
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Named(name) => f.write_str(name),
            ErrorKind::Status(status) => write!(f, "status {status}"),
        }
    }
}

impl ErrorKind {
    /// What is wrong with the outcome of a request, if anything is.
    #[must_use]
    pub fn of(result: &Result<Answer, ExchangeError>) -> Option<ErrorKind> {
        match result {
            Err(fault) => Some(ErrorKind::Named(fault.kind())),
            Ok(answer) if Ending::of(answer) == Ending::Trouble => {
                Some(ErrorKind::Status(answer.status.as_u16()))
            }
            Ok(_) => None,
        }
    }
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Place in the report's list of files.
    pub file: usize,
    pub ending: Ending,
    /// From when the phone wanted the file: the first of a boot from the moment the
    /// boot was due, so that what the simulator or a full gateway held up counts.
    pub latency: Duration,
    /// On the wire only; `None` without an answer.
    pub took: Option<Duration>,
    pub body_bytes: usize,
    /// Opened for it, with the handshake of TLS where there is one: none when an open one was used.
    pub connections: u32,
    /// Counts also where asking again helped.
    pub error: Option<ErrorKind>,
}

/// How a phone's boot ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootOutcome {
    /// The gateway has nothing for it yet.
    Refused,
    Configured(Line),
    Failed(BootError),
}

/// One boot of one phone.
#[derive(Debug)]
pub struct Boot {
    pub outcome: BootOutcome,
    pub samples: Vec<Sample>,
    /// How late the simulator itself began it.
    pub lag: Duration,
    /// From when it was due.
    pub latency: Duration,
}

/// Two digits: 1 % is finer than what two runs differ by, and 60 histograms stay small.
const DIGITS: u8 = 2;
/// Anything longer counts as this, in microseconds: no wait here is bounded higher.
const LONGEST_US: u64 = 3_600_000_000;

/// Microseconds.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Latencies {
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, DIGITS);
        Latencies(histogram.expect("the bounds and digits are within the library's"))
    }
}

impl Latencies {
    /// Counts one more.
    pub fn add(&mut self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(us.clamp(1, LONGEST_US));
    }

    /// Counts all of another's, too.
    pub fn merge(&mut self, other: &Latencies) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// In milliseconds; 0 without a sample.
    #[must_use]
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "at most an hour in microseconds")]
        let us = self.0.value_at_quantile(quantile) as f64;
        if self.0.is_empty() { 0.0 } else { us / 1000.0 }
    }

    /// The longest, in milliseconds; 0 when none was counted.
    #[must_use]
    pub fn max_ms(&self) -> f64 {
        self.quantile_ms(1.0)
    }
}

/// One kind of request, added up.
#[derive(Debug, Clone, Default)]
pub struct FileFigures {
    pub endings: BTreeMap<Ending, u64>,
    pub latency: Latencies,
    pub took: Latencies,
    pub body_bytes: u64,
    pub connections: u64,
    pub errors: BTreeMap<ErrorKind, u64>,
}

/// Something that went wrong, how often, and one case of it.
#[derive(Debug, Clone)]
pub struct Trouble {
    pub count: u64,
    pub example: String,
}

/// One phase, added up.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub files: HashMap<usize, FileFigures>,
    pub refused: u64,
    pub configured: u64,
    pub failed: u64,
    pub boot: Latencies,
    pub lag: Latencies,
    /// Boots that ended otherwise than they should.
    pub unexpected: u64,
    /// By kind.
    pub errors: BTreeMap<String, Trouble>,
}

impl Figures {
    fn add(&mut self, member: &Member, boot: &Boot, wrong: Option<&str>) {
        for sample in &boot.samples {
            let file = self.files.entry(sample.file).or_default();
            *file.endings.entry(sample.ending).or_default() += 1;
            file.latency.add(sample.latency);
            if let Some(took) = sample.took {
                file.took.add(took);
            }
            file.body_bytes += sample.body_bytes as u64;
            file.connections += u64::from(sample.connections);
            if let Some(error) = sample.error {
                *file.errors.entry(error).or_default() += 1;
            }
        }
        self.boot.add(boot.latency);
        self.lag.add(boot.lag);
        match &boot.outcome {
            BootOutcome::Refused => self.refused += 1,
            BootOutcome::Configured(_) => self.configured += 1,
            BootOutcome::Failed(failure) => {
                self.failed += 1;
                self.error(&failure.kind(), || format!("{}: {failure}", named(member)));
            }
        }
        if let Some(wrong) = wrong {
            self.unexpected += 1;
            self.error("unexpected outcome", || format!("{}: {wrong}", named(member)));
        }
    }

    /// Counts an error by its kind; the first of each kind is kept as an example.
    pub fn error(&mut self, kind: &str, example: impl FnOnce() -> String) {
        match self.errors.get_mut(kind) {
            Some(trouble) => trouble.count += 1,
            None => {
                self.errors.insert(kind.to_owned(), Trouble { count: 1, example: example() });
            }
        }
    }

    /// Adds another's figures.
    pub fn merge(&mut self, other: &Figures) {
        for (&at, theirs) in &other.files {
            let own = self.files.entry(at).or_default();
            for (&ending, count) in &theirs.endings {
                *own.endings.entry(ending).or_default() += count;
            }
            own.latency.merge(&theirs.latency);
            own.took.merge(&theirs.took);
            own.body_bytes += theirs.body_bytes;
            own.connections += theirs.connections;
            for (&error, count) in &theirs.errors {
                *own.errors.entry(error).or_default() += count;
            }
        }
        self.refused += other.refused;
        self.configured += other.configured;
        self.failed += other.failed;
        self.unexpected += other.unexpected;
        self.boot.merge(&other.boot);
        self.lag.merge(&other.lag);
        for (kind, theirs) in &other.errors {
            let own = self.errors.entry(kind.clone());
            let own = own.or_insert_with(|| Trouble { count: 0, example: theirs.example.clone() });
            own.count += theirs.count;
        }
    }

    /// Boots that ended, however.
    #[must_use]
    pub fn boots(&self) -> u64 {
        self.refused + self.configured + self.failed
    }

    /// Requests that were sent, answered or not.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.files.values().flat_map(|file| file.endings.values()).sum()
    }
}

fn named(member: &Member) -> String {
    format!("{} ({})", member.mac, member.model.type_key)
}

/// Counts to look at while a run goes on.
#[derive(Debug, Default)]
pub struct Live {
    pub boots: AtomicU64,
    pub refused: AtomicU64,
    pub configured: AtomicU64,
    pub failed: AtomicU64,
    pub unexpected: AtomicU64,
    /// Counted as they end, not when their boot does.
    pub requests: AtomicU64,
    pub operations: AtomicU64,
}

/// Takes the boots of one phase from all tasks.
#[derive(Debug)]
pub struct Recorder {
    phase: String,
    log: Option<Arc<OutcomeLog>>,
    /// Std mutexes: held for a few additions, never over an await.
    shards: Vec<Mutex<Figures>>,
    next: AtomicUsize,
}

impl Recorder {
    /// A recorder of one phase, for `shards` tasks at a time; each boot goes to `log`, too.
    #[must_use]
    pub fn new(phase: &str, shards: usize, log: Option<Arc<OutcomeLog>>) -> Recorder {
        let shards = (0..shards.max(1)).map(|_| Mutex::default()).collect();
        Recorder { phase: phase.to_owned(), log, shards, next: AtomicUsize::new(0) }
    }

    /// `wrong` says how the outcome is not what it should be.
    pub fn add(&self, live: &Live, member: &Member, boot: &Boot, wrong: Option<&str>) {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        let mut shard = self.shards[at].lock().unwrap_or_else(PoisonError::into_inner);
        shard.add(member, boot, wrong);
        drop(shard);
        if let Some(log) = &self.log {
            log.add(&self.phase, member, boot, wrong);
        }
        let counter = match &boot.outcome {
            BootOutcome::Refused => &live.refused,
            BootOutcome::Configured(_) => &live.configured,
            BootOutcome::Failed(_) => &live.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        live.unexpected.fetch_add(u64::from(wrong.is_some()), Ordering::Relaxed);
        live.boots.fetch_add(1, Ordering::Relaxed);
    }

    /// All that was recorded.
    #[must_use]
    pub fn finish(self) -> Figures {
        let mut all = Figures::default();
        for shard in self.shards {
            all.merge(&shard.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        all
    }
}
