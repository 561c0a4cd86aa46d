//! Whether the time or the bytes of a refusal tell why: each state of a MAC and of who asks, in
//! random order, with what the request shows besides, over HTTP and HTTPS and with client
//! certificates, on kept connections and on new ones. Attackers are watched as on the internet.
//!
//! One request at a time, but where each waits. On a new connection the time counts from when it is
//! open.

mod in_process;
mod rounds;
mod shape;
mod state;
mod way;

use std::sync::Mutex;

use dialtone::domain::Mac;
use serde_json::json;

use crate::Bench;
use crate::client::{Connector, patient};
use crate::figures::{Better, Figure, Goal, median};
use crate::process::{Gateway, Setup};
use rounds::{Counters, Rounds, Sampled};
use shape::{Nonce, Shape};
use state::State;
use way::Way;

const PART: &str = "refusals";

/// What an attacker would ask for as well; more tell smaller differences.
const SAMPLES: usize = 2_000;
const FEW_SAMPLES: usize = 200;

/// New MACs an address has in the measured hour, more than an attacker's takes; one address uses
/// them up first.
const NEW_MACS: u32 = 50;

/// What a gateway asks phones to prove over HTTP, and what is measured there: over HTTP, and over
/// HTTPS.
const LISTENERS: [(&str, &[Shape], &[Shape]); 3] = [
    (
        "none",
        &[Shape::Plain, Shape::FirstFile, Shape::WrongToken],
        &[Shape::Plain, Shape::FirstFile, Shape::WrongToken, Shape::WrongBasic],
    ),
    ("digest-md5", &[Shape::Plain, Shape::WrongDigest], &[Shape::Plain, Shape::WrongDigest]),
    ("basic", &[], &[Shape::Plain, Shape::WrongBasic]),
];

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>, String> {
    let samples = if bench.quick { FEW_SAMPLES } else { SAMPLES };
    let mut figures = Vec::new();
    for (challenge, over_http, over_https) in LISTENERS {
        let setup = Setup {
            client_ca: bench.lab.mutual().client_ca,
            certificates_are_optional: true,
            allowed_networks: Some(state::ALLOWED),
            never_ban: Some(state::NEVER_BANNED),
            new_macs_per_address_per_hour: NEW_MACS,
            challenge,
            ..bench.lab.ecdsa()
        };
        let gateway = bench.lab.gateway("refusals", &setup)?;
        prepare(&gateway).await?;
        let counters = Counters::default();
        for way in Way::all(bench, &gateway)? {
            let answer = Mutex::default();
            for &shape in if way.is_tls { over_https } else { over_http } {
                if way.shows_certificates() && shape != Shape::Plain {
                    continue;
                }
                let states = way.states().filter(|state| shape.can_be(*state)).collect();
                let status = if challenge == "none" { 404 } else { 401 };
                let (way, counters, answer) = (&way, &counters, &answer);
                let rounds = Rounds { way, shape, status, states, counters, answer };
                let sampled = rounds.take(samples).await?;
                check(&gateway, &rounds, &sampled).await?;
                let asked = match challenge {
                    "none" => String::new(),
                    challenge => format!(", asked for {challenge}"),
                };
                let what = format!("{}, {}{asked}", way.name, shape.name());
                figures.extend(figures_of(&what, &rounds.states, &sampled));
            }
        }
    }
    Ok(figures)
}

pub(super) async fn in_process(bench: &Bench) -> Result<Vec<Figure>, String> {
    in_process::run(if bench.quick { FEW_SAMPLES } else { SAMPLES }).await
}

fn figures_of(what: &str, states: &[State], sampled: &Sampled) -> Vec<Figure> {
    let figure = |what: String, unit| Figure::new(PART, what, unit, Better::Lower);
    let medians: Vec<f64> = sampled.times.iter().filter_map(|times| median(times)).collect();
    let of_state = |(state, median): (&State, &f64)| {
        figure(format!("{what}, {}", state.name()), "us").of(*median)
    };
    let mut figures: Vec<Figure> = states.iter().zip(&medians).map(of_state).collect();
    // What a state differs from itself by: the samples of every other one.
    let noise = sampled.times.iter().map(|times| {
        let half = |from: usize| {
            let half: Vec<f64> = times.iter().skip(from).step_by(2).copied().collect();
            median(&half).unwrap_or(f64::NAN)
        };
        spread(&[half(0), half(1)])
    });
    let noise = noise.fold(0.0, f64::max);
    figures
        .push(figure(format!("{what}, half of a state's against the other half"), "%").of(noise));
    let slowest = figure(format!("{what}, slowest state against the quickest"), "%");
    figures.push(slowest.wanted(Goal::AtMost(5.0)).of(spread(&medians)));
    figures
}

/// By how many in a hundred the largest is more than the smallest.
fn spread(values: &[f64]) -> f64 {
    let (least, most) = (f64::INFINITY, 0.0);
    let least = values.iter().copied().fold(least, f64::min);
    (values.iter().copied().fold(most, f64::max) / least - 1.0) * 100.0
}

/// Has one phone waiting, one active that is not admitted, a network banned, and one address use up
/// its new MACs.
async fn prepare(gateway: &Gateway) -> Result<(), String> {
    let settings = json!({
        "admission": { "require": ["token"] },
        "provisioning": { "user": "user", "password": "right" },
    });
    let company = json!({ "company": "guarded", "settings": settings });
    gateway.command("create", json!({ "type": "company", "values": company })).await?;
    let phone = json!({
        "mac": Mac::from_bits(state::NOT_ADMITTED).to_string(), "company": "guarded", "phone_type": "ip450",
    });
    gateway.command("create", json!({ "type": "phone", "values": phone })).await?;
    let ban = json!({ "network": state::BANNED });
    gateway.command("create", json!({ "type": "ban", "values": ban })).await?;
    let home = Connector::plain(gateway.http).coming_from(state::HOME);
    let failed = |error: std::io::Error| error.to_string();
    let mut waiting = patient(home.open(0)).await.map_err(failed)?;
    let request =
        |state: State, number| Shape::Plain.request(state.mac(number), &mut Nonce::default());
    patient(waiting.exchange(&request(State::Inactive, 0))).await.map_err(failed)?;
    let over = home.coming_from(State::OverQuota.source(state::HOME));
    let mut over = patient(over.open(0)).await.map_err(failed)?;
    for number in 0..u64::from(NEW_MACS) {
        // Others than those that are measured.
        let request = request(State::OverQuota, 1 << 22 | number);
        patient(over.exchange(&request)).await.map_err(failed)?;
    }
    Ok(())
}

/// Whether what was measured is what it is called, as the gateway says what became of the last
/// request of each state.
async fn check(gateway: &Gateway, rounds: &Rounds<'_>, sampled: &Sampled) -> Result<(), String> {
    let is_challenged = rounds.status == 401;
    for (&state, mac) in rounds.states.iter().zip(&sampled.macs) {
        let Some(mac) = mac else { continue };
        let scope = json!({ "mac": mac.to_string() });
        let said = gateway.command("requests", json!({ "type": "phone", "scope": scope })).await?;
        let outcome = &said["values"][0]["outcome"];
        let expected = if is_challenged { "challenged" } else { state.outcome() };
        if outcome != expected {
            let (way, shape) = (rounds.way.name, rounds.shape.name());
            return Err(format!("{way}, {shape}, {}: {outcome}, not {expected}", state.name()));
        }
    }
    Ok(())
}
