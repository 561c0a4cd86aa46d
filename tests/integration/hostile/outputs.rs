//! What an administrator reads.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use dialtone::domain::hidden_char;
use serde_json::{Value, json};

use super::inputs::MARK;
use super::{Lab, PHONE, SENDER, WAITING};
use crate::support::http;

/// Of a User-Agent that is kept (`docs/unknown-phones.md`), in bytes.
const MOST_USER_AGENT: usize = 280;
/// Of a target: 256 bytes, each of which may be shown as an escape.
const MOST_TARGET: usize = 3 * 256;

/// Nothing in it steers a terminal or reads as what it is not; whoever prints it may.
pub(super) fn assert_clean(what: &str, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("{what} is no UTF-8"));
    if let Some(c) = hidden_char(text) {
        let at = text.find(c).unwrap();
        let start = text.floor_char_boundary(at.saturating_sub(100));
        panic!(
            "{what} has U+{:04X}: {:?}",
            u32::from(c),
            &text[start..text.ceil_char_boundary(at + 100)]
        );
    }
}

fn asked() -> Vec<(&'static str, &'static str, Value)> {
    let phone = || json!({ "phoneid": format!("{PHONE}0") });
    let of = |mac: &str| json!({ "mac": mac });
    vec![
        ("inactive", "phone", json!({})),
        ("active", "phone", json!({})),
        ("read", "phone", json!({})),
        ("read", "phone", phone()),
        ("requests", "phone", json!({})),
        ("requests", "phone", of(PHONE)),
        ("requests", "phone", of(WAITING)),
        ("requests", "phone", of(SENDER)),
        ("explain", "phone", phone()),
        ("preview", "phone", phone()),
        ("uploads", "phone", json!({ "phoneid": format!("{SENDER}0") })),
        ("events", "phone", json!({})),
        ("events", "company", json!({})),
        ("events", "user", json!({})),
        ("events", "settings", json!({})),
        ("events", "ban", json!({})),
        ("read", "user", json!({})),
        ("read", "company", json!({})),
        ("read", "settings", json!({})),
        ("read", "ban", json!({})),
        ("read", "ban", json!({ "network": "198.51.100.7" })),
    ]
}

/// The lists that are made of what is stored.
pub(super) fn all(lab: &Lab) -> Vec<Value> {
    let stored = asked().into_iter().filter(|(verb, ..)| *verb != "requests");
    stored.map(|(verb, of, scope)| lab.ask(&lab.root_key, verb, of, scope, Value::Null)).collect()
}

pub(super) fn lists_are_clean(lab: &Lab) {
    let mut marks = 0;
    for key in [&lab.root_key, &lab.company_key] {
        for (verb, of, scope) in asked() {
            let answer = lab.ask(key, verb, of, scope, Value::Null);
            let what = format!("{verb} {of}");
            assert_clean(&what, answer.to_string().as_bytes());
            marks += each(&what, "", &answer);
        }
    }
    assert!(marks > 100, "what was sent is shown, as data: {marks}");
    for path in ["/health", "/ready"] {
        assert_clean(path, &http::get(lab.process.admin, path, None).body);
    }
}

/// Looks at every text as a program has it that read the answer; how many were sent by somebody.
fn each(what: &str, name: &str, value: &Value) -> usize {
    match value {
        Value::String(text) => {
            // A file has lines, and is shown as it is.
            let seen = if name == "content" { text.replace('\n', " ") } else { text.clone() };
            assert_clean(&format!("{name} of {what}"), seen.as_bytes());
            let most = match name {
                "user_agent" => MOST_USER_AGENT,
                "target" => MOST_TARGET,
                "content" => usize::MAX,
                _ => 2_048,
            };
            assert!(text.len() <= most, "{name} of {what} has {} bytes: {text}", text.len());
            usize::from(text.contains(MARK))
        }
        Value::Array(of) => of.iter().map(|value| each(what, name, value)).sum(),
        Value::Object(of) => {
            let sum = of.iter().map(|(name, value)| {
                assert_clean(&format!("a name in {what}"), name.as_bytes());
                each(what, name, value)
            });
            sum.sum()
        }
        _ => 0,
    }
}

/// The command as people use it: `script` gives it a terminal.
pub(super) fn terminals_are_clean(lab: &Lab) {
    let phone = format!("{PHONE}0");
    let mut marks = 0;
    for line in [
        "phone inactive".to_owned(),
        "phone active".to_owned(),
        "phone list".to_owned(),
        format!("phone show {phone}"),
        format!("phone requests {PHONE}"),
        format!("phone requests {WAITING}"),
        "phone requests".to_owned(),
        format!("phone preview {phone}"),
        format!("phone uploads {SENDER}0"),
        "phone events".to_owned(),
        "company list".to_owned(),
        "company events".to_owned(),
        "user list".to_owned(),
        "user events".to_owned(),
        "ban list".to_owned(),
        "ban events".to_owned(),
        "ban show 198.51.100.7".to_owned(),
        "settings show".to_owned(),
    ] {
        let program = env!("CARGO_BIN_EXE_dialtone");
        for options in ["", " --json"] {
            let typed = format!("{program} {line}{options}");
            let mut terminal = lab.command("script");
            terminal.args(["-qec", &typed, "/dev/null"]).stdin(Stdio::null());
            let output = terminal.output().expect("script is installed");
            let shown = String::from_utf8(output.stdout).expect("a terminal is shown text");
            // A terminal's own ends of lines, and tabs of a file.
            assert_clean(&typed, shown.replace("\r\n", " ").replace('\t', " ").as_bytes());
            marks += shown.matches(MARK).count();
            let mut piped = lab.command(program);
            piped.args(line.split(' ')).args(options.split_whitespace()).stdin(Stdio::null());
            let output = piped.output().unwrap();
            if !line.starts_with("phone preview") {
                let shown = String::from_utf8(output.stdout).expect("it prints text");
                assert_clean(&line, shown.replace('\n', " ").as_bytes());
            }
            let said = String::from_utf8(output.stderr).expect("it says text");
            assert_clean(&line, said.replace('\n', " ").as_bytes());
        }
    }
    assert!(marks > 100, "what was sent is shown, as data: {marks}");
}

/// Each line is one that the gateway began.
pub(super) fn log_is_clean(dir: &Path, format: &str) {
    let log = fs::read(dir.join("log")).unwrap();
    assert_clean("the log", String::from_utf8(log.clone()).unwrap().replace('\n', " ").as_bytes());
    let log = String::from_utf8(log).unwrap();
    assert!(log.matches(MARK).count() > 20, "it says what was tried");
    for line in log.lines() {
        let is_own = match format {
            "json" => {
                let said: Value = serde_json::from_str(line).expect("a line is an object");
                said["timestamp"].is_string() && said["level"].is_string()
            }
            // Whose time is before that of this test is not the gateway's.
            _ => line.starts_with("20") && !line.starts_with("2026-01-01T00:00:00"),
        };
        assert!(is_own, "{line}");
    }
}

/// No name that was sent is one of a file or folder.
pub(super) fn files_are_where_they_belong(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        assert!(!path.to_string_lossy().contains(MARK), "{}", path.display());
        if path.is_dir() {
            files_are_where_they_belong(&path);
        }
    }
}
