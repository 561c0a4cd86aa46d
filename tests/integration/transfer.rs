//! `dialtone export` and `dialtone import` as their operator starts them.

use std::fmt::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use rusqlite::Connection;
use serde_json::json;

use crate::support::postgres::Cluster;
use crate::support::process::command;
use crate::support::{Gateway, eventually};

const AGENT: &str = "Yealink SIP-T46S 66.85.0.5";

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
        "imported: companies 0, users 0, devices 3000, phones 3000, removed devices 0, bans 0, events 0, \
         counted again in the store\n"
    );
    let counts =
        "companies 1, users 0, devices 3000, phones 3000, removed devices 0, bans 0, events 0";
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
    let log = || std::fs::metadata(dir.path().join("dialtone.db-wal")).map_or(0, |log| log.len());
    let is_refused_by_check = || {
        let before = log();
        let checked = output(dir.path(), "check");
        let said = String::from_utf8(checked.stderr).unwrap();
        let why = "dialtone.db: an import into it goes on, or was not finished";
        assert!(!checked.status.success() && said.contains(why), "{said}");
        assert_eq!(log(), before, "a look leaves no trace");
    };
    is_refused_by_check();
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
        let why = "dialtone.db: an import into it goes on, or was not finished";
        assert!(said.contains(why), "{line}: {said}");
        // It may listen by then; it is never ready.
        let out = String::from_utf8(refused.stdout).unwrap();
        assert!(out.is_empty() || line == "serve" && !out.contains("ready"), "{line}: {out}");
    }
    assert_eq!(devices(), Some(there), "nothing was made of it");
    // Also when the log is folded in.
    assert_eq!(log(), 0);
    is_refused_by_check();
}

/// What an import was told, which must have gone well.
fn done(dir: &Path, line: &str) -> String {
    let output = output(dir, line);
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn from_a_file_into_a_database_and_back_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(|config, _| {
        let path = dir.path().join("one.db").display().to_string();
        config.store.url = format!("sqlite:{path}").parse().unwrap();
    });
    // A phone that is served, one that waits, and one that was removed.
    for mac in ["001565000001", "001565000002", "001565000003"] {
        assert_eq!(gateway.get(&format!("/{mac}.cfg"), Some(AGENT)).status, 404);
    }
    for mac in ["001565000001", "001565000002"] {
        gateway.promote(&format!("{mac}0"));
        gateway.set(&format!("{mac}0"), json!({ "network": { "vlan": { "id": 7 } } }));
        assert_eq!(gateway.get(&format!("/{mac}.cfg"), Some(AGENT)).status, 200);
    }
    let stored = Connection::open(dir.path().join("one.db")).unwrap();
    eventually("what the files set is stored", || {
        let sql = "SELECT count(*) FROM device WHERE written NOTNULL";
        stored.query_row(sql, [], |row| row.get::<_, u32>(0)) == Ok(2)
    });
    drop(stored);
    let scope = json!({ "phoneid": "0015650000020" });
    gateway.done("delete", json!({ "type": "phone", "scope": scope }));
    // In no other order than their texts', which is not that of numbers.
    for network in ["198.51.100.0/24", "2001:db8::/64", "192.0.2.200"] {
        let values = json!({ "network": network, "minutes": 5, "reason": "toll fraud" });
        gateway.done("create", json!({ "type": "ban", "values": values }));
    }
    gateway.stop();

    let url = Cluster::shared().database();
    let way =
        [("sqlite:one.db", "one.json"), (&url, "two.json"), ("sqlite:three.db", "three.json")];
    let export = |(store, document): (&str, &str)| {
        let line = format!("export --with-secrets --store {store} --output {document}");
        done(dir.path(), &line);
        std::fs::read_to_string(dir.path().join(document)).unwrap()
    };
    let one = export(way[0]);
    for part in [
        "\"claims\"",
        "\"served\"",
        "\"removed\": [\n",
        "\"reason\":\"toll fraud\"",
        "\"action\":\"promote\"",
    ] {
        assert!(one.contains(part), "{part}: {one}");
    }
    for (from, to) in way.iter().zip(&way[1..]) {
        let said = done(dir.path(), &format!("import --store {} {}", to.0, from.1));
        assert!(said.contains("devices 2, phones 2, removed devices 1, bans 3, events "), "{said}");
        assert_eq!(export(*to), one);
        let again = output(dir.path(), &format!("import --store {} {}", to.0, from.1));
        let said = String::from_utf8(again.stderr).unwrap();
        assert!(said.contains("the registry is not empty"), "{said}");
    }
}

#[test]
fn an_import_into_a_database_that_was_killed_is_begun_again_beside_a_running_gateway() {
    let server = Cluster::shared();
    let url = server.database();
    let name = url.split(['/', '?']).nth(3).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_with(|config, _| config.store.url = url.parse().unwrap());
    let status = |mac: &str| gateway.get(&format!("/{mac}.cfg"), Some(AGENT)).status;
    assert_eq!(status("00156500ffff"), 404);
    gateway.promote("00156500ffff0");
    assert_eq!(status("00156500ffff"), 200);

    document(dir.path(), 20_000);
    let import = format!("import --store {url} document.json");
    let drop_all = "DROP SCHEMA dialtone CASCADE";
    let devices = || {
        let exists = "SELECT to_regclass('dialtone.device') IS NOT NULL";
        let count = "SELECT count(*) FROM dialtone.device";
        if server.sql(name, exists) == "t" { server.sql(name, count).parse().unwrap() } else { 0 }
    };
    // The gateway hears of nothing until there is a part of the import.
    server.sql(name, drop_all);
    let mut killed = command(dir.path(), &import);
    let mut killed = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("some devices are there", || devices() > 0);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(devices() < 20_000, "it was killed amid");
    let store = url.split('?').next().unwrap();
    for line in [
        format!("serve --store {url}"),
        format!("export --store {url}"),
        format!("check --store {url}"),
        import.clone(),
    ] {
        let refused = output(dir.path(), &line);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{line}: {said}");
        assert!(said.contains("DROP SCHEMA ... CASCADE"), "{line}: {said}");
        let why = format!("{store}: an import into it goes on, or was not finished");
        assert!(said.contains(&why), "{line}: {said}");
    }
    assert_eq!(status("001565000000"), 404, "a part is served by nobody");

    server.sql(name, drop_all);
    let said = done(dir.path(), &import);
    assert!(said.contains("devices 20000"), "{said}");
    eventually("the gateway reads it", || status("001565000000") == 200);
    eventually("and all of it", || status("001565004e1f") == 200 && status("00156500ffff") == 404);
}
