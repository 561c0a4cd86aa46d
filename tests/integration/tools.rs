//! The `dialtone` command against a gateway that runs, and beside one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use dialtone::net::tls::self_signed;
use dialtone::simulator::lab_ca::LabCa;
use serde_json::{Value, json};

use crate::support::Gateway;
use crate::support::gateway::call;
use crate::support::process::Process;

const LINPHONE: &str = "Linphonec/5.1.65";
const PHONE: &str = "02005e1000010";
const FILE: &str = "/linphone-02005e100001.xml";

/// The command in `dir`, without variables of whoever runs the tests.
fn dialtone(dir: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dialtone"));
    let own = std::env::vars_os().map(|(name, _)| name);
    for name in own.filter(|name| name.to_string_lossy().starts_with("DIALTONE_")) {
        command.env_remove(name);
    }
    command.current_dir(dir).args(line.split(' ')).stdin(Stdio::null());
    command
}

/// The command with the gateway's address and first key.
fn asking(gateway: &Gateway, line: &str) -> Command {
    let mut command = dialtone(gateway.dir(), line);
    command.env("DIALTONE_URL", format!("http://{}", gateway.admin()));
    command.env("DIALTONE_KEY", gateway.key());
    command
}

fn with_input(mut command: Command, input: &str) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What it printed; it must have succeeded.
fn done(mut command: Command) -> String {
    shown(&command.output().unwrap())
}

