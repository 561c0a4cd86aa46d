//! A bar on the terminal while a phase runs; nothing where there is no terminal.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use super::measure::Live;

const EVERY: Duration = Duration::from_millis(200);

/// Shown until dropped.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    _ticker: AbortOnDropHandle<()>,
}

impl Progress {
    /// `boots`: how many there will be; `None` when only time tells.
    #[must_use]
    pub fn start(name: &str, boots: Option<u64>, live: Arc<Live>) -> Progress {
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(boots, target);
        let style = match boots {
            Some(_) => "{prefix:>12} [{bar:30}] {pos}/{len} {elapsed} {msg}",
            None => "{prefix:>12} {spinner} {pos} {elapsed} {msg}",
        };
        bar.set_style(ProgressStyle::with_template(style).expect("the template is a literal"));
        bar.set_prefix(name.to_owned());
        let ticking = bar.clone();
        let before = live.boots.load(Ordering::Relaxed);
        let ticker = tokio::spawn(async move {
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                let count =
                    |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
                ticking.set_position(count(&live.boots) - before);
                ticking.set_message(format!(
                    "configured {}  refused {}  failed {}  requests {}",
                    count(&live.configured),
                    count(&live.refused),
                    count(&live.failed),
                    count(&live.requests),
                ));
            }
        });
        Progress { bar, _ticker: AbortOnDropHandle::new(ticker) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
