//! Secrets of tests, looked for in all that a gateway says.
//!
//! No test has to ask for it. What goes through [`http`](super::http) is looked through: a request
//! for secrets, which are remembered for the test that sends it, and an answer for those that
//! are remembered. Whatever starts a gateway holds a [`Canary`] or searches as one does: at its end
//! the log of all levels is searched, and what the lists say then. Where a secret was told to whom
//! it is not for the test fails, with the secret and what stands around it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, Once, PoisonError};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use super::http::{self, Answer};

/// Shorter ones are found in what has nothing to do with them.
const SHORTEST: usize = 6;
/// Words of a maker's that no password may be, as the refusal says.
const NO_SECRETS: [&str; 2] = ["%NULL%", "%EMPTY%"];
/// A flood logs more; what there is then is searched at once.
const MOST_LOG: usize = 8 << 20;
/// A token of a URL has so many of `a-z` and `2-7`.
const TOKEN: usize = 32;

thread_local! {
    /// Of the test of this thread.
    static KNOWN: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// What was logged, by the name of the test's thread.
static LOGS: LazyLock<Mutex<HashMap<String, Vec<u8>>>> = LazyLock::new(Mutex::default);

/// What begins the names of a gateway's threads, before that of its test.
const OF: &str = "of ";

/// Remembers a secret of this test.
pub(crate) fn learn(secret: &str) {
    let is_hidden = secret.starts_with("***");
    if secret.len() >= SHORTEST && !is_hidden && !NO_SECRETS.contains(&secret) {
        KNOWN.with_borrow_mut(|known| known.insert(secret.to_owned()));
    }
}

/// Fails when a secret that this test told is in it.
pub(crate) fn search(what: &str, text: &[u8]) {
    let found = KNOWN.with_borrow(|known| {
        known.iter().find_map(|secret| {
            let mut at = text.windows(secret.len());
            at.position(|part| part == secret.as_bytes()).map(|at| (secret.clone(), at))
        })
    });
    let Some((secret, at)) = found else { return };
    let around = &text[at.saturating_sub(200)..text.len().min(at + secret.len() + 100)];
    panic!("{what} tells the secret {secret:?}: {}", String::from_utf8_lossy(around));
}

/// Remembers what is secret in a request.
pub(super) fn learn_request(target: &str, headers: &[(&str, &str)], body: &[u8]) {
    let is_token = |element: &&str| {
        let is_its = |c: char| c.is_ascii_lowercase() || matches!(c, '2'..='7');
        element.len() == TOKEN && element.chars().all(is_its)
    };
    target.split('/').filter(is_token).for_each(learn);
    for (name, value) in headers {
        if let Some(basic) = value.strip_prefix("Basic ")
            && name.eq_ignore_ascii_case("authorization")
            && let Ok(pair) = STANDARD.decode(basic)
            && let Some((_, password)) = String::from_utf8_lossy(&pair).split_once(':')
        {
            learn(password);
        }
    }
    if let Ok(body) = serde_json::from_slice(body) {
        learn_values("", &body);
    }
}

fn learn_values(name: &str, value: &Value) {
    match value {
        Value::String(text) if is_secret(name) => learn(text),
        Value::Object(of) => of.iter().for_each(|(name, value)| learn_values(name, value)),
        Value::Array(of) => of.iter().for_each(|value| learn_values(name, value)),
        _ => {}
    }
}

/// Whether a field of the API, or a maker's parameter, of that name is one that is hidden.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let ends = ["password", "passwd", "pass", "pwd", "secret", "encryption_key", "recovery_codes"];
    matches!(name.as_str(), "key" | "token") || ends.iter().any(|end| name.ends_with(end))
}

