//! The `phonesim` command: arguments to a fleet, a scenario's result to an exit code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::{Args, Parser, Subcommand, ValueEnum};
use dialtone::catalogue::{Catalogue, Sources};
use dialtone::domain::Mac;
use dialtone::simulator::dial::{DialOptions, Dialer};
use dialtone::simulator::fleet::{self, Fleet, Plan};
use dialtone::simulator::gateway_url::GatewayUrl;
use dialtone::simulator::lab::{self, Expect, Lab};
use dialtone::simulator::lab_ca::{self, LabCa};
use dialtone::simulator::operator::Operator;
use dialtone::simulator::outcome_log::OutcomeLog;
use dialtone::simulator::own_cost;
use dialtone::simulator::phone::{Habits, Phone};
use dialtone::simulator::progress::ProgressDisplay;
use dialtone::simulator::report::{Report, Start};
use dialtone::simulator::scenario::{self, Churn, Office, Scan, Steady, Storm};
use dialtone::simulator::tls::{FleetTls, Trust, Versions};

// As the gateway's: a fleet renders nothing, but it allocates for every request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Simulated SIP handsets, for trying a provisioning gateway.
///
/// Exits with 0 when every phone got what was expected, 1 when one did not, 2 when the run
/// could not begin or a file not be written.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Let a fleet boot.
    Boot(Box<Boot>),
    /// List the phones of a fleet: MAC and type.
    Fleet(FleetArguments),
    /// Make a certificate authority for a lab, and a certificate for the gateway.
    Ca {
        /// Where to: ca.pem, ca.key, server.pem, server.key. Nothing is overwritten.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Names and addresses of the gateway.
        #[arg(long = "name", default_values = ["localhost", "127.0.0.1", "::1"])]
        names: Vec<String>,
    },
}

#[derive(Args)]
struct Boot {
    /// What happens.
    #[arg(long, value_enum, default_value_t = Scenario::Storm)]
    scenario: Scenario,
    #[command(flatten)]
    fleet: FleetArguments,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    tls: Tls,
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

#[derive(Args)]
struct FleetArguments {
    /// How many.
    #[arg(long, short = 'n', default_value_t = 100, value_parser = at_least_one)]
    phones: usize,
    /// Families or types with weights: yealink=3,t46s,snom=2. Default: every family alike.
    #[arg(long, default_value = "")]
    mix: String,
    /// The same seed gives the same phones.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// An operator's folder of families, over the built-in ones.
    #[arg(long)]
    templates: Option<PathBuf>,
}

#[derive(Args)]
struct Network {
    /// The gateway, as the phones are told it: http://127.0.0.1:8080/.
    #[arg(long, value_name = "URL")]
    target: String,
    /// The target is public, and you may flood it.
    #[arg(long)]
    i_own_the_target: bool,
    /// Connections open at a time.
    #[arg(long, default_value_t = 1024, value_parser = at_least_one)]
    connections: usize,
    /// Come from so many loopback addresses (127.1.0.1 and up), phone by phone.
    #[arg(long, value_name = "N", default_value_t = 0)]
    source_addresses: u32,
    /// Close connections with a reset, which leaves no TIME_WAIT. No real phone does.
    #[arg(long)]
    reset_on_close: bool,
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    connect_timeout: Duration,
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    answer_timeout: Duration,
    /// Attempts after the first, instead of the family's.
    #[arg(long)]
    retries: Option<u8>,
    /// Seconds before the second attempt, instead of the family's; doubles each time.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    retry_delay: Option<Duration>,
}

#[derive(Args)]
struct Tls {
    /// Check the gateway's certificate against these authorities (PEM). Without it, any
    /// certificate is taken.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Give every phone a certificate of the authority in DIR (made by `phonesim ca`).
    #[arg(long, value_name = "DIR")]
    client_ca: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = TlsVersion::Both)]
    tls: TlsVersion,
}

/// The operators of onboard and churn.
#[derive(Args)]
struct OfficeArguments {
    /// The gateway's admin API: http://127.0.0.1:8081/.
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// A file with the API key of a System-Admin; or PHONESIM_KEY in the environment.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Operators at work at a time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    operators: u16,
    /// Companies that exist: phones are promoted to the first, churn assigns to all.
    #[arg(long = "company", default_values = ["default"])]
    companies: Vec<String>,
    /// What lines register with.
    #[arg(long, default_value = "sip.example.com")]
    registrar: String,
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

#[derive(Clone, Copy, ValueEnum)]
enum TlsVersion {
    Both,
    #[value(name = "1.2")]
    V1_2,
    #[value(name = "1.3")]
    V1_3,
}

/// A run that could not begin, or left less than was asked for.
const NOT_BEGUN: u8 = 2;

fn main() -> ExitCode {
    let run = match Arguments::parse().command {
        Command::Boot(boot) => boot.run(),
        Command::Fleet(fleet) => fleet.list(),
        Command::Ca { out, names } => make_ca(&out, &names),
    };
    match run {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("phonesim: {message}");
            ExitCode::from(NOT_BEGUN)
        }
    }
}

/// Whether all was as expected; or why nothing was begun.
type Run = Result<bool, String>;

