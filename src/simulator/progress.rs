//! How far a phase is, while it goes on: a bar where a terminal is, else a line now and
//! then, as a log wants it.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use super::measure::Live;

/// Where a phase says how far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProgressDisplay {
    /// Nothing is shown.
    #[default]
    Off,
    /// Standard error, as a bar that is gone at the end.
    Terminal,
    /// Standard error, as lines that stay: one every five seconds and one at the end.
    Log,
}

/// What the steps of a phase are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// Boots of phones.
    Boots,
    /// Phones an operator is done with.
    Operations,
}

const REDRAWN: Duration = Duration::from_millis(200);
const LOGGED: Duration = Duration::from_secs(5);

/// Shown until dropped.
#[derive(Debug)]
pub struct Progress {
    shown: Display,
    count: Count,
    /// Ends with the phase.
    _ticker: Option<AbortOnDropHandle<()>>,
}

#[derive(Debug, Clone)]
enum Display {
    Nothing,
    Bar(ProgressBar),
    Lines { name: String, began: Instant },
}

/// How many of how many.
#[derive(Debug, Clone)]
struct Count {
    live: Arc<Live>,
    steps: Steps,
    before: u64,
    all: u64,
}

impl ProgressDisplay {
    /// A bar if standard error is a terminal.
    #[must_use]
    pub fn of_stderr() -> ProgressDisplay {
        if std::io::stderr().is_terminal() {
            ProgressDisplay::Terminal
        } else {
            ProgressDisplay::Log
        }
    }
}

impl Progress {
    /// `all`: how many steps there will be.
    #[must_use]
    pub fn start(
        progress: ProgressDisplay,
        name: &str,
        steps: Steps,
        all: u64,
        live: Arc<Live>,
    ) -> Progress {
        let before = steps.counted(&live).load(Ordering::Relaxed);
        let count = Count { live, steps, before, all };
        let (shown, every) = match progress {
            ProgressDisplay::Off => {
                return Progress { shown: Display::Nothing, count, _ticker: None };
            }
            ProgressDisplay::Terminal => (Display::Bar(bar(name, all)), REDRAWN),
            ProgressDisplay::Log => {
                (Display::Lines { name: name.to_owned(), began: Instant::now() }, LOGGED)
            }
        };
        let (ticking, counting) = (shown.clone(), count.clone());
        let ticker = tokio::spawn(async move {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            // The first is at once, when there is nothing to tell.
            ticks.tick().await;
            loop {
                ticks.tick().await;
                ticking.show(&counting);
            }
        });
        Progress { shown, count, _ticker: Some(AbortOnDropHandle::new(ticker)) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        match &self.shown {
            Display::Bar(bar) => bar.finish_and_clear(),
            Display::Nothing | Display::Lines { .. } => self.shown.show(&self.count),
        }
    }
}

fn bar(name: &str, all: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
    let style = "{prefix:>12} [{bar:30}] {pos}/{len} {elapsed} {msg}";
    bar.set_style(ProgressStyle::with_template(style).expect("the template is a literal"));
    bar.set_prefix(name.to_owned());
    bar
}

impl Display {
    fn show(&self, count: &Count) {
        match self {
            Display::Nothing => {}
            Display::Bar(bar) => {
                bar.set_position(count.done());
                bar.set_message(count.summary());
            }
            Display::Lines { name, began } => {
                let (done, all, seconds) = (count.done(), count.all, began.elapsed().as_secs());
                eprintln!("{name}: {done}/{all} {seconds} s  {}", count.summary());
            }
        }
    }
}

impl Steps {
    fn counted(self, live: &Live) -> &AtomicU64 {
        match self {
            Steps::Boots => &live.boots,
            Steps::Operations => &live.operations,
        }
    }
}

impl Count {
    fn done(&self) -> u64 {
        self.steps.counted(&self.live).load(Ordering::Relaxed) - self.before
    }

    /// What is told of the whole run so far.
    fn summary(&self) -> String {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        format!(
            "configured {}  refused {}  failed {}  unexpected {}  requests {}",
            read(&self.live.configured),
            read(&self.live.refused),
            read(&self.live.failed),
            read(&self.live.unexpected),
            read(&self.live.requests),
        )
    }
}
