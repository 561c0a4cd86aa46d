//! The boots of one phase, added up.

use std::collections::{BTreeMap, HashMap};

use super::Latencies;
use crate::domain::ErrorChain;
use crate::simulator::boot::{Boot, BootOutcome};
use crate::simulator::fleet::Member;
use crate::simulator::sample::{Ending, ErrorKind};

/// One kind of request, added up.
#[derive(Debug, Clone, Default)]
pub struct FileFigures {
    /// How many requests ended in which way.
    pub endings: BTreeMap<Ending, u64>,
    /// How long the phone waited, from when it wanted the file.
    pub latency: Latencies,
    /// How long answers took on the wire.
    pub took: Latencies,
    /// Bytes of all bodies together.
    pub body_bytes: u64,
    /// Connections opened to ask for it.
    pub connections: u64,
    /// How many requests went wrong in which way, also where asking again helped.
    pub errors: BTreeMap<ErrorKind, u64>,
}

/// Something that went wrong, how often, and one case of it.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// How often it happened.
    pub count: u64,
    /// What the first case said.
    pub example: String,
}

/// One phase, added up.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// What came of each file, by its place in the fleet's list of files.
    pub files: HashMap<usize, FileFigures>,
    /// Boots that were refused.
    pub refused: u64,
    /// Boots after which the phone could register.
    pub configured: u64,
    /// Boots that failed.
    pub failed: u64,
    /// Boots for which the target they began with was not enough, however they ended.
    pub needed_another: u64,
    /// How long boots took, from when they were due.
    pub boot: Latencies,
    /// How late the simulator itself began boots.
    pub lag: Latencies,
    /// Boots that ended otherwise than they should.
    pub unexpected: u64,
    /// What went wrong, by kind.
    pub errors: BTreeMap<String, Trouble>,
}

impl Figures {
    pub(super) fn add(&mut self, member: &Member, boot: &Boot, wrong: Option<&str>) {
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
        self.needed_another += u64::from(boot.needed_another);
        self.boot.add(boot.latency);
        self.lag.add(boot.lag);
        match &boot.outcome {
            BootOutcome::Refused => self.refused += 1,
            BootOutcome::Configured(_) => self.configured += 1,
            BootOutcome::Failed(failure) => {
                self.failed += 1;
                self.error(&failure.kind(), || {
                    format!("{}: {}", named(member), ErrorChain(failure))
                });
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
        self.needed_another += other.needed_another;
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
