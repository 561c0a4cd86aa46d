//! Simulated phones that are asked for a user and a password.

use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use dialtone::catalogue::{Catalogue, Sources};
use dialtone::domain::Credentials;
use dialtone::domain::settings::Secret;
use dialtone::handset::Challenge;
use dialtone::simulator::dial::{DialOptions, Dialer};
use dialtone::simulator::fleet::{Fleet, Plan, parse_mix};
use dialtone::simulator::gateway_url::GatewayUrl;
use dialtone::simulator::lab::{Expect, Lab, Phase, phones};
use dialtone::simulator::phone::Habits;
use dialtone::simulator::progress::ProgressDisplay;
use dialtone::simulator::sample::Ending;
use serde_json::{Value, json};

use crate::support::{Gateway, ManualClock};

/// Asks for the credentials that the settings of all phones have, and takes nothing else.
fn ask_all(gateway: &Gateway) {
    let settings = json!({ "provisioning": { "user": "dev", "password": "s3cret" },
        "admission": { "mode": "enforce", "require": ["credentials"] } });
    let values = json!({ "settings": settings });
    gateway.done("update", json!({ "type": "settings", "values": values }));
}

fn gateway(challenge: Challenge) -> Gateway {
    let gateway = Gateway::start_with(|config, _| {
        config.handset.authorization.challenge = challenge;
    });
    ask_all(&gateway);
    gateway
}

fn phonesim(gateway: &Gateway, target: &str, password: &str, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phonesim"));
    command.current_dir(gateway.dir()).env("PHONESIM_KEY", gateway.key());
    command.env("PHONESIM_PASSWORD", password);
    command.arg("boot").arg("--target").arg(target).arg("--json=-");
    command.arg(format!("--admin=http://{}/", gateway.admin()));
    command.args(line.split_whitespace()).stdin(Stdio::null());
    command.output().expect("the command can be run")
}

/// The exit code, and the requests of a phase that ended so.
fn endings(output: &Output, phase: usize, ending: &str) -> (Option<i32>, u64) {
    let report: Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
    let files = report["phases"][phase]["files"].as_array().expect("a list of files");
    let count = files.iter().map(|file| file["endings"][ending].as_u64().expect("a number")).sum();
    (output.status.code(), count)
}

#[test]
fn phones_with_the_password_are_configured_and_no_others() {
    let user = "-n 5 --mix yealink=3,snom=2 --user dev";
    for challenge in [Challenge::DigestMd5, Challenge::DigestSha256, Challenge::Basic] {
        let gateway = gateway(challenge);
        let plain = format!("http://{}/", gateway.http());
        let secure = format!("https://{}/", gateway.https());
        let target = if challenge == Challenge::Basic { &secure } else { &plain };
        let run = |password: &str, line: &str| phonesim(&gateway, target, password, line);
        // Each proves its password once, and goes on with what it was asked.
        let onboard = run("s3cret", &format!("{user} --scenario onboard"));
        assert_eq!(endings(&onboard, 2, "refused").0, Some(0), "{challenge:?}: {onboard:?}");
        assert_eq!(endings(&onboard, 0, "challenged").1, 5, "{challenge:?}: {onboard:?}");
        assert_eq!(endings(&onboard, 2, "challenged").1, 0, "{challenge:?}: {onboard:?}");
        let storm = run("s3cret", &format!("{user} --rounds 2"));
        assert_eq!(endings(&storm, 0, "challenged"), (Some(0), 5), "{challenge:?}: {storm:?}");

        let wrong = run("S3cret", &format!("{user} --expect refused"));
        let (code, challenged) = endings(&wrong, 0, "challenged");
        assert!(code == Some(0) && challenged >= 5, "{challenge:?}: {wrong:?}");
        assert_eq!(endings(&wrong, 0, "served").1, 0, "{challenge:?}: {wrong:?}");
        let silent = run("s3cret", "-n 5 --mix yealink=3,snom=2 --expect refused");
        assert_eq!(endings(&silent, 0, "challenged"), (Some(0), 0), "{challenge:?}: {silent:?}");
    }
}