fn shown(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What it said; it must have failed with this code, and printed nothing.
fn failed(mut command: Command, code: i32) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A phone that asked, was promoted and has a line.
fn configured() -> Gateway {
    let gateway = Gateway::start();
    gateway.get(FILE, Some(LINPHONE));
    let ask = |line: &str| done(asking(&gateway, line));
    assert_eq!(ask(&format!("phone promote {PHONE}")), "1 phone promoted\n");
    let set = format!(
        "phone set {PHONE} lines.1.user=1001 lines.1.registrar=sip.example.com lines.1.password=-"
    );
    assert_eq!(shown(&with_input(asking(&gateway, &set), "s3cret\n")), "1 phone changed\n");
    gateway
}

#[test]
fn a_phone_is_promoted_and_configured_from_the_shell() {
    let gateway = configured();
    let served = gateway.get(FILE, Some(LINPHONE));
    assert_eq!(served.status, 200);
    assert!(served.text().contains("s3cret"), "{}", served.text());
    let ask = |line: &str| done(asking(&gateway, line));
    let active = ask("phone active");
    assert!(active.lines().nth(1).is_some_and(|row| row.starts_with(PHONE)), "{active}");
    let preview = ask(&format!("phone preview {PHONE} {FILE}"));
    assert!(preview.contains("1001") && !preview.contains("s3cret"), "{preview}");
    let all: Value = serde_json::from_str(&ask("phone show 02005e1000010 --json")).unwrap();
    assert_eq!(all[0]["settings"]["lines"]["1"]["password"], "***");
    assert_eq!(ask(&format!("phone delete {PHONE}")), "1 phone deleted\n");
    assert_eq!(gateway.get(FILE, Some(LINPHONE)).status, 404);
}

#[test]
fn companies_users_and_settings_are_made_and_used_from_the_shell() {
    let gateway = configured();
    let ask = |line: &str| done(asking(&gateway, line));
    ask("company create acme --name Acme time.zone=Europe/Berlin");
    assert_eq!(ask(&format!("phone assign {PHONE} acme --from default")), "1 phone assigned\n");
    ask("settings set language=de");
    assert!(ask("settings show").starts_with("settings.language = de\n"));
    let key = ask("user create ann --role Company-Admin --administers acme --key");
    std::fs::write(gateway.dir().join("ann.key"), key).unwrap();
    let as_ann = |line: &str| {
        let mut command = asking(&gateway, &format!("{line} --key-file ann.key"));
        command.env_remove("DIALTONE_KEY");
        command
    };
    assert!(done(as_ann("phone list")).contains(PHONE));
    let denied = failed(as_ann("company delete acme"), 1);
    assert_eq!(denied, "dialtone: delete company acme: Permission denied\n");
    let events = ask("user events ann");
    assert!(events.contains("create") && events.contains("ann"), "{events}");
    ask("user delete ann");
    assert!(failed(as_ann("phone list"), 1).contains("list phones: Login incorrect."));
}

#[test]
fn a_long_list_is_read_page_by_page() {
    let gateway = Gateway::start();
    // Twelve ports each.
    for number in 0..90 {
        gateway.get(&format!("/0013d10000{number:02x}-config.xml"), None);
    }
    let ask = |line: &str| done(asking(&gateway, line));
    let rows = |table: &str| table.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let listed = rows(&ask("phone list"));
    assert_eq!(listed.len(), 1080);
    let mut ids: Vec<&str> = listed.iter().filter_map(|row| row.split(' ').next()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1080, "a phone is there twice");
    for number in 0..5 {
        ask(&format!("company create c{number}"));
    }
    assert_eq!(rows(&ask("company events --limit 3")).len(), 3);
}

#[test]
fn a_list_for_a_name_that_nothing_has_is_a_mistake() {
    let gateway = configured();
    let ask = |line: &str| done(asking(&gateway, line));
    ask("company create acme");
    for (line, said) in [
        (
            "phone list --type linphon",
            "list phones: no type is called linphon; did you mean linphone? (`dialtone phone types` shows all there are)",
        ),
        ("phone list --company acmee", "no company is called acmee; did you mean acme?"),
        ("phone active --company default --company nosuch", "no company is called nosuch ("),
        ("phone events --company nosuch", "no company is called nosuch ("),
        ("company events nosuch", "no company is called nosuch ("),
        ("user events nobody-here", "no user is called nobody-here ("),
    ] {
        let message = failed(asking(&gateway, line), 1);
        assert!(message.contains(said), "{line}: {message}");
    }
    // A change that is refused for such a name says what is like it.
    let waits = "0004f2000010";
    gateway.get(&format!("/{waits}.cfg"), None);
    for (line, said) in [
        (format!("phone promote {waits}0 --company acmee"), "did you mean acme?"),
        (format!("phone promote {waits}0 --type ip65O"), "no type is called ip65O; did you mean"),
        (
            format!("phone promote {PHONE} --type t46s"),
            "does not wait, it is active in default already: `dialtone phone set",
        ),
        (format!("phone demote {PHONE}"), "does not wait, it is active in default already"),
    ] {
        let message = failed(asking(&gateway, &line), 1);
        assert!(message.contains(said), "{line}: {message}");
    }
    // What is there and has nothing is an empty list.
    for line in ["phone list --type t46s", "phone active --company default --company acme"] {
        ask(line);
    }
}

#[test]
fn what_went_wrong_is_said_and_is_the_exit_code() {
    let gateway = Gateway::start();
    let message = failed(asking(&gateway, "phone promote 0004f20000010"), 1);
    assert_eq!(message, "dialtone: promote phone 0004f20000010: Phone not found\n");
    assert!(failed(asking(&gateway, "phone promote 0004f2"), 2).contains("not a phoneid"));
    let message = failed(asking(&gateway, "phone set 0004f20000010 lines.1.password=hunter2"), 2);
    assert!(message.contains("is a secret") && !message.contains("hunter2"), "{message}");
    for (line, said) in [
        ("settings set", "nothing to change"),
        ("settings set language", "is not SETTING=VALUE"),
        (
            "settings set line.1.user=x",
            "there is no setting line.1.user; did you mean lines.1.user?",
        ),
    ] {
        let message = failed(asking(&gateway, line), 2);
        assert!(message.contains(said), "{message}");
    }
    let mut keyless = asking(&gateway, "phone active");
    keyless.env_remove("DIALTONE_KEY");
    assert!(failed(keyless, 1).contains("no API key: set DIALTONE_KEY"));
    let url = format!("phone active --url http://{}", gateway.http());
    let strange = failed(asking(&gateway, &url), 1);
    assert!(strange.contains("answered with status 404"), "{strange}");
}

#[test]
fn over_tls_the_key_goes_only_to_a_gateway_that_is_trusted() {
    let names = ["127.0.0.1".to_owned()];
    let gateway = Gateway::start_with(|config, dir| {
        let pair = self_signed::ensure(&dir.join("admin"), &names, SystemTime::now()).unwrap();
        config.admin.pairs = vec![pair];
    });
    let other = gateway.dir().join("other");
    self_signed::ensure(&other, &names, SystemTime::now()).unwrap();
    let url = format!("phone types --url https://{}", gateway.admin());
    let types = done(asking(&gateway, &format!("{url} --ca admin/{}", self_signed::CERTIFICATE)));
    assert!(types.contains("linphone"), "{types}");
    let untrusted = asking(&gateway, &format!("{url} --ca other/{}", self_signed::CERTIFICATE));
    let message = failed(untrusted, 1);
    assert!(message.contains("cannot be trusted"), "{message}");
    assert!(failed(asking(&gateway, &url), 1).contains("https needs --ca FILE"));
}

#[test]
fn nothing_that_a_message_quotes_steers_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("key.json"), r#"{ "version": 1, "\u001b[2J\u009b31m": 1 }"#).unwrap();
    std::fs::write(path("key.toml"), "[handset]\n\"\\u001B[2J\\u009B31m\" = 1\n").unwrap();
    std::fs::create_dir_all(path("templates/\x1b[2J")).unwrap();
    std::fs::create_dir_all(path("wrong/acme")).unwrap();
    std::fs::write(path("wrong/acme/family.toml"), "\"\\u001B[2J\" = 1").unwrap();
    for line in [
        "import --store sqlite:new.db key.json",
        "import --store sqlite:new.db \x1b[2J.json",
        "check --config key.toml",
        "check --templates templates",
        "check --templates wrong",
    ] {
        let message = failed(dialtone(dir.path(), line), 1);
        let is_plain = |c: char| c == '\n' || !c.is_control();
        assert!(message.chars().all(is_plain), "{line}: {message:?}");
        assert!(message.contains("\\u{1b}[2J"), "{line}: {message}");
    }
}

