//! `dialtone export` and `dialtone import` as their operator starts them.

use std::fmt::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use rusqlite::Connection;

use crate::support::eventually;
use crate::support::process::command;

fn document(dir: &Path, devices: usize) {
    let mut text = r#"{"version":1,"devices":["#.to_owned();
    for at in 0..devices {
        let comma = if at == 0 { "" } else { "," };
        let mac = format!("0015650{at:05x}");
        let phone = r#"{"port":0,"company":"default","created":5}"#;
        write!(text, r#"{comma}{{"mac":"{mac}","phone_type":"t46s","ports":[{phone}]}}"#).unwrap();
    }
    text.push_str("]}");
    std::fs::write(dir.join("document.json"), text).unwrap();
}

fn output(dir: &Path, line: &str) -> Output {
    command(dir, line).output().unwrap()
}

#[test]
fn both_ways_say_what_they_counted() {
    let dir = tempfile::tempdir().unwrap();
    document(dir.path(), 3000);
    let import = output(dir.path(), "import --store sqlite:new.db document.json");
    assert!(import.status.success(), "{import:?}");
    assert_eq!(
        String::from_utf8(import.stdout).unwrap(),
        "imported: companies 0, users 0, devices 3000, phones 3000, counted again in the store\n"
    );
    let counts = "companies 1, users 0, devices 3000, phones 3000";
    let export = output(dir.path(), "export --store sqlite:new.db --output out.json");
    assert!(export.status.success() && export.stdout.is_empty(), "{export:?}");
    assert_eq!(
        String::from_utf8(export.stderr).unwrap(),
        format!("dialtone: exported: {counts}, counted again in the file\n")
    );
    let export = output(dir.path(), "export --store sqlite:new.db");
    assert_eq!(
        String::from_utf8(export.stderr).unwrap(),
        format!("dialtone: exported: {counts}\n")
    );
    assert!(export.stdout == std::fs::read(dir.path().join("out.json")).unwrap());
    // From standard input, which can be read but once.
    let document = std::fs::File::open(dir.path().join("out.json")).unwrap();
    let mut import = command(dir.path(), "import --store sqlite:again.db -");
    let import = import.stdin(Stdio::from(document)).output().unwrap();
    assert!(import.status.success(), "{import:?}");
    let again = output(dir.path(), "export --store sqlite:again.db");
    assert!(again.stdout == export.stdout);
}

#[test]
fn what_an_import_that_was_killed_left_is_refused_by_all() {
    let dir = tempfile::tempdir().unwrap();
    document(dir.path(), 100_000);
    let mut import = command(dir.path(), "import --store sqlite:dialtone.db document.json");
    let mut import = import.stdout(Stdio::null()).spawn().unwrap();
    let devices = || {
        let store = Connection::open(dir.path().join("dialtone.db")).ok()?;
        store.query_row("SELECT count(*) FROM device", [], |row| row.get::<_, u32>(0)).ok()
    };
    eventually("some devices are there", || devices().is_some_and(|there| there > 0));
    import.kill().unwrap();
    import.wait().unwrap();
    let there = devices().unwrap();
    assert!(there < 100_000, "it was killed amid");
    for line in [
        "serve",
        "export",
        "render 0015650000000",
        "user key admin --store sqlite:dialtone.db",
        "import document.json",
    ] {
        let refused = output(dir.path(), line);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{line}: {said}");
        assert!(said.contains("an import into it goes on, or was not finished"), "{line}: {said}");
        assert!(refused.stdout.is_empty(), "{line}");
    }
    assert_eq!(devices(), Some(there), "nothing was made of it");
}
