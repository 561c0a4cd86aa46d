//! Gateways and their database killed at random, under load. At the end what operators were told,
//! the audit record and the registry of each gateway agree.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::postgres::Cluster;
use crate::support::process::{Process, command};
use crate::support::view::view;
use crate::support::{Stop, eventually, http};

/// The rounds of a run, or as many as are done in this time. `DIALTONE_TEST_KILLS` says another
/// number, for a longer run by hand.
const ROUNDS: u64 = 10;
const TIME: Duration = Duration::from_secs(8);
const SEED: u64 = 7;
const NODES: usize = 2;
const OPERATORS: u64 = 3;

/// What became of a change, as far as the operator was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Made,
    NotMade,
    /// There was no answer, or it said so.
    Unknown,
}

/// A change as the audit record names it: action, subject's name, and what is unique of it.
type Change = (String, String, String);

/// What goes on in one round, and what was told of it.
struct Load<'a> {
    nodes: Vec<(SocketAddr, SocketAddr)>,
    key: &'a str,
    next: &'a AtomicU64,
    told: &'a Mutex<BTreeMap<Change, Told>>,
    stop: AtomicBool,
}

impl Load<'_> {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn new_mac(&self) -> String {
        format!("0015650{:05x}", self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Phones that nobody knows, at all nodes in turn.
    fn strangers(&self) {
        for turn in 0.. {
            if !self.goes_on() {
                return;
            }
            let (http, _) = self.nodes[turn % NODES];
            http::request(http, "GET", &format!("/{}.cfg", self.new_mac()), &[], b"");
        }
    }

    /// Takes one phone after the other through its life, at random nodes, and renames a company.
    fn operate(&self, operator: u64, mut random: StdRng) {
        let company = format!("company{operator}");
        while self.goes_on() {
            let mac = self.new_mac();
            let phone = format!("{mac}0");
            let scope = json!({ "phoneid": phone });
            let (http, _) = self.nodes[random.random_range(0..NODES)];
            http::request(http, "GET", &format!("/{mac}.cfg"), &[], b"");
            let mut command = |verb: &str, of: &str, scope: Value, values: Value| {
                let (_, admin) = self.nodes[random.random_range(0..NODES)];
                ask(admin, self.key, verb, &json!({ "type": of, "scope": scope, "values": values }))
            };
            let in_company = json!({ "company": company });
            let is_active = !mac.ends_with(['0', '1', '2']);
            let mut recorded = Told::NotMade;
            // It is known at the other node a moment later.
            while is_active && recorded == Told::NotMade && self.goes_on() {
                recorded = command("promote", "phone", scope.clone(), in_company.clone());
            }
            self.note("promote", &phone, "", recorded);
            for _ in 0..2 {
                let name = self.new_mac();
                let values = json!({ "name": name });
                let told = command("update", "phone", scope.clone(), values.clone());
                self.note("update", &phone, &name, told);
                let told = command("update", "company", in_company.clone(), values);
                self.note("update", &company, &name, told);
            }
            let end = if is_active { "delete" } else { "demote" };
            if !mac.ends_with(['0', '7', '8', '9']) {
                let told = command(end, "phone", scope, Value::Null);
                self.note(end, &phone, "", told);
            }
        }
    }

    fn note(&self, action: &str, name: &str, unique: &str, told: Told) {
        let change = (action.to_owned(), name.to_owned(), unique.to_owned());
        let mut all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(all.insert(change, told), None, "each is asked for once");
    }
}

fn ask(admin: SocketAddr, key: &str, verb: &str, body: &Value) -> Told {
    let mut body = body.clone();
    body["auth"] = json!({ "type": "auth", "key": key });
    let (kind, body) = ([("Content-Type", "application/json")], body.to_string());
    let path = format!("/rest/dialplan/{verb}");
    // One that is not there made nothing.
    let Ok(connection) = http::connect(admin) else { return Told::NotMade };
    let answer = http::exchange(connection, "POST", &path, &kind, body.as_bytes());
    let answer = answer.and_then(|answer| serde_json::from_slice::<Value>(&answer.body).ok());
    let Some(answer) = answer else { return Told::Unknown };
    match answer["message"].as_str() {
        None => Told::Made,
        Some(message) if message.contains("not known") => Told::Unknown,
        Some(_) => Told::NotMade,
    }
}

