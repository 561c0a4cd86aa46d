//! What one address asked for.

use std::collections::VecDeque;

use super::options::{MAC, ScanOptions};
use super::{Bearing, Sweep};
use ipnet::IpNet;

/// So long a MAC counts.
pub(super) const WINDOW_S: u32 = 3_600;
/// A phone asks for its second name within seconds; and one that has but one name again, a minute
/// later or more, if it does at all.
pub(super) const SECOND_NAME_S: u32 = 60;
/// A MAC whose second name does not come keeps its address suspected for so long: who slows down to
/// be believed gets on by sixty MACs an hour.
const SUSPECT_S: u32 = 600;

/// How a MAC was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// As a phone asks, less than a minute ago.
    Waiting { is_followed: bool },
    /// As a phone asks, and nothing more came.
    Alone { is_followed: bool },
    /// As a phone boots.
    Whole,
    /// Not as a phone asks.
    Unlike(Bearing),
}

impl State {
    /// How much a MAC in that state speaks against who asked for it.
    pub(super) fn weight(self, options: &ScanOptions) -> u64 {
        match self {
            State::Waiting { .. } => 0,
            State::Alone { is_followed: true } | State::Unlike(Bearing::Strange) => MAC,
            State::Alone { is_followed: false } => (3 * options.phone()).min(MAC),
            State::Whole => options.phone().min(MAC),
            State::Unlike(Bearing::Silent) => 2 * MAC,
            State::Unlike(_) => 3 * MAC,
        }
    }

    /// Whether it is one that no phone seems to stand behind.
    pub(super) fn is_unproven(self) -> bool {
        matches!(self, State::Alone { .. } | State::Unlike(_))
    }
}

/// What MACs are told apart by, in words for an operator.
const KINDS: [(&str, IsKind); 5] = [
    ("contradicting themselves", |state| state == State::Unlike(Bearing::Contradicting)),
    ("without a User-Agent where phones always send one", |state| {
        state == State::Unlike(Bearing::Silent)
    }),
    ("not asked for as any phone asks", |state| state == State::Unlike(Bearing::Strange)),
    ("asked for by one name only", |state| {
        matches!(state, State::Waiting { .. } | State::Alone { .. })
    }),
    ("booting as phones do", |state| state == State::Whole),
];

type IsKind = fn(State) -> bool;

#[derive(Debug)]
pub(super) struct Entry {
    pub mac: u64,
    pub at: u32,
    pub name: u32,
    pub state: State,
}

/// MACs that follow each other at one distance, as whoever counts asks for them.
#[derive(Debug, Default)]
struct Run {
    last: u64,
    step: i64,
    length: u32,
}

/// The MACs that an address asked for within the last hour, the oldest first. At most as many as
/// [`ScanOptions::phones_per_address`] twice: with more it is banned.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub entries: VecDeque<Entry>,
    run: Run,
    pub last: u32,
}

impl Source {
    /// Drops what is older than an hour; how many that were.
    pub(super) fn forget(&mut self, now: u32) -> usize {
        let old = |entry: &&Entry| entry.at.saturating_add(WINDOW_S) < now;
        let old = self.entries.iter().take_while(old).count();
        self.entries.drain(..old);
        old
    }

    /// Looked for from the newest on: a second name follows soon. They are some hundred at most,
    /// but of a large site that boots.
    pub(super) fn find(&mut self, mac: u64) -> Option<&mut Entry> {
        self.entries.iter_mut().rev().find(|entry| entry.mac == mac)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        let Run { last, step, length } = &mut self.run;
        let distance = entry.mac.cast_signed() - last.cast_signed();
        *length = match (*length, entry.state) {
            (0, _) => 1,
            (1, _) => 2,
            (more, _) if distance == *step => more + 1,
            _ => 2,
        };
        (*step, *last) = (distance, entry.mac);
        self.entries.push_back(entry);
    }

    /// One of its MACs was a phone's: who counts does not boot.
    pub(super) fn shows_phone(&mut self) {
        self.run = Run::default();
    }

    /// Whether more MACs wait than are believed.
    pub(super) fn is_suspected(&self, options: &ScanOptions, now: u32) -> bool {
        let (mut waiting, mut whole) = (0, 0);
        for entry in &self.entries {
            match entry.state {
                State::Waiting { .. } | State::Alone { .. }
                    if entry.at.saturating_add(SUSPECT_S) >= now =>
                {
                    waiting += 1;
                }
                State::Whole => whole += 1,
                _ => {}
            }
        }
        waiting >= options.macs_per_address + whole
    }

    /// Why it is a sweep; `None`: it is none.
    pub(super) fn sweep(&self, options: &ScanOptions, network: IpNet) -> Option<Sweep> {
        let weight: u64 = self.entries.iter().map(|entry| entry.state.weight(options)).sum();
        let waits = |entry: &&Entry| matches!(entry.state, State::Waiting { .. });
        let waiting = self.entries.iter().filter(waits).count();
        let phones = usize::try_from(options.phones_per_address).unwrap_or(usize::MAX);
        let why = if weight >= options.address_limit() {
            self.figures()
        } else if self.run.length >= options.macs_per_address.max(5) {
            let Run { length, step, .. } = self.run;
            format!("{length} MACs, each {step:+} from the last; {}", self.figures())
        } else if waiting > phones {
            format!("more phones than {phones} at once; {}", self.figures())
        } else {
            return None;
        };
        Some(Sweep { network, reason: why })
    }

    fn figures(&self) -> String {
        let told = KINDS.iter().filter_map(|(words, is)| {
            let count = self.entries.iter().filter(|entry| is(entry.state)).count();
            (count > 0).then(|| format!("{count} {words}"))
        });
        let told: Vec<String> = told.collect();
        let (first, last) = (self.entries.front(), self.entries.back());
        let took = first.zip(last).map_or(0, |(first, last)| last.at.saturating_sub(first.at));
        format!("{} unknown MACs in {took} s: {}", self.entries.len(), told.join(", "))
    }
}