#[test]
fn render_is_what_the_phone_got_once_the_gateway_has_let_go() {
    let gateway = configured();
    let served = gateway.get(FILE, Some(LINPHONE));
    let line = format!("render --store sqlite:dialtone.db {PHONE} {FILE}");
    let message = failed(dialtone(gateway.dir(), &line), 1);
    assert!(
        message.contains("is in use") && message.contains("dialtone phone preview"),
        "{message}"
    );
    let dir = gateway.stop();
    assert_eq!(done(dialtone(dir.path(), &line)).as_bytes(), served.body);
}

#[test]
fn every_problem_of_the_configuration_is_reported_before_anything_is_served() {
    let dir = tempfile::TempDir::new().unwrap();
    let text = "[handset]\nhttp = [\"8080\"]\nhttpss = []\n[tls]\nkey = \"k.pem\"\n";
    std::fs::write(dir.path().join("d.toml"), text).unwrap();
    for line in ["--config d.toml", "serve --config d.toml", "check --config d.toml"] {
        let mut command = dialtone(dir.path(), line);
        command.env("DIALTONE_CACHE_SIZE", "1");
        let message = failed(command, 1);
        assert!(message.contains("4 problem(s)"), "{message}");
        for place in ["d.toml:2: ", "d.toml:3: ", "d.toml:5: ", "variable DIALTONE_CACHE_SIZE: "] {
            assert!(message.contains(place), "{place} is not in {message}");
        }
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "a file was made");
}

#[test]
fn check_looks_into_the_certificates_too() {
    let dir = tempfile::TempDir::new().unwrap();
    let text = "[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";
    std::fs::write(dir.path().join("d.toml"), text).unwrap();
    let output = dialtone(dir.path(), "check --config d.toml").output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(message.contains("cannot read c.pem"), "{message}");
    assert!(done(dialtone(dir.path(), "check")).contains("all in order"));
}

