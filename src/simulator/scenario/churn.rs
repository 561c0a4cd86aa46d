//! A busy day: phones boot all the time while operators promote, edit and assign them.
//!
//! For every phone it is known what the API has acknowledged and what it has begun; a boot
//! must end as something in between: never older than what was acknowledged when it began,
//! never newer than what was begun when it ended. Then all is quiet, and every phone
//! boots once more and must get exactly what was acknowledged last.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::office::Office;
use super::onboard::promote_all;
use crate::domain::{ErrorChain, Mac, TypeKey};
use crate::simulator::boot::BootOutcome;
use crate::simulator::error::BootError;
use crate::simulator::fleet::Member;
use crate::simulator::lab::{Expect, Lab, OutcomeText, Phase, boots_within, share};
use crate::simulator::measure::Figures;
use crate::simulator::operator::CallError;
use crate::simulator::phone::Phone;
use crate::simulator::report::RunResult;
use crate::simulator::seeded_random::SeededRandom;

/// How much the operators change, and for how long.
#[derive(Debug, Clone)]
pub struct Churn {
    /// The time between two boots of a phone.
    pub period: Duration,
    /// How long boots and operations go on being begun.
    pub duration: Duration,
    /// How many calls all operators together make in a second.
    pub operations_per_s: f64,
}

/// What has become of one phone. `SeqCst`: what a boot may see is decided by the order.
#[derive(Debug)]
struct State {
    mac: Mac,
    /// What the operators must say of it before they promote it.
    type_to_say: Option<TypeKey>,
    /// [`INACTIVE`], [`PROMOTING`] or [`ACTIVE`].
    stage: AtomicU8,
    /// The last edit that was begun, and the last that was acknowledged.
    begun: AtomicU32,
    acknowledged: AtomicU32,
}

const INACTIVE: u8 = 0;
/// A promotion was sent and not answered.
const PROMOTING: u8 = 1;
const ACTIVE: u8 = 2;

/// What the API had acknowledged when a boot began.
#[derive(Debug, Clone, Copy)]
struct Before {
    stage: u8,
    edit: u32,
}

/// Phones boot in turns while operators promote, edit, assign and demote them.
pub async fn churn(lab: &Arc<Lab>, phones: Vec<Phone>, office: &Office, plan: &Churn) -> RunResult {
    let mut result = RunResult::default();
    let (phones, phase) =
        lab.boot_all("first seen", phones, Duration::ZERO, &Expect::refused()).await;
    result.phases.push(phase);
    let macs: Vec<Mac> = phones.iter().map(|phone| phone.member.mac).collect();
    // What is missing is found when it is promoted.
    let _ = office.once_listed(&macs).await;
    // One of two has been promoted when the day begins.
    let members = phones.iter().map(|phone| phone.member.clone());
    let early = members.enumerate().step_by(2).collect();
    let promoted = promote_all(lab, "promotion", early, office).await;
    let all_promoted = promoted.figures.unexpected == 0;
    result.phases.push(promoted);
    if !all_promoted {
        // From here on nobody knows what a phone should get.
        result.calls = office.calls();
        return result;
    }
    let states: Arc<Vec<State>> = Arc::new(
        phones
            .iter()
            .enumerate()
            .map(|(number, phone)| State::new(&phone.member, number % 2 == 0))
            .collect(),
    );
    let (phones, phase) = day(lab, phones, office, plan, &states).await;
    result.phases.push(phase);

    let places: HashMap<Mac, usize> =
        states.iter().enumerate().map(|(number, state)| (state.mac, number)).collect();
    let checking = office.clone();
    let quiet = Expect::new(move |member, outcome| {
        let state = &states[places[&member.mac]];
        state.check(&checking, state.now(), outcome)
    });
    let (_, phase) = lab.boot_all("quiet", phones, Duration::ZERO, &quiet).await;
    result.phases.push(phase);
    result.calls = office.calls();
    result
}

