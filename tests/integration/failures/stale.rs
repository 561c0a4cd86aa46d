//! No gateway serves a company's old file after it served the new one, and what each has in memory in
//! the end is what is stored.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread;

use serde_json::json;

use crate::support::postgres::Cluster;
use crate::support::view::{ask, view};
use crate::support::{Gateway, Stop, eventually, http};

const PHONE: &str = "0015654aa001";
const CHANGES: u32 = 16;
const READERS: usize = 2;
/// They are heard of while connections are cut: commits of all gateways at once.
const WRITERS: usize = 64;
const ROUNDS: usize = 2;
/// Phones that all writers change.
const CONTENDED: usize = 8;

/// Which change the file is of: the name of the registrar counts them.
fn number(text: &str) -> u32 {
    let line = text.lines().find_map(|line| line.split_once("pbx"));
    line.and_then(|(_, rest)| rest.split('.').next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn a_file_never_goes_back_at_any_gateway_though_connections_to_the_database_are_cut() {
    let server = Cluster::start("");
    let url = server.database();
    let database = url.split(['/', '?']).nth(3).unwrap();
    let gateway = || Gateway::start_with(|config, _| config.store.url = url.parse().unwrap());
    let one = gateway();
    one.get(&format!("/{PHONE}.cfg"), None);
    one.promote(&format!("{PHONE}0"));
    let body = |change: u32| {
        let registrar = format!("pbx{change}.example.com");
        let settings = json!({ "line_defaults": { "registrar": registrar } });
        let (scope, values) = (json!({ "company": "default" }), json!({ "settings": settings }));
        json!({ "type": "company", "scope": scope, "values": values })
    };
    one.done("update", body(0));
    let line = json!({ "user": "100", "password": "s3cret" });
    one.set(&format!("{PHONE}0"), json!({ "lines": { "1": line } }));
    let contended = |number: usize| format!("0015654ab00{}", number % CONTENDED);
    for number in 0..CONTENDED {
        one.get(&format!("/{}.cfg", contended(number)), None);
        one.promote(&format!("{}0", contended(number)));
    }
    let gateways = [one, gateway(), gateway()];
    let key = gateways[0].key();
    // First contacts of its own, and phones that others change, too; the answer may be that the
    // connection was cut.
    let write = |writer: usize| {
        let at = &gateways[writer % gateways.len()];
        let changed = (0..ROUNDS).filter(|round| {
            let mac = format!("0015654ac{:03x}", writer * ROUNDS + round);
            assert_eq!(http::get(at.http(), &format!("/{mac}.cfg"), None).status, 404);
            let name = format!("writer {writer}, round {round}");
            let line = json!({ "user": "100", "password": "s3cret", "display_name": name });
            let values = json!({ "settings": { "lines": { "1": line } } });
            let scope = json!({ "phoneid": format!("{}0", contended(writer + round)) });
            let body = json!({ "type": "phone", "scope": scope, "values": values });
            ask(at.admin(), key, "update", body)["result"] == "success"
        });
        changed.count()
    };
    let write = &write;
    let (stop, cut) = (AtomicBool::new(false), AtomicBool::new(false));
    let (asked, newest) = (AtomicUsize::new(0), [0, 0, 0].map(AtomicU32::new));
    thread::scope(|scope| {
        // Who asks a gateway knows what it served to whomever before.
        for reader in 0..READERS * gateways.len() {
            let at = reader % gateways.len();
            let (http, newest) = (gateways[at].http(), &newest[at]);
            let (stop, asked) = (&stop, &asked);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let before = newest.load(Ordering::SeqCst);
                    let answer = http::get(http, &format!("/{PHONE}.cfg"), None);
                    assert_eq!(answer.status, 200);
                    let now = number(answer.text());
                    assert!(now >= before, "{now} was served after {before}");
                    newest.fetch_max(now, Ordering::SeqCst);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || write(writer))).collect();
        let cutting = scope.spawn(|| {
            let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                       WHERE application_name = 'dialtone' AND random() < 0.3";
            let mut ended = 0;
            while !cut.load(Ordering::Relaxed) {
                ended += server.sql(database, sql).trim().parse::<usize>().unwrap();
            }
            ended
        });
        let _stop = (Stop(&stop), Stop(&cut));
        for change in 1..=CHANGES {
            let body = body(change);
            // At one gateway after the other; one whose connection was cut says so.
            let at = &gateways[change as usize % gateways.len()];
            eventually("it is changed", || {
                ask(at.admin(), key, "update", body.clone())["result"] == "success"
            });
        }
        let changed: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        cut.store(true, Ordering::Relaxed);
        let ended = cutting.join().unwrap();
        println!("{changed} changes by {WRITERS} writers, {ended} connections cut");
        assert!(changed > 0 && ended > 0, "{changed} changes, {ended} connections cut");
        eventually("all serve the last", || {
            gateways.iter().all(|gateway| {
                number(http::get(gateway.http(), &format!("/{PHONE}.cfg"), None).text()) == CHANGES
            })
        });
    });
    let fresh = gateway();
    eventually("each has what one has that reads all now", || {
        let all = view((fresh.http(), fresh.admin()), key);
        gateways.iter().all(|one| view((one.http(), one.admin()), key) == all)
    });
    println!("{CHANGES} changes, {} files asked for", asked.into_inner());
}
