//! The simulator's scenarios against the whole gateway.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dialtone::catalogue::{Catalogue, Sources};
use dialtone::simulator::dial::{DialOptions, Dialer};
use dialtone::simulator::fleet::{Fleet, Plan, parse_mix};
use dialtone::simulator::gateway_url::GatewayUrl;
use dialtone::simulator::lab::{Expect, Lab, phones};
use dialtone::simulator::operator::Operator;
use dialtone::simulator::phone::{Habits, Phone};
use dialtone::simulator::progress::ProgressDisplay;
use dialtone::simulator::report::{PhaseReport, Report, RunResult, Start};
use dialtone::simulator::scenario::{self, Churn, Office, Scan, Storm};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::support::Gateway;

struct Run {
    runtime: Runtime,
    lab: Arc<Lab>,
    fleet: Fleet,
    start: Start,
}

impl Run {
    fn new(gateway: &Gateway, mix: &str, count: usize) -> Run {
        Run::of(gateway, mix, count, &Sources::default())
    }

    fn of(gateway: &Gateway, mix: &str, count: usize, sources: &Sources) -> Run {
        let catalogue = Catalogue::load(sources).expect("the families load");
        let mix = parse_mix(mix).expect("a mix");
        let plan = Plan { phones: count, mix, seed: 11 };
        Run::with(gateway, Fleet::build(&catalogue, &plan).expect("a fleet"))
    }

    fn with(gateway: &Gateway, mut fleet: Fleet) -> Run {
        let runtime = Runtime::new().expect("a runtime can be made");
        let dialer = runtime.block_on(dialer(gateway.http()));
        let lab = Arc::new(Lab {
            dialer,
            habits: Habits { retry_delay: Some(Duration::from_millis(50)), ..Habits::default() },
            live: Arc::default(),
            seed: 11,
            files: std::mem::take(&mut fleet.files),
            outcomes: None,
            progress: ProgressDisplay::Off,
        });
        Run { runtime, lab, fleet, start: Start::now() }
    }

    fn phones(&self) -> Vec<Phone> {
        phones(&self.fleet, 11, None).expect("plain HTTP needs no certificate")
    }

    fn office(&self, gateway: &Gateway, companies: &[&str]) -> Office {
        let dialer = Arc::new(self.runtime.block_on(dialer(gateway.admin())));
        let key = gateway.key();
        let operator = || Arc::new(Operator::new(Arc::clone(&dialer), None, key.to_owned()));
        Office {
            operators: (0..3).map(|_| operator()).collect(),
            companies: companies.iter().map(|&name| name.to_owned()).collect(),
            registrar: "sip.example.com".to_owned(),
        }
    }

    fn report(&self, result: &RunResult) -> Report {
        Report::new("test", &self.lab, self.fleet.members.len(), self.start, result)
    }
}

async fn dialer(address: SocketAddr) -> Dialer {
    let target = GatewayUrl::resolve(&format!("http://{address}/"), false).await.expect("a lab's");
    Dialer::new(vec![target], DialOptions { connections: 32, ..DialOptions::default() })
        .expect("dials")
}

#[test]
fn every_family_is_onboarded_and_boots_again_from_what_it_has() {
    let gateway = Gateway::start();
    let run = Run::new(&gateway, "", 70);
    let office = run.office(&gateway, &["default"]);
    let result =
        run.runtime.block_on(scenario::onboard(&run.lab, run.phones(), &office, Duration::ZERO));
    let report = run.report(&result);
    assert!(report.as_expected, "{}", report.table());
    assert_eq!(report.phases[2].configured, 70);
    assert_eq!(report.admin["promote"].calls, 70);

    let plan = Storm { ramp: Duration::ZERO, rounds: 2, expect: Expect::configured() };
    let result = run.runtime.block_on(scenario::storm(&run.lab, run.phones(), &plan));
    let report = run.report(&result);
    assert!(report.as_expected, "{}", report.table());
    let same = |phase: usize| -> u64 {
        report.phases[phase].files.iter().map(|file| file.endings["not_modified"]).sum()
    };
    assert_eq!(same(0), 0);
    assert!(same(1) >= 70, "every phone asks whether its file is still good: {}", report.table());
}

#[test]
fn one_of_each_type_is_onboarded() {
    let gateway =
        Gateway::start_with(|config, _| config.quota.new_macs_per_address_per_hour = 10_000);
    let catalogue = Catalogue::load(&Sources::default()).expect("the families load");
    let fleet = Fleet::one_of_each(&catalogue, &[], 11).expect("a fleet");
    let count = fleet.members.len() as u64;
    let run = Run::with(&gateway, fleet);
    let office = run.office(&gateway, &["default"]);
    let result =
        run.runtime.block_on(scenario::onboard(&run.lab, run.phones(), &office, Duration::ZERO));
    let report = run.report(&result);
    assert!(report.as_expected, "{}", report.table());
    assert_eq!(report.phases[2].configured, count);
}

#[test]
fn phones_with_http_1_0_are_onboarded_with_a_host_and_without() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/simulator/tests/families");
    let sources = Sources { templates_dir: Some(folder.clone()), ..Sources::default() };
    let gateway = Gateway::start_with(|config, _| config.catalogue.templates_dir = Some(folder));
    let run = Run::of(&gateway, "t28p,o1", 12, &sources);
    let office = run.office(&gateway, &["default"]);
    let result =
        run.runtime.block_on(scenario::onboard(&run.lab, run.phones(), &office, Duration::ZERO));
    let report = run.report(&result);
    assert!(report.as_expected, "{}", report.table());
    assert_eq!(report.phases[2].configured, 12);
    let requests = |phase: &PhaseReport| phase.files.iter().map(|own| own.requests).sum::<u64>();
    // The gateway ends each connection with its answer, as HTTP/1.0 has it.
    assert_eq!(report.wire.connections, report.phases.iter().map(requests).sum::<u64>());
}

#[test]
fn phones_that_boot_while_operators_work_never_get_what_is_out_of_date() {
    let gateway = Gateway::start();
    let company = json!({ "company": "acme", "name": "Acme" });
    gateway.done("create", json!({ "type": "company", "values": company }));
    let run = Run::new(&gateway, "", 40);
    let office = run.office(&gateway, &["default", "acme"]);
    let plan = Churn {
        period: Duration::from_millis(400),
        duration: Duration::from_secs(2),
        operations_per_s: 60.0,
    };
    let churn = scenario::churn(&run.lab, run.phones(), &office, &plan);
    let report = run.report(&run.runtime.block_on(churn));
    assert!(report.as_expected, "{}", report.table());
    assert!(report.phases[2].boots >= 40 * 5, "{}", report.table());
    assert!(report.admin["update"].calls > 60, "{}", report.table());
}

#[test]
fn a_scan_gets_nothing_and_every_refusal_looks_alike() {
    let gateway = Gateway::start();
    let run = Run::new(&gateway, "t46s", 1);
    let plan = Scan {
        model: run.fleet.members[0].model.clone(),
        first: "001565000000".parse().expect("a MAC"),
        requests: 100,
        requests_per_s: 0.0,
        workers: 4,
        tls: None,
    };
    let result = run.runtime.block_on(scenario::scan(&run.lab, &plan));
    let report = run.report(&result);
    assert!(report.as_expected, "{}", report.table());
    assert_eq!((report.phases[0].refused, report.phases[1].refused), (100, 100));
}