#[test]
fn check_says_what_this_machine_does_not_have() {
    let dir = tempfile::TempDir::new().unwrap();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800);
    LabCa::create(dir.path(), &["gateway.example".to_owned()], long_ago).unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let checked = |text: &str| {
        std::fs::write(dir.path().join("d.toml"), text).unwrap();
        let output = dialtone(dir.path(), "check --config d.toml").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for (text, said) in [
        (
            "[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n",
            "the certificate in server.pem expired on ",
        ),
        // An address of the documentation (RFC 5737) is no machine's.
        (
            "[handset]\nhttp = [\"192.0.2.1:8080\"]\n",
            "[handset] http (option --http): failed to bind to 192.0.2.1:8080: ",
        ),
        (
            "[tls]\nclient_certificates = \"required\"\nclient_ca = \"nowhere.pem\"\n",
            "cannot read nowhere.pem: No such file",
        ),
        (
            "[listener.a]\nlisten = [\"192.0.2.1:8080\"]\n[handset]\nhttp = []\n",
            "[listener.a] listen: failed to bind to 192.0.2.1:8080: ",
        ),
        (
            "[listener.a]\nlisten = [\"127.0.0.1:0\"]\nclient_certificates = \"required\"\n\
             client_ca = \"nowhere.pem\"\n",
            "[listener.a]: cannot read nowhere.pem: No such file",
        ),
        (
            "[store]\nurl = \"sqlite:file/x.db\"\n",
            "[store] url: file/x.db cannot be written by the user who runs this: file: is not a directory",
        ),
        ("[tls]\ncerts_dir = \"file/certs\"\n", "[tls] certs_dir: file/certs cannot be written"),
    ] {
        let message = checked(text);
        assert!(message.contains(said), "{message}");
    }
    // A file where a directory is wanted, and the other way round.
    let wrong =
        "[tls]\ncerts_dir = \"file\"\n[uploads]\ndir = \"file\"\n[store]\nurl = \"sqlite:.\"\n";
    let message = checked(wrong);
    for said in [
        "[tls] certs_dir: file cannot be written by the user who runs this: file: is not a directory",
        "[uploads] dir: file cannot be written by the user who runs this: file: is not a directory",
        "[store] url: . cannot be written by the user who runs this: .: is a directory, not a file",
    ] {
        assert!(message.contains(said), "{message}");
    }
    assert!(!dir.path().join("dialtone.db").exists(), "a check makes nothing");
}

#[test]
fn check_looks_at_the_store_and_the_templates_as_serve_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let made = rusqlite::Connection::open(path("other.db")).unwrap();
    made.execute_batch("CREATE TABLE t (x)").unwrap();
    std::fs::write(path("text.db"), "no database").unwrap();
    std::fs::create_dir_all(path("above/families/acme")).unwrap();
    std::fs::write(path("above/families/acme/family.toml"), "").unwrap();
    for (arguments, said) in [
        ("--store sqlite:other.db", "a database of another program; name another file"),
        ("--store sqlite:text.db", "not a dialtone store; name another file"),
        ("--store sqlite:above", "a directory, not a file"),
        ("--store other.db", "write `sqlite:other.db`"),
        ("--templates above", "has no family.toml"),
        ("--templates above/families/acme", "name the folder above it"),
        ("--http 192.0.2.1:8080", "failed to bind to 192.0.2.1:8080"),
    ] {
        let output = dialtone(dir.path(), &format!("check {arguments}")).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments}: {message}");
        assert!(message.contains(said), "{arguments}: {message}");
    }
    assert!(!path("text.db.lock").exists(), "a check makes nothing");
}

#[test]
fn a_store_of_an_older_version_is_told_and_left_as_it_is_by_what_only_reads() {
    let dir = tempfile::tempdir().unwrap();
    let store = rusqlite::Connection::open(dir.path().join("dialtone.db")).unwrap();
    store.execute_batch(include_str!("../../src/store/sqlite/v1.sql")).unwrap();
    store.pragma_update(None, "user_version", 1).unwrap();
    store.pragma_update(None, "application_id", 0x6469_616c).unwrap();
    let output = dialtone(dir.path(), "check").output().unwrap();
    shown(&output);
    let note = String::from_utf8(output.stderr).unwrap();
    assert!(note.contains("will be upgraded from schema 1 to 6"), "{note}");
    for line in ["export", "render 02005e1000010"] {
        let said = failed(dialtone(dir.path(), line), 1);
        assert!(said.contains("start the gateway once"), "{said}");
    }
    let version = store.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    assert_eq!(version, Ok(1));
}

#[test]
fn a_configuration_that_lies_about_is_not_read_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("dialtone.toml"), "[log]\nformat = \"json\"\n").unwrap();
    let warned = |line| {
        let output = dialtone(dir.path(), line).output().unwrap();
        shown(&output);
        String::from_utf8(output.stderr).unwrap()
    };
    let overlooked = "dialtone.toml is here but not read: name it with --config";
    assert!(warned("check").contains(overlooked));
    assert_eq!(warned("check --config dialtone.toml"), "");
}

/// Every file of a folder.
fn contents(dir: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect()
}

