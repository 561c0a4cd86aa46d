//! Whether the time of a refusal tells why: each state of a MAC and of who asks, one after the
//! other in turns, over HTTP and HTTPS and with client certificates, on kept connections and on
//! new ones.
//!
//! One request at a time. On a new connection the time counts from when it is open.

use std::time::Instant;

use dialtone::domain::Mac;
use dialtone::simulator::lab_ca::LabCa;

use super::tls::client_tls;
use crate::Bench;
use crate::client::{Connection, Connector, Get, patient};
use crate::figures::{Better, Figure, Goal};
use crate::lab::{FOUR_AGENT, UNKNOWN_MAC, four_mac};
use crate::process::{Gateway, Setup};

const PART: &str = "refusals";

/// What an attacker would ask for as well; more tell smaller differences.
const SAMPLES: usize = 2_000;
const FEW_SAMPLES: usize = 300;

/// New MACs an address has in the measured hour, more than all samples; one address uses them up
/// first.
const NEW_MACS: u32 = 20_000;

/// Which of the loopback addresses asks, see [`Connector::with_source_addresses`].
const ANYBODY: u64 = 0;
const OVER_ITS_LIMIT: u64 = 1;
const FORBIDDEN: u64 = 199;
const SOURCES: u64 = 200;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FirstContact,
    Waiting,
    WrongFileOfActive,
    OverQuota,
    WithoutMac,
    ForbiddenNetwork,
    /// With certificates only: an active phone's asks in the name of another active one.
    CertificateOfAnother,
}

impl State {
    const ALL: [State; 7] = [
        State::FirstContact,
        State::Waiting,
        State::WrongFileOfActive,
        State::OverQuota,
        State::WithoutMac,
        State::ForbiddenNetwork,
        State::CertificateOfAnother,
    ];

    fn name(self) -> &'static str {
        match self {
            State::FirstContact => "first contact",
            State::Waiting => "known, not promoted",
            State::WrongFileOfActive => "active, no such file",
            State::OverQuota => "over the limit of its address",
            State::WithoutMac => "no MAC",
            State::ForbiddenNetwork => "forbidden network",
            State::CertificateOfAnother => "certificate of another phone",
        }
    }

    fn source(self) -> u64 {
        match self {
            State::OverQuota => OVER_ITS_LIMIT,
            State::ForbiddenNetwork => FORBIDDEN,
            _ => ANYBODY,
        }
    }

    /// All alike but for the MAC.
    fn target(self, number: u64) -> String {
        let file = |mac: Mac| format!("/{mac}-calls.xml");
        match self {
            State::FirstContact => file(stranger(number)),
            State::OverQuota => file(stranger(number | 1 << 23)),
            State::Waiting => file(Mac::from_bits(UNKNOWN_MAC)),
            State::WrongFileOfActive | State::ForbiddenNetwork => file(four_mac(0)),
            State::CertificateOfAnother => file(four_mac(1)),
            State::WithoutMac => "/zzzzzzzzzzzz-calls.xml".to_owned(),
        }
    }
}

/// The MAC of a stranger, of another block of Polycom's than the phones that are known.
fn stranger(number: u64) -> Mac {
    Mac::from_bits(0x0090_7a00_0000 | (number & 0xff_ffff))
}

/// How it is asked. All states of one way over the same kind of connection: what a handshake
/// costs, its last part is on the first request's time, is no matter of the refusal.
struct Way {
    name: &'static str,
    asks: Asks,
    kept: bool,
}

enum Asks {
    /// Anybody.
    Any(Connector),
    /// Holders of a certificate: of the phone that waits, and of an active one.
    Certified { waiting: Connector, active: Connector },
}

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>, String> {
    let setup = Setup {
        client_ca: bench.lab.mutual().client_ca,
        certificates_are_optional: true,
        allowed_networks: Some("\"127.0.0.0/16\", \"127.1.0.0/25\""),
        new_macs_per_address_per_hour: NEW_MACS,
        ..bench.lab.ecdsa()
    };
    let gateway = bench.lab.gateway("refusals", &setup)?;
    let samples = if bench.quick { FEW_SAMPLES } else { SAMPLES };
    let mut strangers = 0;
    prepare(&gateway).await?;
    let mut figures = Vec::new();
    for way in ways(bench, &gateway)? {
        let states: Vec<State> =
            State::ALL.into_iter().filter(|state| way.asks.can(*state)).collect();
        let medians = measure(&way, &states, samples, &mut strangers).await?;
        let mut of_all = medians.clone();
        of_all.sort_by(f64::total_cmp);
        let middle = of_all[of_all.len() / 2];
        for (state, median) in states.iter().zip(&medians) {
            let what = format!("{}, {}", way.name, state.name());
            figures.push(Figure::new(PART, what, "us", Better::Lower).of(*median));
        }
        let off = medians.iter().map(|median| (median / middle - 1.0).abs() * 100.0);
        let what = format!("{}, largest deviation from the median of all", way.name);
        let figure = Figure::new(PART, what, "%", Better::Lower).wanted(Goal::AtMost(5.0));
        figures.push(figure.of(off.fold(0.0, f64::max)));
    }
    Ok(figures)
}

