//! Power comes back: the whole fleet boots, at once or within a ramp, once or again.

use std::sync::Arc;
use std::time::Duration;

use crate::simulator::lab::{Expect, Lab};
use crate::simulator::phone::Phone;
use crate::simulator::report::RunResult;

/// How fast the phones come, and how often.
#[derive(Debug, Clone)]
pub struct Storm {
    /// The time from the first phone's boot to the last one's; zero: all boot at once.
    pub ramp: Duration,
    /// One after the other, each when all have ended the one before. From the second
    /// on, phones ask whether what they have is still good.
    pub rounds: u32,
    /// How each boot should end.
    pub expect: Expect,
}

/// All phones boot, round by round.
pub async fn storm(lab: &Arc<Lab>, mut phones: Vec<Phone>, plan: &Storm) -> RunResult {
    let mut result = RunResult::default();
    for round in 1..=plan.rounds {
        let name = format!("boot {round}");
        let (back, phase) = lab.boot_all(&name, phones, plan.ramp, &plan.expect).await;
        phones = back;
        result.phases.push(phase);
    }
    result
}
