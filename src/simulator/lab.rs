//! What the phases of a run share: the way to the gateway, the habits, the counts.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::boot::BootOutcome;
use super::dial::Dialer;
use super::fleet::{Fleet, Member};
use super::measure::{Figures, Live, Recorder};
use super::outcome_log::OutcomeLog;
use super::phone::{Habits, Phone};
use super::progress::{Progress, ProgressDisplay, Steps};
use super::tls::{FleetTls, FleetTlsError};
use super::wire::WireCounts;
use crate::domain::ErrorChain;

/// One run.
#[derive(Debug)]
pub struct Lab {
    /// How the gateway is reached.
    pub dialer: Dialer,
    /// What this run changes about its phones.
    pub habits: Habits,
    /// The counts of the run so far.
    pub live: Arc<Live>,
    /// What chance is made of: the same seed gives the same run.
    pub seed: u64,
    /// The `file` of samples: family and pattern.
    pub files: Vec<(String, String)>,
    /// Where the end of each boot is written; `None`: nowhere.
    pub outcomes: Option<Arc<OutcomeLog>>,
    /// Where a phase says how far it is.
    pub progress: ProgressDisplay,
}

/// What a phase was and what came of it.
#[derive(Debug)]
pub struct Phase {
    /// What the report calls the phase.
    pub name: String,
    /// How long it took, until its last boot had ended.
    pub took: Duration,
    /// Its boots and requests, added up.
    pub figures: Figures,
    /// What the phones did; what operators do is elsewhere.
    pub wire: WireCounts,
}

/// A phase that goes on.
#[derive(Debug)]
pub struct Running {
    lab: Arc<Lab>,
    name: String,
    began: Instant,
    before: WireCounts,
    recorder: Arc<Recorder>,
    _progress: Progress,
}

/// Says how an outcome is not what it should be.
#[derive(Clone)]
pub struct Expect(Arc<Check>);

type Check = dyn Fn(&Member, &BootOutcome) -> Result<(), String> + Send + Sync;

impl Expect {
    /// Expects what `check` takes; its error says why a boot is not as expected.
    pub fn new(
        check: impl Fn(&Member, &BootOutcome) -> Result<(), String> + Send + Sync + 'static,
    ) -> Expect {
        Expect(Arc::new(check))
    }

    /// Takes every end of a boot.
    #[must_use]
    pub fn anything() -> Expect {
        Expect::new(|_, _| Ok(()))
    }

    /// Takes a refusal only.
    #[must_use]
    pub fn refused() -> Expect {
        Expect::new(|_, outcome| match outcome {
            BootOutcome::Refused => Ok(()),
            other => Err(format!("should be refused, is {}", OutcomeText(other))),
        })
    }

    /// Takes a configuration only.
    #[must_use]
    pub fn configured() -> Expect {
        Expect::new(|_, outcome| match outcome {
            BootOutcome::Configured(_) => Ok(()),
            other => Err(format!("should be configured, is {}", OutcomeText(other))),
        })
    }

    /// # Errors
    /// What is wrong.
    pub fn check(&self, member: &Member, outcome: &BootOutcome) -> Result<(), String> {
        (self.0)(member, outcome)
    }
}

impl fmt::Debug for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expect")
    }
}

/// An outcome in words.
pub struct OutcomeText<'a>(pub &'a BootOutcome);

impl fmt::Display for OutcomeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            BootOutcome::Refused => f.write_str("refused"),
            BootOutcome::Configured(line) => {
                write!(f, "configured as {}@{}", line.user, line.registrar)
            }
            BootOutcome::Failed(failure) => write!(f, "failed: {}", ErrorChain(failure)),
        }
    }
}

impl Lab {
    /// Every phone boots once, the first at once and the last when `ramp` is over. On
    /// return all have ended.
    pub async fn boot_all(
        self: &Arc<Lab>,
        name: &str,
        phones: Vec<Phone>,
        ramp: Duration,
        expect: &Expect,
    ) -> (Vec<Phone>, Phase) {
        let count = phones.len();
        let running = self.begin(name, count as u64);
        let mut tasks = JoinSet::new();
        let began = Instant::now();
        for (at, mut phone) in phones.into_iter().enumerate() {
            let due = began + share(ramp, at, count);
            let (lab, recorder, expect) = (Arc::clone(self), running.recorder(), expect.clone());
            tasks.spawn(async move {
                tokio::time::sleep_until(due.into()).await;
                lab.boot(&mut phone, due, &recorder, &expect).await;
                (at, phone)
            });
        }
        let mut phones: Vec<Option<Phone>> = (0..count).map(|_| None).collect();
        while let Some(ended) = tasks.join_next().await {
            let (at, phone) = ended.expect("a phone's task neither panics nor is cancelled");
            phones[at] = Some(phone);
        }
        (phones.into_iter().flatten().collect(), running.end())
    }