/// A gateway that was killed after an upgrade leaves it in the log alone.
#[test]
fn check_reads_the_schema_that_counts_and_leaves_every_byte_as_it_was() {
    let dir = tempfile::TempDir::new().unwrap();
    drop(Process::start(dir.path()));
    let path = |name: &str| dir.path().join(name);
    let store = rusqlite::Connection::open(path("dialtone.db")).unwrap();
    // As a store of the version before: only the number is looked at.
    store.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 0").unwrap();
    store.execute_batch("PRAGMA user_version = 2").unwrap();
    let header = std::fs::read(path("dialtone.db")).unwrap()[60..64].to_vec();
    let newest = u32::from_be_bytes(header.try_into().unwrap());
    assert!(newest > 2, "the file itself knows nothing of it: {newest}");
    let upgraded = &format!("will be upgraded from schema 2 to {newest}");
    let copy = |names: &[&str]| {
        let copy = tempfile::TempDir::new().unwrap();
        for name in names {
            std::fs::copy(path(name), copy.path().join(name)).unwrap();
        }
        copy
    };
    let killed = copy(&["dialtone.db", "dialtone.db-wal", "dialtone.db-shm", "dialtone.db.lock"]);
    let without_index = copy(&["dialtone.db", "dialtone.db-wal"]);
    let without_log = copy(&["dialtone.db", "dialtone.db.lock"]);
    let is_upgraded = |dir: &Path| {
        let before = contents(dir);
        let output = dialtone(dir, "check").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(contents(dir) == before, "{:?}", contents(dir).keys());
        format!("{output:?}").contains(upgraded)
    };
    assert!(is_upgraded(killed.path()));
    assert!(is_upgraded(without_index.path()));
    assert!(!is_upgraded(without_log.path()));
    assert!(is_upgraded(dir.path()), "while another program has it open");
    drop(store);
    assert!(is_upgraded(dir.path()), "the log is folded in");
}

#[test]
fn explain_shows_that_a_password_is_the_phone_s_own() {
    let gateway = Gateway::start();
    let settings = serde_json::json!({ "lines": { "1": { "user": "1", "password": "p", "registrar": "pbx.example" } } });
    let values = serde_json::json!({
        "mac": "001565000001", "company": "default", "phone_type": "t46s", "settings": settings,
    });
    gateway.done("create", serde_json::json!({ "type": "phone", "values": values }));
    let dir = gateway.stop();
    let line = "render --store sqlite:dialtone.db 0015650000010 --explain";
    let explained = done(dialtone(dir.path(), line));
    let own = explained.lines().find(|line| line.starts_with("access.admin_password"));
    let words: Vec<&str> = own.unwrap_or_default().split_whitespace().collect();
    assert_eq!(words, ["access.admin_password", "***", "gateway"], "{explained}");
}

#[test]
fn a_second_factor_is_set_up_from_the_shell_and_a_lost_one_taken_off_in_the_store() {
    let gateway = Gateway::start();
    let made = with_input(
        asking(
            &gateway,
            "user create ann --role company-admin --administers default --password-stdin",
        ),
        "correct horse\n",
    );
    shown(&made);
    let set_up = done(asking(&gateway, "user second-factor ann"));
    let secret =
        set_up.lines().find_map(|line| line.strip_prefix("secret = ")).expect("it is shown");
    assert!(set_up.contains("uri = otpauth://totp/dialtone:ann?secret="), "{set_up}");
    let code = || {
        let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        totp_rs::Builder::new().with_secret(secret).build().unwrap().generate(now).to_string()
    };
    let wrong = with_input(asking(&gateway, "user second-factor ann --confirm"), "12345\n");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("code: is missing, wrong"));
    let codes = with_input(asking(&gateway, "user second-factor ann --confirm"), &code());
    assert!(shown(&codes).starts_with("recovery_codes = ["));
    let log_in = |gateway: &Gateway| {
        let auth = json!({ "type": "auth", "username": "ann", "password": "correct horse" });
        let body = json!({ "type": "phone", "auth": auth });
        call(gateway.admin(), "inactive", &body)["result"].clone()
    };
    assert_eq!(log_in(&gateway), "fail");
    let remove = "user second-factor ann --remove --store sqlite:dialtone.db";
    let running = dialtone(gateway.dir(), remove).output().unwrap();
    assert!(!running.status.success(), "a gateway has the store");

    let dir = gateway.stop();
    let removed = done(dialtone(dir.path(), remove));
    assert_eq!(removed, "1 second factor removed\n");
    let gateway = Gateway::start_with(|config, _| {
        let url = format!("sqlite:{}", dir.path().join("dialtone.db").display());
        config.store.url = url.parse().unwrap();
    });
    assert_eq!(log_in(&gateway), "success");
}