#[test]
fn a_password_is_read_from_a_file_and_not_from_the_command() {
    let gateway = gateway(Challenge::DigestMd5);
    let target = format!("http://{}/", gateway.http());
    std::fs::write(gateway.dir().join("password"), "s3cret\n").unwrap();
    let line = "-n 2 --mix t46s --user dev --password-file password --scenario onboard";
    let output = phonesim(&gateway, &target, "another", line);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for (line, said) in [
        ("--user dev --password-file nowhere", "cannot read nowhere"),
        ("--password-file password", "--user <USER>"),
        ("--user dév", "--user must be printable ASCII"),
    ] {
        let output = phonesim(&gateway, &target, "s3cret", line);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && told.contains(said), "{line}: {told}");
    }
}

#[test]
fn a_nonce_that_is_too_old_is_replaced_without_a_refusal() {
    let clock = ManualClock::new();
    let gateway = Gateway::start_at(clock.clone(), |config, _| {
        config.handset.authorization.challenge = Challenge::DigestMd5;
    });
    ask_all(&gateway);
    let catalogue = Catalogue::load(&Sources::default()).expect("the families load");
    let plan = Plan { phones: 4, mix: parse_mix("t46s").expect("a mix"), seed: 11 };
    let mut fleet = Fleet::build(&catalogue, &plan).expect("a fleet");
    for member in &fleet.members {
        let line = json!({ "user": "1", "password": "x", "registrar": "sip.example.com" });
        let values = json!({ "mac": member.mac.to_string(), "company": "default",
            "phone_type": "t46s", "settings": { "lines": { "1": line } } });
        gateway.done("create", json!({ "type": "phone", "values": values }));
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let url = format!("http://{}/", gateway.http());
    let target = runtime.block_on(GatewayUrl::resolve(&url, false)).expect("a lab's");
    let credentials = |password: &str| {
        let password = Secret::new(password.to_owned());
        Some(Arc::new(Credentials { user: "dev".to_owned(), password }))
    };
    let lab = Arc::new(Lab {
        dialer: Dialer::new(vec![target], DialOptions::default()).expect("it dials"),
        habits: Habits { credentials: credentials("s3cret"), ..Habits::default() },
        live: Arc::default(),
        seed: 11,
        files: std::mem::take(&mut fleet.files),
        outcomes: None,
        progress: ProgressDisplay::Off,
    });
    let mut fleet = phones(&fleet, 11, None).expect("plain HTTP needs no certificate");
    let mut boot = |what: &str| {
        let phones = std::mem::take(&mut fleet);
        let expect = Expect::configured();
        let booting = lab.boot_all(what, phones, Duration::ZERO, &expect);
        let (phones, phase) = runtime.block_on(booting);
        fleet = phones;
        assert_eq!(phase.figures.unexpected, 0, "{what}: {:?}", phase.figures.errors);
        challenged(&phase)
    };
    assert_eq!(boot("each is asked once"), 4);
    assert_eq!(boot("each goes on with its nonce"), 0);
    clock.advance(301);
    assert_eq!(boot("each gets another nonce"), 4);
    gateway.settle();
    let answer = gateway.done(
        "requests",
        json!({ "type": "phone", "scope": {
        "mac": fleet[0].member.mac.to_string() } }),
    );
    let all = answer["values"].as_array().unwrap().iter();
    let why: Vec<_> =
        all.filter(|one| one["outcome"] == "challenged").map(|one| &one["detail"]).collect();
    assert_eq!(why, ["its nonce is old", "it presented no credentials"]);
}

fn challenged(phase: &Phase) -> u64 {
    let files = phase.figures.files.values();
    files.map(|file| file.endings.get(&Ending::Challenged).copied().unwrap_or(0)).sum()
}