async fn day(
    lab: &Arc<Lab>,
    phones: Vec<Phone>,
    office: &Office,
    plan: &Churn,
    states: &Arc<Vec<State>>,
) -> (Vec<Phone>, Phase) {
    let running = lab.begin("churn", boots_within(plan.duration, plan.period, phones.len()));
    let began = Instant::now();
    let count = phones.len();
    let mut booting = JoinSet::new();
    for (number, mut phone) in phones.into_iter().enumerate() {
        let (lab, recorder) = (Arc::clone(lab), running.recorder());
        let (states, office, plan) = (Arc::clone(states), office.clone(), plan.clone());
        booting.spawn(async move {
            let mut due = began + share(plan.period, number, count);
            while due < began + plan.duration {
                sleep_until(due.into()).await;
                let (before, states) = (states[number].now(), Arc::clone(&states));
                let office = office.clone();
                let expect =
                    Expect::new(move |_, outcome| states[number].check(&office, before, outcome));
                lab.boot(&mut phone, due, &recorder, &expect).await;
                due += plan.period;
            }
            (number, phone)
        });
    }
    let mut operating = JoinSet::new();
    for own in 0..office.operators.len() {
        let work = Work { own, office: office.clone(), states: Arc::clone(states), seed: lab.seed };
        operating.spawn(work.until(began, plan.clone()));
    }
    let mut phones: Vec<Option<Phone>> = (0..count).map(|_| None).collect();
    while let Some(ended) = booting.join_next().await {
        let (number, phone) = ended.expect("a phone's task neither panics nor is cancelled");
        phones[number] = Some(phone);
    }
    let mut operators = Figures::default();
    while let Some(ended) = operating.join_next().await {
        operators.merge(&ended.expect("an operator's task neither panics nor is cancelled"));
    }
    let mut phase = running.end();
    phase.figures.merge(&operators);
    (phones.into_iter().flatten().collect(), phase)
}

impl State {
    fn new(member: &Member, is_active: bool) -> State {
        State {
            mac: member.mac,
            type_to_say: member.model.type_to_say().cloned(),
            stage: AtomicU8::new(if is_active { ACTIVE } else { INACTIVE }),
            begun: AtomicU32::new(u32::from(is_active)),
            acknowledged: AtomicU32::new(u32::from(is_active)),
        }
    }

    fn now(&self) -> Before {
        Before {
            stage: self.stage.load(Ordering::SeqCst),
            edit: self.acknowledged.load(Ordering::SeqCst),
        }
    }

    /// Whether a boot that began then may end so now.
    fn check(&self, office: &Office, before: Before, outcome: &BootOutcome) -> Result<(), String> {
        let stage = self.stage.load(Ordering::SeqCst);
        let newest = self.begun.load(Ordering::SeqCst);
        let fits = match outcome {
            BootOutcome::Refused => before.stage < ACTIVE,
            BootOutcome::Failed(BootError::HalfRefused { .. }) => {
                before.stage < ACTIVE && stage > INACTIVE
            }
            BootOutcome::Failed(_) => false,
            BootOutcome::Configured(_) => {
                let edit = office.edit_of(self.mac, outcome);
                stage > INACTIVE && edit.is_some_and(|edit| (before.edit..=newest).contains(&edit))
            }
        };
        if fits {
            return Ok(());
        }
        let name = |stage| ["inactive", "being promoted", "active"][usize::from(stage)];
        Err(format!(
            "was {} with edit {} when it began and {} with edit {newest} when it ended, but is {}",
            name(before.stage),
            before.edit,
            name(stage),
            OutcomeText(outcome),
        ))
    }
}

/// One operator's day.
struct Work {
    own: usize,
    office: Office,
    states: Arc<Vec<State>>,
    seed: u64,
}

impl Work {
    async fn until(self, began: Instant, plan: Churn) -> Figures {
        let mut figures = Figures::default();
        let operators = self.office.operators.len();
        let mine: Vec<usize> = (self.own..self.states.len()).step_by(operators).collect();
        if mine.is_empty() || plan.operations_per_s <= 0.0 {
            return figures;
        }
        #[allow(clippy::cast_precision_loss, reason = "a few operators")]
        let pause = Duration::from_secs_f64(operators as f64 / plan.operations_per_s);
        let mut random = SeededRandom::new(self.seed, 0x0ff1_ce00 + self.own as u64);
        let mut due = began + share(pause, self.own, operators);
        while due < began + plan.duration {
            sleep_until(due.into()).await;
            let at = usize::try_from(random.below(mine.len() as u64)).expect("below a length");
            let number = mine[at];
            if let Err((what, error)) = self.operate(number, &mut random, due).await {
                figures.unexpected += 1;
                let mac = self.states[number].mac;
                figures
                    .error(&format!("{what} failed"), || format!("{mac}: {}", ErrorChain(&error)));
            }
            due += pause;
        }
        figures
    }

