//! Secrets in the store, as an operator turns their encryption on, changes its key and turns it off.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::http;
use crate::support::process::{self, Process};
use crate::support::view::ask;

const PASSWORD: &str = "Zi6-aO-canary";
const FILE: &str = "/02005e100001.cfg";
const STORE: &str = "dialtone.db";
/// Longer than an end takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn command(dir: &Path, line: &str, keys: &[(&str, &str)]) -> Command {
    let mut command = process::command(dir, line);
    for (variable, value) in keys {
        command.env(format!("DIALTONE_STORE_{variable}"), value);
    }
    command
}

fn serve(dir: &Path, keys: &[(&str, &str)]) -> Process {
    Process::start_command(command(dir, "serve", keys).stderr(Stdio::null()))
}

fn stop(mut process: Process) {
    process.signal(Signal::TERM);
    assert!(process.ended_within(PATIENCE).expect("it ends").success());
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn done(dir: &Path, line: &str, keys: &[(&str, &str)]) -> String {
    let output = command(dir, line, keys).output().unwrap();
    assert!(output.status.success(), "{line}: {}", said(&output));
    said(&output)
}

fn refused(dir: &Path, line: &str, keys: &[(&str, &str)]) -> String {
    let output = command(dir, line, keys).output().unwrap();
    assert!(!output.status.success(), "{line}: {}", said(&output));
    said(&output)
}

/// Whether any file of the store shows the password.
fn is_shown(dir: &Path) -> bool {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let of_store = files.filter(|path| path.to_string_lossy().contains(STORE));
    let mut bytes = of_store.map(|path| fs::read(path).unwrap());
    bytes.any(|bytes| bytes.windows(PASSWORD.len()).any(|at| at == PASSWORD.as_bytes()))
}

fn is_served(process: &Process) -> bool {
    let answer = http::get(process.http, FILE, None);
    answer.status == 200 && answer.text().contains(PASSWORD)
}

#[test]
fn a_store_comes_under_a_key_then_another_and_out_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let process = serve(dir, &[]);
    let settings = json!({ "lines": { "1": {
        "user": "1", "password": PASSWORD, "registrar": "a.example",
    } } });
    let values = json!({
        "mac": "02005e100001", "company": "default", "phone_type": "t46s", "settings": settings,
    });
    let key = process.key.clone().unwrap();
    let made = ask(process.admin, &key, "create", json!({ "type": "phone", "values": values }));
    assert_eq!(made["result"], "success", "{made}");
    assert!(is_served(&process));
    stop(process);
    assert!(is_shown(dir), "without a key the store has it");

    let first = done(dir, "store key --out first.key", &[]);
    let second = done(dir, "store key --out second.key", &[]);
    let id = |said: &str| said.split_once("key ").unwrap().1[..8].to_owned();
    let (first, second) = (id(&first), id(&second));
    assert!(refused(dir, "store key --out first.key", &[]).contains("first.key is not made"));
    assert!(refused(dir, "store rekey", &[]).contains("no key is configured"));

    // On: what was there is read, and the log says that it is as it was.
    let (log, keys) = (dir.join("log"), [("KEY_FILE", "first.key")]);
    let into = Stdio::from(fs::File::create(&log).unwrap());
    let process = Process::start_command(command(dir, "serve", &keys).stderr(into));
    assert!(is_served(&process));
    stop(process);
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("not all secrets are encrypted"), "{log}");
    let told = done(dir, "store rekey", &keys);
    assert!(told.contains(&format!("encrypted with the key {first}")), "{told}");
    assert!(!is_shown(dir), "nothing of before is left");
    let process = serve(dir, &keys);
    assert!(is_served(&process));
    stop(process);
    assert!(!is_shown(dir));

    // Neither without the key nor with another does it begin, and least of all anew.
    for keys in [&[][..], &[("KEY_FILE", "second.key")]] {
        let said = refused(dir, "serve", keys);
        assert!(said.contains(&format!("encrypted with the key {first}")), "{said}");
        assert!(said.contains("key_file") && !said.contains("Zi6"), "{said}");
        let said = refused(dir, "check", keys);
        assert!(said.contains(&format!("encrypted with the key {first}")), "{said}");
        assert!(refused(dir, "store rekey --plain", keys).contains(&first));
    }
    done(dir, "check", &keys);
    for command in ["serve", "check"] {
        let said = refused(dir, command, &[("KEY_FILE", "no.key")]);
        assert!(said.contains("key_file: no.key") && said.contains("cannot be read"), "{said}");
        let said = refused(dir, command, &[("KEY", "hunter2")]);
        assert!(said.contains("DIALTONE_STORE_KEY") && !said.contains("hunter2"), "{said}");
    }

    // Another key, given as a variable and not as a file.
    let text = fs::read_to_string(dir.join("second.key")).unwrap();
    let keys = [("KEY", text.trim()), ("PREVIOUS_KEY_FILE", "first.key")];
    let told = done(dir, "store rekey", &keys);
    assert!(told.contains(&format!("encrypted with the key {second}, 0 were so")), "{told}");
    let process = serve(dir, &[("KEY_FILE", "second.key")]);
    assert!(is_served(&process));
    stop(process);

    // Off.
    let told = done(dir, "store rekey --plain", &[("KEY_FILE", "second.key")]);
    assert!(told.contains("decrypted"), "{told}");
    let process = serve(dir, &[]);
    assert!(is_served(&process));
    stop(process);
    assert!(is_shown(dir));
}

#[test]
fn a_store_that_a_gateway_has_is_not_rekeyed_under_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, "store key --out store.key", &[]);
    let keys = [("KEY_FILE", "store.key")];
    let process = serve(dir, &keys);
    assert!(refused(dir, "store rekey", &keys).contains("in use by another dialtone process"));
    stop(process);
    assert!(
        refused(dir, "store rekey --store sqlite:none.db", &keys).contains("there is no store")
    );
    assert!(!dir.join("none.db").exists());
}
