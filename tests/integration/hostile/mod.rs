//! What anybody sends, through each door, and whatever an administrator looks at afterwards.
//!
//! One gateway as its operator starts it gets each of [`inputs`] through each of [`doors`]; then all
//! of [`outputs`] are read: lists of the API, the command on a terminal and into a file, the log in
//! both formats, the files of phones, and the store itself.

mod doors;
mod inputs;
mod outputs;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use dialtone::simulator::lab_ca::{LabCa, SERVER, SERVER_KEY};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::inputs::inputs;
use crate::support::pki::Authority;
use crate::support::postgres::Cluster;
use crate::support::process::{self, Process};
use crate::support::view::ask;

/// Active, of the company of the Company-Admin; its maker says the MAC in the User-Agent.
const PHONE: &str = "0015654aa937";
/// Active, and takes in what its phones send.
const SENDER: &str = "0004f2000002";
/// Nobody's.
const WAITING: &str = "001565000001";

/// A gateway with what hostile input may reach.
struct Lab {
    process: Process,
    dir: TempDir,
    authority: Authority,
    root_key: String,
    /// Of an administrator of the company alone.
    company_key: String,
}

impl Lab {
    fn start(format: &str, store: &str) -> Lab {
        let dir = TempDir::new().unwrap();
        let lab = dir.path().join("lab");
        LabCa::create(&lab, &["127.0.0.1".to_owned()], SystemTime::now()).unwrap();
        let authority = Authority::root(dir.path(), "Acme Phones CA");
        fs::write(dir.path().join("phones.pem"), authority.pem()).unwrap();
        fs::write(dir.path().join("log"), "").unwrap();
        let process = Lab::serve(dir.path(), format, store);
        let root_key = process.key.clone().expect("a new store");
        let mut lab = Lab { process, dir, authority, root_key, company_key: String::new() };
        lab.furnish();
        lab
    }

    fn serve(dir: &Path, format: &str, store: &str) -> Process {
        let log = File::options().append(true).open(dir.join("log")).unwrap();
        let mut command = process::command(dir, "serve");
        let path = |name: &str| format!("lab/{name}");
        for (key, value) in [
            ("STORE_URL", store),
            ("HANDSET_HTTPS", "127.0.0.1:0"),
            ("HANDSET_TRUSTED_PROXIES", "127.0.0.0/8"),
            ("SCAN_NEVER_BAN", "127.0.0.0/8"),
            ("TLS_CERTIFICATE", &path(SERVER)),
            ("TLS_KEY", &path(SERVER_KEY)),
            ("TLS_CLIENT_CERTIFICATES", "optional"),
            ("TLS_CLIENT_CA", "phones.pem"),
            ("UPLOADS_DIR", "uploads"),
            // What is cut in two waits for its other half.
            ("HANDSET_HEADER_TIMEOUT_S", "1"),
            ("HANDSET_IDLE_TIMEOUT_S", "1"),
            ("LOG_LEVEL", "trace"),
            ("LOG_FORMAT", format),
        ] {
            command.env(format!("DIALTONE_{key}"), value);
        }
        Process::start_command(command.stderr(log))
    }

    fn furnish(&mut self) {
        self.done("create", "company", json!({}), json!({ "company": "acme", "name": "Acme" }));
        let user = json!({
            "login": "carla", "role": "Company-Admin", "companies": ["acme"], "key": true,
        });
        let made = self.done("create", "user", json!({}), user);
        self.company_key = made["key"].as_str().expect("a key").to_owned();
        let line = json!({
            "lines": { "1": {
                "user": "1001", "password": "Zi6-aO-canary", "registrar": "pbx.example",
                "display_name": "Reception", "label": "Reception",
            } },
        });
        for (mac, phone_type) in [(PHONE, "t46g"), (SENDER, "ip335")] {
            let values = json!({
                "mac": mac, "company": "acme", "phone_type": phone_type, "settings": line,
            });
            self.done("create", "phone", json!({}), values);
        }
        let vendor = json!({ "yealink": { "account.1.shared_line_callpull_code": "*11" } });
        let values = json!({ "settings": { "vendor": vendor } });
        self.done("update", "phone", json!({ "phoneid": format!("{PHONE}0") }), values);
    }

    fn ask(&self, key: &str, verb: &str, of: &str, scope: Value, values: Value) -> Value {
        let body = json!({ "type": of, "scope": scope, "values": values });
        ask(self.process.admin, key, verb, body)
    }

    fn done(&self, verb: &str, of: &str, scope: Value, values: Value) -> Value {
        let answer = self.ask(&self.root_key, verb, of, scope, values);
        assert_eq!(answer["result"], "success", "{verb} {of}: {answer}");
        answer
    }

    /// The `dialtone` command, which asks this gateway.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.dir.path())
            .env("DIALTONE_URL", format!("http://{}", self.process.admin))
            .env("DIALTONE_KEY", &self.root_key)
            .env("TERM", "xterm-256color");
        command
    }
}

fn nothing_hostile_comes_out(format: &str, store: &str) {
    let mut lab = Lab::start(format, store);
    let lines = doors::lines_of_file(&lab);
    for input in inputs() {
        doors::of_phones(&lab, &input);
        if let Ok(text) = std::str::from_utf8(&input) {
            doors::of_administrators(&lab, text);
            doors::of_certificates(&lab, text);
            assert_eq!(doors::lines_of_file(&lab), lines, "of the phone's file, after {text:?}");
        }
    }
    doors::of_who_is_banned(&lab);
    outputs::lists_are_clean(&lab);
    outputs::terminals_are_clean(&lab);

    let before = outputs::all(&lab);
    lab.process.signal(Signal::TERM);
    let ended = lab.process.ended_within(Duration::from_secs(60));
    assert!(ended.expect("it ends").success());
    outputs::log_is_clean(lab.dir.path(), format);
    if store.starts_with("sqlite") {
        let store = rusqlite::Connection::open(lab.dir.path().join("dialtone.db")).unwrap();
        let check = store.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        assert_eq!(check.as_deref(), Ok("ok"));
    }
    lab.process = Lab::serve(lab.dir.path(), format, store);
    assert_eq!(outputs::all(&lab), before, "what was stored is read again as it was");
    outputs::files_are_where_they_belong(lab.dir.path());
}

#[test]
fn nothing_hostile_comes_out_of_a_file() {
    nothing_hostile_comes_out("text", "sqlite:dialtone.db");
}

#[test]
fn nothing_hostile_comes_out_of_a_database() {
    nothing_hostile_comes_out("json", &Cluster::shared().database());
}
