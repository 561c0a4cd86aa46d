//! `phonesim boot`: a fleet, and what happens to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::credentials::CredentialsArguments;
use super::fleet::FleetArguments;
use super::network::NetworkArguments;
use super::numbers::{rate, seconds, some_seconds};
use super::office::OfficeArguments;
use super::tls::TlsArguments;
use super::{Run, text};
use crate::domain::Mac;
use crate::simulator::lab::{self, Expect, Lab};
use crate::simulator::outcome_log::OutcomeLog;
use crate::simulator::phone::Phone;
use crate::simulator::progress::ProgressDisplay;
use crate::simulator::report::{Report, Start};
use crate::simulator::scenario::{self, Churn, Scan, Steady, Storm};

#[derive(Args)]
pub(super) struct BootArguments {
    /// What happens.
    #[arg(long, value_enum, default_value_t = Scenario::Storm)]
    scenario: Scenario,
    #[command(flatten)]
    fleet: FleetArguments,
    #[command(flatten)]
    network: NetworkArguments,
    #[command(flatten)]
    tls: TlsArguments,
    #[command(flatten)]
    credentials: CredentialsArguments,
    #[command(flatten)]
    office: OfficeArguments,
    /// Storm and steady: what the phones should come to.
    #[arg(long, value_enum, default_value_t = Expected::Configured)]
    expect: Expected,
    /// Storm and onboard: seconds from the first boot to the last.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    ramp: Duration,
    /// Storm: boots of each phone, one round after the other.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Steady and churn: seconds between two boots of a phone.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = some_seconds)]
    period: Duration,
    /// Steady and churn: seconds to go on; at least a period, so that every phone boots.
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    duration: Duration,
    /// Churn: operations a second. Scan: requests a second; 0 is as fast as it goes.
    #[arg(long, default_value_t = 50.0, value_parser = rate)]
    rate: f64,
    /// Phones forget what they have before each boot.
    #[arg(long)]
    factory_reset: bool,
    /// Write the report as JSON to FILE, or to standard output instead of the table with `-`.
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Write how each boot ended to FILE, a line of JSON each: phase, mac, type, outcome, the
    /// user and registrar of a configured phone, the reason of a failed one.
    #[arg(long, value_name = "FILE")]
    outcomes: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Scenario {
    /// The fleet boots, all at once or within --ramp, --rounds times.
    Storm,
    /// Every phone boots each --period for --duration.
    Steady,
    /// New phones are refused, then promoted through the admin API and configured.
    Onboard,
    /// Somebody asks for the file of --phones addresses in a row, twice.
    Scan,
    /// Phones boot each --period while operators promote, edit and assign.
    Churn,
}

#[derive(Clone, Copy, ValueEnum)]
enum Expected {
    Configured,
    Refused,
    Anything,
}

impl BootArguments {
    pub(super) fn run(self) -> Run {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start the runtime: {error}"))?;
        runtime.block_on(self.boot())
    }

    async fn boot(self) -> Run {
        let is_by_the_day = matches!(self.scenario, Scenario::Steady | Scenario::Churn);
        if is_by_the_day && self.duration < self.period {
            return Err(
                "--duration is shorter than --period: most phones would not boot".to_owned()
            );
        }
        let credentials = self.credentials.read()?;
        let fleet = self.fleet.build()?;
        let seed = self.fleet.seed;
        let dialer = self.network.dialer(usize::from(self.office.operators)).await?;
        let tls = self.tls.of_fleet(dialer.target(0))?;
        let scanned = fleet.members.first().cloned().expect("a fleet has at least one phone");
        let phones: Vec<Phone> = lab::phones(&fleet, seed, tls.as_ref()).map_err(text)?;
        let count = phones.len();
        let outcomes = self.outcomes.as_deref().map(OutcomeLog::create).transpose();
        let outcomes = outcomes.map_err(|error| self.outcomes_unwritten(&error))?.map(Arc::new);
        let lab = Arc::new(Lab {
            dialer,
            habits: self.network.habits(self.factory_reset, credentials),
            live: Arc::default(),
            seed,
            files: fleet.files,
            outcomes: outcomes.clone(),
            progress: ProgressDisplay::of_stderr(),
        });
        let expect = match self.expect {
            Expected::Configured => Expect::configured(),
            Expected::Refused => Expect::refused(),
            Expected::Anything => Expect::anything(),
        };
        let start = Start::now();
        let (name, result) = match self.scenario {
            Scenario::Storm => {
                let plan = Storm { ramp: self.ramp, rounds: self.rounds, expect };
                ("storm", scenario::storm(&lab, phones, &plan).await)
            }
            Scenario::Steady => {
                let plan = Steady { period: self.period, duration: self.duration, expect };
                ("steady", scenario::steady(&lab, phones, &plan).await)
            }
            Scenario::Onboard => {
                let office = self.office.open(&self.network, &self.tls).await?;
                ("onboard", scenario::onboard(&lab, phones, &office, self.ramp).await)
            }
            Scenario::Churn => {
                let office = self.office.open(&self.network, &self.tls).await?;
                let plan = Churn {
                    period: self.period,
                    duration: self.duration,
                    operations_per_s: self.rate,
                };
                ("churn", scenario::churn(&lab, phones, &office, &plan).await)
            }
            Scenario::Scan => {
                let tls = tls.map(|tls| tls.of(scanned.mac)).transpose().map_err(text)?;
                let plan = Scan {
                    model: scanned.model,
                    // Leaves room behind it in its block.
                    first: Mac::from_bits(scanned.mac.bits() & !0xff_ffff),
                    requests: count,
                    requests_per_s: self.rate,
                    workers: self.network.connections.min(64),
                    tls,
                };
                ("scan", scenario::scan(&lab, &plan).await)
            }
        };
        let written = outcomes.map_or(Ok(()), |outcomes| outcomes.finish());
        let as_expected =
            publish(&Report::new(name, &lab, count, start, &result), self.json.as_deref())?;
        written.map_err(|error| self.outcomes_unwritten(&error)).map(|()| as_expected)
    }

    fn outcomes_unwritten(&self, error: &std::io::Error) -> String {
        let path = self.outcomes.as_deref().unwrap_or(Path::new(""));
        format!("cannot write {}: {error}", path.display())
    }
}

/// Shows and writes a report; whether all was as expected.
fn publish(report: &Report, json: Option<&str>) -> Run {
    match json {
        Some("-") => println!("{}", report.json()),
        Some(path) => {
            std::fs::write(path, report.json() + "\n")
                .map_err(|error| format!("cannot write {path}: {error}"))?;
            print!("{}", report.table());
        }
        None => print!("{}", report.table()),
    }
    Ok(report.as_expected)
}
