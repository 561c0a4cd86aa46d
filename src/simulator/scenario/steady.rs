//! An ordinary day: every phone asks again now and then, spread over the period.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::simulator::lab::{Expect, Lab, boots_within, share};
use crate::simulator::phone::Phone;
use crate::simulator::report::RunResult;

/// How often each phone boots, and for how long.
#[derive(Debug, Clone)]
pub struct Steady {
    /// The time between two of a phone's resyncs.
    pub period: Duration,
    /// How long phones go on beginning them.
    pub duration: Duration,
    /// How each boot should end.
    pub expect: Expect,
}

/// A resync is due at its time whether or not the last has ended; its latency counts from
/// there, so a gateway that stalls cannot hide behind phones that wait for it.
pub async fn steady(lab: &Arc<Lab>, phones: Vec<Phone>, plan: &Steady) -> RunResult {
    let count = phones.len();
    let running = lab.begin("resync", boots_within(plan.duration, plan.period, count));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (at, mut phone) in phones.into_iter().enumerate() {
        let (lab, recorder, plan) = (Arc::clone(lab), running.recorder(), plan.clone());
        tasks.spawn(async move {
            let mut due = began + share(plan.period, at, count);
            while due < began + plan.duration {
                sleep_until(due.into()).await;
                lab.boot(&mut phone, due, &recorder, &plan.expect).await;
                due += plan.period;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("a phone's task neither panics nor is cancelled");
    }
    RunResult { phases: vec![running.end()], ..RunResult::default() }
}
