//! A delivery of new phones: first seen and refused, listed as what they are, given a
//! line and promoted through the admin API, then configured with exactly that line.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::office::{Office, phone_id};
use crate::domain::{ErrorChain, Mac};
use crate::simulator::fleet::Member;
use crate::simulator::lab::{Expect, Lab, OutcomeText, Phase};
use crate::simulator::measure::Figures;
use crate::simulator::operator::CallError;
use crate::simulator::phone::Phone;
use crate::simulator::progress::Steps;
use crate::simulator::report::{Finding, RunResult};
use crate::simulator::wire::WireCounts;

/// Unknown phones boot, are promoted and boot again.
pub async fn onboard(
    lab: &Arc<Lab>,
    phones: Vec<Phone>,
    office: &Office,
    ramp: Duration,
) -> RunResult {
    let mut result = RunResult::default();
    let (phones, phase) = lab.boot_all("first seen", phones, ramp, &Expect::refused()).await;
    result.phases.push(phase);
    result.findings.push(listed(&phones, office).await);
    let members = phones.iter().map(|phone| phone.member.clone()).enumerate().collect();
    result.phases.push(promote_all(lab, "promotion", members, office).await);
    let checking = office.clone();
    let expect = Expect::new(move |member, outcome| match checking.edit_of(member.mac, outcome) {
        Some(1) => Ok(()),
        _ => Err(format!(
            "should be {}@{}, is {}",
            Office::user(member.mac, 1),
            checking.registrar,
            OutcomeText(outcome)
        )),
    });
    let (_, phase) = lab.boot_all("configured", phones, ramp, &expect).await;
    result.phases.push(phase);
    result.calls = office.calls();
    result
}

/// Every phone is on the list of inactive ones, as the type it is if it tells.
async fn listed(phones: &[Phone], office: &Office) -> Finding {
    let macs: Vec<Mac> = phones.iter().map(|phone| phone.member.mac).collect();
    let listed = match office.once_listed(&macs).await {
        Ok(listed) => listed,
        Err(error) => {
            let told = ErrorChain(&error);
            return Finding { ok: false, what: format!("no list of inactive phones: {told}") };
        }
    };
    let (mut missing, mut other, mut example) = (0, 0, String::new());
    for phone in phones {
        let member = &phone.member;
        let told = match listed.get(&phone_id(member.mac)) {
            None => {
                missing += 1;
                "not listed".to_owned()
            }
            Some(own) if own == member.model.type_key.as_str() => continue,
            Some(_) if !member.model.is_told => continue,
            Some(own) => {
                other += 1;
                format!("listed as {own}")
            }
        };
        if example.is_empty() {
            example = format!(", such as {} ({}): {told}", member.mac, member.model.type_key);
        }
    }
    let all = phones.len();
    let what =
        format!("of {all} phones, {missing} are not listed and {other} as another type{example}");
    Finding { ok: missing + other == 0, what }
}

/// Says what each phone is that does not tell, gives it its line (edit 1) and promotes it; a phase
/// without boots.
pub(super) async fn promote_all(
    lab: &Arc<Lab>,
    name: &str,
    members: Vec<(usize, Member)>,
    office: &Office,
) -> Phase {
    let _progress = lab.progress(name, Steps::Operations, members.len() as u64);
    let began = Instant::now();
    let share = office.operators.len();
    let mut tasks = JoinSet::new();
    for own in 0..share {
        let (office, live) = (office.clone(), Arc::clone(&lab.live));
        let members: Vec<_> =
            members.iter().filter(|(number, _)| number % share == own).cloned().collect();
        tasks.spawn(async move {
            let mut figures = Figures::default();
            for (number, member) in members {
                let mac = member.mac;
                if let Err(error) = promote(&office, number, &member).await {
                    figures.unexpected += 1;
                    figures.error("not promoted", || format!("{mac}: {}", ErrorChain(&error)));
                    live.unexpected.fetch_add(1, Ordering::Relaxed);
                }
                live.operations.fetch_add(1, Ordering::Relaxed);
            }
            figures
        });
    }
    let mut figures = Figures::default();
    while let Some(ended) = tasks.join_next().await {
        figures.merge(&ended.expect("an operator's task neither panics nor is cancelled"));
    }
    Phase { name: name.to_owned(), took: began.elapsed(), figures, wire: WireCounts::default() }
}

async fn promote(office: &Office, number: usize, member: &Member) -> Result<(), CallError> {
    if let Some(phone_type) = member.model.type_to_say() {
        office.say_type(number, member.mac, phone_type, Instant::now()).await?;
    }
    office.edit(number, member.mac, 1, Instant::now()).await?;
    office.promote(number, member.mac, Instant::now()).await
}