    /// One boot, checked and recorded.
    pub async fn boot(
        &self,
        phone: &mut Phone,
        due: Instant,
        recorder: &Recorder,
        expect: &Expect,
    ) {
        // On the heap: a waiting phone should not have room for a handshake.
        let boot = Box::pin(phone.boot(&self.dialer, &self.habits, &self.live, due)).await;
        let wrong = expect.check(&phone.member, &boot.outcome).err();
        recorder.add(&self.live, &phone.member, &boot, wrong.as_deref());
    }

    /// Begins a phase of so many boots.
    #[must_use]
    pub fn begin(self: &Arc<Lab>, name: &str, boots: u64) -> Running {
        let shards = std::thread::available_parallelism().map_or(2, usize::from) * 2;
        Running {
            lab: Arc::clone(self),
            name: name.to_owned(),
            began: Instant::now(),
            before: self.dialer.wire.counts(),
            recorder: Arc::new(Recorder::new(name, shards, self.outcomes.clone())),
            _progress: self.progress(name, Steps::Boots, boots),
        }
    }
}

impl Lab {
    /// Shows how far it is until dropped.
    #[must_use]
    pub fn progress(&self, name: &str, steps: Steps, all: u64) -> Progress {
        Progress::start(self.progress, name, steps, all, Arc::clone(&self.live))
    }
}

impl Running {
    /// The recorder for one task, which must drop it before the phase ends.
    #[must_use]
    pub fn recorder(&self) -> Arc<Recorder> {
        Arc::clone(&self.recorder)
    }

    /// Adds up what all tasks recorded, which have ended.
    #[must_use]
    pub fn end(self) -> Phase {
        let took = self.began.elapsed();
        let wire = self.lab.dialer.wire.counts().since(self.before);
        let recorder = Arc::into_inner(self.recorder).expect("all tasks have ended");
        Phase { name: self.name, took, figures: recorder.finish(), wire }
    }
}

/// How many boots `count` phones begin within `duration`, each its share of `period` after
/// the one before and then every `period`, which is not zero.
#[must_use]
pub fn boots_within(duration: Duration, period: Duration, count: usize) -> u64 {
    let of_phone = |at| match duration.checked_sub(share(period, at, count)) {
        Some(left) => left.as_nanos().div_ceil(period.as_nanos()),
        None => 0,
    };
    u64::try_from((0..count).map(of_phone).sum::<u128>()).unwrap_or(u64::MAX)
}

/// Part `at` of `count` of a time.
#[must_use]
pub fn share(all: Duration, at: usize, count: usize) -> Duration {
    #[allow(clippy::cast_precision_loss, reason = "a fleet is far smaller than 2^52")]
    let part = at as f64 / count.max(1) as f64;
    all.mul_f64(part)
}

/// The phones of a fleet, switched off.
///
/// # Errors
/// A certificate could not be made.
pub fn phones(
    fleet: &Fleet,
    seed: u64,
    tls: Option<&FleetTls>,
) -> Result<Vec<Phone>, FleetTlsError> {
    let phone = |(number, member): (usize, &Member)| {
        let tls = tls.map(|tls| tls.of(member.mac)).transpose()?;
        Ok(Phone::new(member.clone(), number, seed, tls))
    };
    fleet.members.iter().enumerate().map(phone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boots_of_a_day_are_known_before_it() {
        let ms = Duration::from_millis;
        // Ten phones, 10 ms apart: at 25 ms three have begun, at 100 all have once.
        for (duration, expected) in [(0, 0), (25, 3), (100, 10), (101, 11), (250, 25)] {
            assert_eq!(boots_within(ms(duration), ms(100), 10), expected, "{duration}");
        }
        assert_eq!(boots_within(ms(1000), ms(100), 0), 0);
    }
}