impl Boot {
    fn run(self) -> Run {
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
        let fleet = self.fleet.build()?;
        let seed = self.fleet.seed;
        let dialer = self.network.dialer(usize::from(self.office.operators)).await?;
        let tls = self.tls.of_fleet(&dialer.target)?;
        let scanned = fleet.members.first().cloned().expect("a fleet has at least one phone");
        let phones: Vec<Phone> = lab::phones(&fleet, seed, tls.as_ref()).map_err(text)?;
        let count = phones.len();
        let outcomes = self.outcomes.as_deref().map(OutcomeLog::create).transpose();
        let outcomes = outcomes.map_err(|error| self.outcomes_unwritten(&error))?.map(Arc::new);
        let lab = Arc::new(Lab {
            dialer,
            habits: self.network.habits(self.factory_reset),
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
}

impl Boot {
    fn outcomes_unwritten(&self, error: &std::io::Error) -> String {
        let path = self.outcomes.as_deref().unwrap_or(Path::new(""));
        format!("cannot write {}: {error}", path.display())
    }
}

impl OfficeArguments {
    async fn open(&self, network: &Network, tls: &Tls) -> Result<Office, String> {
        let url = self.admin.as_deref().ok_or("this scenario needs --admin URL")?;
        let target = GatewayUrl::resolve(url, network.i_own_the_target).await.map_err(text)?;
        let key = match &self.key_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?,
            None => std::env::var("PHONESIM_KEY")
                .map_err(|_| "this scenario needs --key-file FILE or PHONESIM_KEY")?,
        };
        let config = match target.tls_name {
            None => None,
            Some(_) => Some(tls.of_operators()?),
        };
        let operators = usize::from(self.operators);
        let options = DialOptions {
            connections: operators,
            connect_timeout: network.connect_timeout,
            answer_timeout: network.answer_timeout,
            ..DialOptions::default()
        };
        let dialer = Arc::new(Dialer::new(target, options).map_err(text)?);
        let operator = || {
            let key = key.trim().to_owned();
            Arc::new(Operator::new(Arc::clone(&dialer), config.clone(), key))
        };
        Ok(Office {
            operators: (0..operators).map(|_| operator()).collect(),
            companies: self.companies.clone(),
            registrar: self.registrar.clone(),
        })
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

impl FleetArguments {
    fn build(&self) -> Result<Fleet, String> {
        let sources = Sources { templates_dir: self.templates.clone(), ..Sources::default() };
        let catalogue = Catalogue::load(&sources).map_err(text)?;
        let mix = fleet::parse_mix(&self.mix).map_err(text)?;
        let plan = Plan { phones: self.phones, mix, seed: self.seed };
        Fleet::build(&catalogue, &plan).map_err(text)
    }

    fn list(&self) -> Run {
        for member in self.build()?.members {
            println!("{} {}", member.mac, member.model.type_key);
        }
        Ok(true)
    }
}

impl Network {
    /// `others`: connections besides the phones'.
    async fn dialer(&self, others: usize) -> Result<Dialer, String> {
        own_cost::make_room(self.connections.saturating_add(others))?;
        let target =
            GatewayUrl::resolve(&self.target, self.i_own_the_target).await.map_err(text)?;
        let options = DialOptions {
            connections: self.connections,
            connect_timeout: self.connect_timeout,
            answer_timeout: self.answer_timeout,
            source_addresses: self.source_addresses,
            reset_on_close: self.reset_on_close,
        };
        Dialer::new(target, options).map_err(text)
    }

    fn habits(&self, forgets: bool) -> Habits {
        Habits { retries: self.retries, retry_delay: self.retry_delay, forgets }
    }
}

impl Tls {
    /// As the phones, without a certificate.
    fn of_operators(&self) -> Result<Arc<rustls::ClientConfig>, String> {
        let trust = self.trust.clone().map_or(Trust::Anyone, Trust::Authorities);
        let tls = FleetTls::new(&trust, Versions::Both, None).map_err(text)?;
        tls.of(Mac::from_bits(0)).map_err(text)
    }

    fn of_fleet(&self, target: &GatewayUrl) -> Result<Option<FleetTls>, String> {
        if target.tls_name.is_none() {
            if self.trust.is_some() || self.client_ca.is_some() {
                return Err("--trust and --client-ca are for an https:// target".to_owned());
            }
            return Ok(None);
        }
        let trust = self.trust.clone().map_or(Trust::Anyone, Trust::Authorities);
        let versions = match self.tls {
            TlsVersion::Both => Versions::Both,
            TlsVersion::V1_2 => Versions::Tls12,
            TlsVersion::V1_3 => Versions::Tls13,
        };
        let ca = self.client_ca.as_deref().map(LabCa::load).transpose().map_err(text)?;
        FleetTls::new(&trust, versions, ca).map(Some).map_err(text)
    }
}

fn make_ca(out: &Path, names: &[String]) -> Run {
    LabCa::create(out, names, SystemTime::now()).map_err(text)?;
    for name in [lab_ca::CA, lab_ca::CA_KEY, lab_ca::SERVER, lab_ca::SERVER_KEY] {
        println!("{}", out.join(name).display());
    }
    Ok(true)
}

/// What is added to a point in time must not leave the clock's range.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

fn seconds(written: &str) -> Result<Duration, String> {
    let seconds: f64 = written.parse().map_err(|_| "not a number of seconds".to_owned())?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if duration > LONGEST { Err("longer than a year".to_owned()) } else { Ok(duration) }
}

/// A phone that boots again after no time boots for ever.
fn some_seconds(written: &str) -> Result<Duration, String> {
    let duration = seconds(written)?;
    if duration.is_zero() { Err("must be more than 0".to_owned()) } else { Ok(duration) }
}

fn at_least_one(written: &str) -> Result<usize, String> {
    let number: usize = written.parse().map_err(|_| "not a number".to_owned())?;
    if number == 0 { Err("must be at least 1".to_owned()) } else { Ok(number) }
}

fn rate(written: &str) -> Result<f64, String> {
    let rate: f64 = written.parse().map_err(|_| "not a number".to_owned())?;
    let is_usable = rate.is_finite() && rate >= 0.0;
    if is_usable { Ok(rate) } else { Err("must be 0 or more".to_owned()) }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
