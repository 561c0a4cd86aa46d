//! The `phonesim` command against a gateway that runs, and against none.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::Gateway;

fn phonesim(gateway: &Gateway, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phonesim"));
    command.current_dir(gateway.dir()).env("PHONESIM_KEY", gateway.key());
    command.arg("boot").arg(format!("--target=http://{}/", gateway.http()));
    command.arg(format!("--admin=http://{}/", gateway.admin()));
    command.args(line.split_whitespace()).stdin(Stdio::null());
    command.output().expect("the command can be run")
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it prints UTF-8")
}

#[test]
fn the_exit_status_says_whether_every_phone_got_what_was_expected() {
    let gateway = Gateway::start();
    for (line, expected) in [
        ("-n 6", 1),
        ("-n 6 --expect refused", 0),
        ("-n 6 --expect anything", 0),
        ("-n 6 --scenario onboard", 0),
        ("-n 6", 0),
        ("-n 6 --expect refused", 1),
        // One phone more, which nobody has promoted.
        ("-n 7", 1),
        ("-n 6 --scenario scan --rate 0 --mix t46s", 0),
        ("-n 6 --scenario onboard --seed 2 --company nobody", 1),
    ] {
        let output = phonesim(&gateway, line);
        assert_eq!(code(&output), expected, "{line}: {}", text(&output.stdout));
        let verdict = ["every phone got what was expected\n", "NOT AS EXPECTED\n"];
        let verdict = verdict[usize::try_from(expected).expect("0 or 1")];
        assert!(text(&output.stdout).ends_with(verdict), "{line}");
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = format!("-n 2 --retries 0 --expect refused --target http://{closed}/");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phonesim"));
    let output = command.arg("boot").args(nowhere.split(' ')).output().unwrap();
    assert_eq!(code(&output), 1, "a phone without an answer is not refused");
}

#[test]
fn numbers_that_make_no_run_are_refused_before_it() {
    let gateway = Gateway::start();
    for (line, expected) in [
        ("-n 0", "must be at least 1"),
        ("--connections 0", "must be at least 1"),
        ("--scenario steady --period 0", "must be more than 0"),
        ("--scenario churn --rate nan", "must be 0 or more"),
        ("--scenario churn --rate=-1", "must be 0 or more"),
        ("--ramp 1e9", "longer than a year"),
        // Of ten phones one would boot, and the run be a success.
        ("--scenario steady --period 10 --duration 1", "--duration is shorter than --period"),
        ("--scenario churn --period 10 --duration 1", "--duration is shorter than --period"),
    ] {
        let output = phonesim(&gateway, line);
        assert_eq!(code(&output), 2, "{line}: {output:?}");
        let error = text(&output.stderr);
        assert!(error.contains(expected), "{line}: {error}");
    }
}

/// The lines of a file, sorted: boots end in any order.
fn outcomes(gateway: &Gateway, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(gateway.dir().join(file)).expect("it was written");
    let mut rows: Vec<Value> = text
        .lines()
        .map(|line| {
            let mut row: Value = serde_json::from_str(line).expect("a line is JSON");
            assert!(row["duration_ms"].take().as_f64().is_some_and(|ms| ms > 0.0), "{line}");
            row
        })
        .collect();
    rows.sort_by_key(|row| (row["phase"].to_string(), row["mac"].to_string()));
    rows
}

#[test]
fn each_phones_line_is_told_and_a_seed_gives_the_same_again() {
    let line = "-n 20 --seed 9 --scenario onboard --registrar pbx.example.com --outcomes out";
    let told = || {
        let gateway = Gateway::start();
        assert_eq!(code(&phonesim(&gateway, line)), 0);
        outcomes(&gateway, "out")
    };
    let rows = told();
    assert_eq!(rows.len(), 40, "two boots of each phone");
    for row in &rows {
        let keys: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
        if row["phase"] == "first seen" {
            assert_eq!(row["outcome"], "refused");
            assert_eq!(keys, ["phase", "mac", "type", "outcome", "duration_ms"]);
        } else {
            assert_eq!(row["outcome"], "configured");
            let mac = row["mac"].as_str().unwrap();
            assert_eq!(row["user"], format!("sim{mac}e1"));
            let registrar = row["registrar"].as_str().unwrap();
            assert_eq!(registrar.split(':').next(), Some("pbx.example.com"));
        }
    }
    assert_eq!(told(), rows, "the same seed, another gateway");
}

#[test]
fn a_failed_phone_tells_why_and_how_that_was_not_expected() {
    let gateway = Gateway::start();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = format!("-n 1 --mix t46s --retries 0 --outcomes out --target http://{closed}/");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phonesim"));
    let output = command.arg("boot").args(line.split(' ')).current_dir(gateway.dir()).output();
    assert_eq!(code(&output.unwrap()), 1);
    let row = &outcomes(&gateway, "out")[0];
    assert_eq!((&row["outcome"], &row["type"]), (&json!("failed"), &json!("t46s")));
    let reason = row["reason"].as_str().unwrap();
    assert!(reason.contains("cannot connect"), "{reason}");
    assert_eq!(row["unexpected"], format!("should be configured, is failed: {reason}"));
}

#[test]
fn where_no_terminal_is_each_phase_leaves_a_line_and_standard_output_is_the_report() {
    let gateway = Gateway::start();
    let output = phonesim(&gateway, "-n 6 --mix t46s --scenario onboard --json -");
    assert_eq!(code(&output), 0);
    let errors = text(&output.stderr);
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines.len(), 3, "{errors}");
    for (line, begins, ends) in [
        (
            lines[0],
            "first seen: 6/6 ",
            "configured 0  refused 6  failed 0  unexpected 0  requests 30",
        ),
        (
            lines[1],
            "promotion: 6/6 ",
            "configured 0  refused 6  failed 0  unexpected 0  requests 30",
        ),
        (
            lines[2],
            "configured: 6/6 ",
            "configured 6  refused 6  failed 0  unexpected 0  requests 60",
        ),
    ] {
        assert!(line.starts_with(begins) && line.ends_with(ends), "{line}");
    }
    let report: Value = serde_json::from_slice(&output.stdout).expect("nothing but JSON");
    assert_eq!(report["phases"][2]["configured"], 6);
}
