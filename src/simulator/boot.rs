//! What became of one boot of one phone.

use std::time::Duration;

use super::error::BootError;
use super::read_config::Line;
use super::sample::Sample;

/// How a phone's boot ended.
#[derive(Debug)]
pub enum BootOutcome {
    /// The gateway has nothing for it yet.
    Refused,
    /// It has all it needs, and would register with this line.
    Configured(Line),
    /// It has not, for another reason than a refusal.
    Failed(BootError),
}

/// One boot of one phone.
#[derive(Debug)]
pub struct Boot {
    /// How it ended.
    pub outcome: BootOutcome,
    /// Its requests in order, those that were made again included.
    pub samples: Vec<Sample>,
    /// How late the simulator itself began it.
    pub lag: Duration,
    /// How long it took, from when it was due.
    pub latency: Duration,
    /// Whether the target that it asked first did not serve all of it.
    pub needed_another: bool,
}