/// Fails when an answer tells what was told before, and remembers what it tells anew.
pub(super) fn check_answer(target: &str, answer: &Answer) {
    let head = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
    search(&format!("the head of the answer to {target}"), head.collect::<String>().as_bytes());
    let is_rest = target.starts_with("/rest/");
    // The file of a phone is where its secrets belong.
    if answer.status == 200 && !is_rest && !matches!(target, "/health" | "/ready") {
        return;
    }
    // These are for showing them, and what phones send may be anything.
    let shows = ["/reveal", "/token", "/uploads"].iter().any(|verb| target.contains(verb));
    if !shows {
        search(&format!("the answer to {target}"), &answer.body);
    }
    let body = match answer.header("transfer-encoding") {
        Some(_) if answer.body.ends_with(b"0\r\n\r\n") => http::unchunked(&answer.body).0,
        _ => answer.body.clone(),
    };
    if is_rest && let Ok(told) = serde_json::from_slice(&body) {
        learn_values("", &told);
    }
}

/// A runtime for the gateway of a test, whose log is that test's.
pub(crate) fn runtime() -> Runtime {
    begin_log();
    let name = format!("{OF}{}", of_test());
    Builder::new_multi_thread()
        .enable_all()
        .thread_name(name)
        .build()
        .expect("a runtime can be made")
}

fn of_test() -> String {
    let name = thread::current().name().unwrap_or("nobody").to_owned();
    name.strip_prefix(OF).unwrap_or(&name).to_owned()
}

fn begin_log() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(|| Lines)
            .init();
    });
}

/// Keeps lines for the test whose gateway writes them.
struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut logs = LOGS.lock().unwrap_or_else(PoisonError::into_inner);
        let log = logs.entry(of_test()).or_default();
        if log.len() < MOST_LOG {
            log.extend(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Held by what runs a gateway; searches when that ends. Must be dropped before its listeners.
pub(crate) struct Canary {
    admin: SocketAddr,
    key: Option<String>,
}

impl Canary {
    /// `key`: of somebody who may read all lists; without one the log is searched alone.
    pub(crate) fn new(admin: SocketAddr, key: Option<&str>) -> Canary {
        if let Some(key) = key {
            learn(key);
        }
        Canary { admin, key: key.map(str::to_owned) }
    }

    /// Asks for every list. [`http`] searches the answers.
    pub(super) fn ask_all(&self) {
        let Some(key) = &self.key else { return };
        if thread::panicking() {
            return;
        }
        let ask = |verb: &str, kind: &str, mut scope: Value| {
            // What more a list has is of the same kind.
            if matches!((verb, kind), ("read", "phone") | ("events", _)) {
                scope["limit"] = json!(50);
            }
            let auth = json!({ "type": "auth", "key": key });
            let body = json!({ "type": kind, "scope": scope, "auth": auth }).to_string();
            let target = format!("/rest/dialplan/{verb}");
            let headers = [("Content-Type", "application/json")];
            let answer = http::request(self.admin, "POST", &target, &headers, body.as_bytes());
            answer.and_then(|answer| serde_json::from_slice::<Value>(&answer.body).ok())
        };
        for (verb, kind) in [
            ("read", "company"),
            ("read", "user"),
            ("read", "settings"),
            ("read", "ban"),
            ("requests", "phone"),
            ("events", "phone"),
            ("events", "company"),
            ("events", "user"),
            ("events", "settings"),
            ("events", "ban"),
        ] {
            ask(verb, kind, json!({}));
        }
        let phones = ask("read", "phone", json!({}));
        let rows = phones.as_ref().and_then(|answer| answer["values"].as_array());
        let ids = rows.into_iter().flatten().filter_map(|row| row["phoneid"].as_str());
        for id in ids.take(3) {
            for verb in ["requests", "explain", "preview"] {
                ask(verb, "phone", json!({ "phoneid": id }));
            }
        }
        for path in ["/health", "/ready"] {
            http::request(self.admin, "GET", path, &[], b"");
        }
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        // One that has failed already says why.
        if thread::panicking() {
            return;
        }
        self.ask_all();
        let log = LOGS.lock().unwrap_or_else(PoisonError::into_inner).remove(&of_test());
        search("the log", &log.unwrap_or_default());
    }
}