    async fn operate(
        &self,
        number: usize,
        random: &mut SeededRandom,
        due: Instant,
    ) -> Result<(), (&'static str, CallError)> {
        let state = &self.states[number];
        if state.stage.load(Ordering::SeqCst) == INACTIVE {
            if let Some(phone_type) = &state.type_to_say {
                let said = self.office.say_type(number, state.mac, phone_type, due).await;
                said.map_err(|error| ("type", error))?;
            }
            self.edit(number, due).await.map_err(|error| ("edit", error))?;
            state.stage.store(PROMOTING, Ordering::SeqCst);
            let promoted = self.office.promote(number, state.mac, Instant::now()).await;
            promoted.map_err(|error| ("promote", error))?;
            state.stage.store(ACTIVE, Ordering::SeqCst);
            return Ok(());
        }
        let companies = &self.office.companies;
        if random.below(3) == 0 {
            let at = usize::try_from(random.below(companies.len() as u64));
            let company = &companies[at.expect("below a length")];
            let assigned = self.office.assign(number, state.mac, company, due).await;
            return assigned.map_err(|error| ("assign", error));
        }
        self.edit(number, due).await.map_err(|error| ("edit", error))
    }

    async fn edit(&self, number: usize, due: Instant) -> Result<(), CallError> {
        let state = &self.states[number];
        let edit = state.begun.fetch_add(1, Ordering::SeqCst) + 1;
        self.office.edit(number, state.mac, edit, due).await?;
        state.acknowledged.store(edit, Ordering::SeqCst);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::error::ExchangeError;
    use crate::simulator::read_config::Line;

    fn office() -> Office {
        Office {
            operators: Vec::new(),
            companies: Vec::new(),
            registrar: "pbx.example.com".to_owned(),
        }
    }

    fn state(stage: u8, begun: u32) -> State {
        State {
            mac: Mac::from_bits(0x0015_6500_0001),
            type_to_say: None,
            stage: AtomicU8::new(stage),
            begun: AtomicU32::new(begun),
            acknowledged: AtomicU32::new(0),
        }
    }

    fn configured(edit: u32, registrar: &str) -> BootOutcome {
        let user = Office::user(Mac::from_bits(0x0015_6500_0001), edit);
        BootOutcome::Configured(Line { user, registrar: registrar.to_owned() })
    }

    /// Whether a boot that began in `before` and ended in `after` may end so; each is a
    /// stage and an edit.
    fn fits(before: (u8, u32), after: (u8, u32), outcome: &BootOutcome) -> bool {
        let before = Before { stage: before.0, edit: before.1 };
        state(after.0, after.1).check(&office(), before, outcome).is_ok()
    }

    #[test]
    fn a_configuration_is_between_what_was_acknowledged_and_what_was_begun() {
        for (edit, expected) in [(2, false), (3, true), (4, true), (5, true), (6, false)] {
            let outcome = configured(edit, "pbx.example.com:5060");
            assert_eq!(fits((ACTIVE, 3), (ACTIVE, 5), &outcome), expected, "{edit}");
        }
        assert!(!fits((ACTIVE, 3), (ACTIVE, 5), &configured(4, "pbx.example.com.evil")));
        assert!(!fits((ACTIVE, 3), (ACTIVE, 5), &configured(4, "elsewhere")));
        assert!(fits((INACTIVE, 0), (PROMOTING, 1), &configured(1, "pbx.example.com")));
        assert!(!fits((INACTIVE, 0), (INACTIVE, 1), &configured(1, "pbx.example.com")));
    }

    #[test]
    fn a_phone_is_refused_only_before_its_promotion_is_acknowledged() {
        assert!(fits((INACTIVE, 0), (INACTIVE, 0), &BootOutcome::Refused));
        assert!(fits((INACTIVE, 0), (ACTIVE, 1), &BootOutcome::Refused));
        assert!(fits((PROMOTING, 1), (ACTIVE, 1), &BootOutcome::Refused));
        assert!(!fits((ACTIVE, 1), (ACTIVE, 1), &BootOutcome::Refused));
    }

    #[test]
    fn only_a_promotion_in_the_middle_excuses_half_a_configuration() {
        let half = BootOutcome::Failed(BootError::HalfRefused { refused: 1, all: 2 });
        assert!(fits((INACTIVE, 0), (PROMOTING, 1), &half));
        assert!(!fits((ACTIVE, 1), (ACTIVE, 1), &half));
        assert!(!fits((INACTIVE, 0), (INACTIVE, 0), &half));
        let fault =
            BootError::Exchange { file: String::new(), fault: ExchangeError::AnswerTimeout };
        assert!(!fits((INACTIVE, 0), (ACTIVE, 1), &BootOutcome::Failed(fault)));
    }
}