/// A real gateway on the database, with one of the folders.
fn node(dir: &std::path::Path, url: &str) -> Process {
    let mut serve = command(dir, "serve");
    serve.env("DIALTONE_STORE_URL", url).stderr(Stdio::null());
    serve.env("DIALTONE_QUOTA_INACTIVE_DEVICES", "1000000");
    Process::start_command(&mut serve)
}

/// What is there and what is told of it, as the database has it.
struct Stored {
    /// Each change with how often it is in the audit record.
    record: BTreeMap<Change, usize>,
    /// What the record says that there is: by phone or company its company and name; `None`: it was
    /// deleted.
    expected: BTreeMap<String, Option<(Option<String>, String)>>,
    /// What there is of them, but for phones that only wait.
    found: BTreeMap<String, (Option<String>, String)>,
}

impl Stored {
    fn read(server: &Cluster, database: &str) -> Stored {
        let rows = |sql: &str| -> Vec<Value> {
            let sql = format!("SET search_path TO dialtone; {sql}");
            let text = server.sql(database, &sql);
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (mut record, mut expected) = (BTreeMap::new(), BTreeMap::new());
        let events = "SELECT json_build_object('action', action, 'subject', subject, 'name', name, \
                      'company', company, 'after', after::json) FROM event \
                      WHERE subject IN ('phone', 'company') AND action <> 'create' ORDER BY id";
        for event in rows(events) {
            let (action, name) = (text(&event["action"]), text(&event["name"]));
            let (unique, company) = (text(&event["after"]["name"]), text(&event["company"]));
            *record.entry((action.clone(), name.clone(), unique.clone())).or_default() += 1;
            let of_company = event["subject"] == "company";
            let there: &mut Option<(Option<String>, String)> =
                expected.entry(name).or_insert_with(|| Some((None, String::new())));
            let (owner, called) = there.get_or_insert_default();
            match action.as_str() {
                "promote" => *owner = Some(company),
                "update" => *called = unique,
                "demote" | "delete" => *there = None,
                _ => panic!("{event}"),
            }
            if of_company {
                there.as_mut().unwrap().0 = None;
            }
        }
        let phones = "SELECT json_build_array(phoneid, company, name) FROM phones \
                      WHERE company IS NOT NULL OR name <> '' UNION ALL \
                      SELECT json_build_array(id, NULL, name) FROM company WHERE id <> 'default'";
        let found = rows(phones).into_iter().map(|row| {
            let owner = row[1].as_str().map(str::to_owned);
            (text(&row[0]), (owner, text(&row[2])))
        });
        Stored { record, expected, found: found.collect() }
    }

    /// The record agrees with what there is, and with what was told.
    fn check(&self, told: &BTreeMap<Change, Told>) {
        for (change, &times) in &self.record {
            assert_eq!(times, 1, "{change:?} is there {times} times");
            let told = told.get(change);
            assert!(told.is_some(), "nobody asked for {change:?}");
            assert_ne!(told, Some(&Told::NotMade), "{change:?} was told as not made");
        }
        for (change, told) in told {
            let is_there = self.record.contains_key(change);
            assert!(is_there || *told != Told::Made, "{change:?} was acknowledged and is lost");
        }
        for (name, expected) in &self.expected {
            let is_bare =
                |there: &&(Option<String>, String)| there.0.is_none() && there.1.is_empty();
            let expected = expected.as_ref().filter(|there| !is_bare(there));
            assert_eq!(self.found.get(name), expected, "{name}");
        }
        for name in self.found.keys() {
            let is_recorded = self.expected.contains_key(name);
            assert!(is_recorded || name.starts_with("company"), "{name} has no event");
        }
    }
}

#[test]
fn whatever_is_killed_what_was_told_the_record_and_the_registries_agree() {
    let by_hand = std::env::var("DIALTONE_TEST_KILLS").ok().and_then(|text| text.parse().ok());
    let rounds: u64 = by_hand.unwrap_or(ROUNDS);
    let mut server = Cluster::start("");
    server.sql("postgres", "CREATE DATABASE dialtone");
    let url = server.url("dialtone");
    let dirs: Vec<_> = (0..NODES).map(|_| tempfile::tempdir().unwrap()).collect();
    let start = |number: usize| node(dirs[number].path(), &url);
    let first = start(0);
    let key = first.key.clone().expect("a new store prints a key");
    for operator in 0..OPERATORS {
        let values = json!({ "company": format!("company{operator}") });
        let create = json!({ "type": "company", "values": values });
        assert_eq!(ask(first.admin, &key, "create", &create), Told::Made);
    }
    let mut nodes = vec![first];
    nodes.extend((1..NODES).map(start));
    let (next, told) = (AtomicU64::new(1), Mutex::new(BTreeMap::new()));
    let mut random = StdRng::seed_from_u64(SEED);
    let mut killed = BTreeMap::<_, u64>::new();
    let (mut done, started) = (0, Instant::now());
    for round in 0..rounds {
        if by_hand.is_none() && started.elapsed() > TIME {
            break;
        }
        done += 1;
        let load = Load {
            nodes: nodes.iter().map(|node| (node.http, node.admin)).collect(),
            key: &key,
            next: &next,
            told: &told,
            stop: AtomicBool::new(false),
        };
        thread::scope(|scope| {
            let load = &load;
            let _stop = Stop(&load.stop);
            scope.spawn(|| load.strangers());
            for operator in 0..OPERATORS {
                let random = StdRng::seed_from_u64((round << 8) | operator);
                scope.spawn(move || load.operate(operator, random));
            }
            // The moments of the kills are what varies; nothing waits for this time.
            let pause = |random: &mut StdRng| {
                thread::sleep(Duration::from_millis(random.random_range(20..400)));
            };
            pause(&mut random);
            // Each in its turn, and sometimes another one soon after it.
            let turn = usize::try_from(round).unwrap() + NODES;
            let victims = [Some(turn), random.random_bool(0.5).then(|| random.random_range(0..9))];
            for victim in victims.into_iter().flatten().map(|victim| victim % (NODES + 1)) {
                *killed.entry(victim).or_default() += 1;
                if let Some(node) = nodes.get_mut(victim) {
                    if node.ended_within(Duration::ZERO).is_none() {
                        node.signal(rustix::process::Signal::KILL);
                        node.ended_within(TIME).expect("nobody survives that");
                    }
                } else {
                    server.kill();
                    pause(&mut random);
                    server.resume();
                }
                pause(&mut random);
            }
        });
        for (number, node) in nodes.iter_mut().enumerate() {
            if node.ended_within(Duration::ZERO).is_some() {
                *node = start(number);
            }
        }
    }
    let fresh = node(tempfile::tempdir().unwrap().path(), &url);
    let addresses = |node: &Process| (node.http, node.admin);
    eventually("each node has what one has that reads all now", || {
        let all = view(addresses(&fresh), &key);
        nodes.iter().all(|node| view(addresses(node), &key) == all)
    });
    let told = told.into_inner().unwrap();
    let stored = Stored::read(&server, "dialtone");
    stored.check(&told);
    let count = |what: Told| told.values().filter(|told| **told == what).count();
    let [made, not_made, unknown] = [Told::Made, Told::NotMade, Told::Unknown].map(count);
    println!(
        "{done} rounds, seed {SEED}; kills of node 0, 1 and the server {killed:?}; {made} changes \
         acknowledged, {not_made} refused, {unknown} unknown; {} events, {} phones and companies",
        stored.record.len(),
        stored.found.len()
    );
    assert!(made as u64 > done, "only {made} changes were made");
}