fn ways(bench: &Bench, gateway: &Gateway) -> Result<Vec<Way>, String> {
    let from_many = |connector: Connector| connector.with_source_addresses(SOURCES);
    let http = from_many(Connector::plain(gateway.http));
    let address = gateway.https.ok_or("no https listener")?;
    let of = |error: dialtone::simulator::tls::FleetTlsError| error.to_string();
    let tls = |tls| from_many(Connector::tls(address, vec![tls]));
    let https = tls(client_tls(None)?.of(four_mac(0)).map_err(of)?);
    let ca = LabCa::load(&bench.lab.ca()).map_err(|error| error.to_string())?;
    let fleet = client_tls(Some(ca))?;
    let waiting = tls(fleet.of(Mac::from_bits(UNKNOWN_MAC)).map_err(of)?);
    let active = tls(fleet.of(four_mac(0)).map_err(of)?);
    let any = |name, connector: &Connector, kept| {
        let asks = Asks::Any(connector.clone());
        Way { name, asks, kept }
    };
    let certified = |name, kept| {
        let (waiting, active) = (waiting.clone(), active.clone());
        Way { name, asks: Asks::Certified { waiting, active }, kept }
    };
    Ok(vec![
        any("HTTP, kept", &http, true),
        any("HTTP, new", &http, false),
        any("HTTPS, kept", &https, true),
        any("HTTPS, new", &https, false),
        certified("client certificate, kept", true),
        certified("client certificate, new", false),
    ])
}

impl Asks {
    /// Unknown phones come without a certificate: a new one for each would be needed.
    fn can(&self, state: State) -> bool {
        match self {
            Asks::Any(_) => state != State::CertificateOfAnother,
            Asks::Certified { .. } => !matches!(state, State::FirstContact | State::OverQuota),
        }
    }
}

impl Way {
    async fn open(&self, state: State) -> Result<Connection, String> {
        let connector = match &self.asks {
            Asks::Any(connector) => connector,
            Asks::Certified { waiting, .. } if state == State::Waiting => waiting,
            Asks::Certified { active, .. } => active,
        };
        let opening = patient(connector.open(state.source())).await;
        opening.map_err(|error| format!("{}, {}: {error}", self.name, state.name()))
    }
}

/// Has one phone waiting, and one address use up its new MACs.
async fn prepare(gateway: &Gateway) -> Result<(), String> {
    let connector = Connector::plain(gateway.http).with_source_addresses(SOURCES);
    let failed = |error: std::io::Error| error.to_string();
    let mut connection = patient(connector.open(ANYBODY)).await.map_err(failed)?;
    ask(&mut connection, State::Waiting, 0).await?;
    let mut connection = patient(connector.open(OVER_ITS_LIMIT)).await.map_err(failed)?;
    for number in 0..u64::from(NEW_MACS) {
        // Others than those that are measured.
        ask(&mut connection, State::OverQuota, number | 1 << 22).await?;
    }
    Ok(())
}

/// The median of each state in microseconds.
async fn measure(
    way: &Way,
    states: &[State],
    samples: usize,
    strangers: &mut u64,
) -> Result<Vec<f64>, String> {
    let mut kept = Vec::with_capacity(states.len());
    for state in states {
        kept.push(way.open(*state).await?);
    }
    let mut times = vec![Vec::with_capacity(samples); states.len()];
    // The first tenth warms up.
    for sample in 0..samples + samples / 10 {
        *strangers += 1;
        for turn in 0..states.len() {
            // Nobody always comes after the same one.
            let at = (turn + sample) % states.len();
            let state = states[at];
            if !way.kept {
                kept[at] = way.open(state).await?;
            }
            let took = ask(&mut kept[at], state, *strangers).await?;
            if sample >= samples / 10 {
                times[at].push(took);
            }
        }
    }
    Ok(times
        .into_iter()
        .map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
        .collect())
}

/// Microseconds from request to refusal.
async fn ask(connection: &mut Connection, state: State, number: u64) -> Result<f64, String> {
    let target = state.target(number);
    let get = Get { target: &target, agent: FOUR_AGENT, close: false };
    let began = Instant::now();
    let status = patient(connection.status(&get)).await;
    let took = began.elapsed();
    match status.map_err(|error| format!("{}: {error}", state.name()))? {
        404 => Ok(took.as_secs_f64() * 1e6),
        status => Err(format!("{}: status {status}", state.name())),
    }
}
