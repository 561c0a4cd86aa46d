//! What happened, counted while it happens: by file, by outcome, in histograms.
//!
//! A phone gathers its own samples and hands them over once a boot, so that two
//! phones seldom want the same lock. The histograms are merged when a phase ends.

mod figures;
mod latencies;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::boot::{Boot, BootOutcome};
use super::fleet::Member;
use super::outcome_log::OutcomeLog;
pub use figures::{Figures, FileFigures, Trouble};
pub use latencies::Latencies;

/// Counts to look at while a run goes on.
#[derive(Debug, Default)]
pub struct Live {
    /// Boots that have ended.
    pub boots: AtomicU64,
    /// Boots that were refused.
    pub refused: AtomicU64,
    /// Boots after which the phone could register.
    pub configured: AtomicU64,
    /// Boots that failed.
    pub failed: AtomicU64,
    /// Boots that ended otherwise than they should.
    pub unexpected: AtomicU64,
    /// Counted as they end, not when their boot does.
    pub requests: AtomicU64,
    /// Calls of operators that have ended.
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
