//! A standby takes the place of the database server: with all that was committed, or without the
//! last of it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http::{self, Answer};
use crate::support::postgres::{Cluster, Pgbouncer, PoolMode};
use crate::support::view::{View, ask, view};
use crate::support::{Gateway, Stop, eventually};

const STAYS: &str = "0015654aa001";
const PROMOTED: &str = "0015654aa002";
const DELETED: &str = "0015654aa003";

/// How long a command may fail when another server has taken over.
const SECONDS: Duration = Duration::from_secs(10);

/// Two gateways on a server that another one follows.
struct Site {
    gateways: [Gateway; 2],
    primary: Cluster,
    standby: Cluster,
    key: String,
    url: String,
}

impl Site {
    fn start() -> Site {
        Site::start_at(|primary, standby| primary.url_of_either(standby, "dialtone"))
    }

    /// Whose gateways have the URL that is made of the two.
    fn start_at(url: impl FnOnce(&Cluster, &Cluster) -> String) -> Site {
        let primary = Cluster::start("");
        primary.sql("postgres", "CREATE DATABASE dialtone");
        let standby = primary.standby();
        let url = url(&primary, &standby);
        let one = Site::gateway(&url);
        let key = one.key().to_owned();
        one.done("active", json!({ "type": "phone" }));
        let gateways = [one, Site::gateway(&url)];
        Site { gateways, primary, standby, key, url }
    }

    fn gateway(url: &str) -> Gateway {
        Gateway::start_with(|config, _| config.store.url = url.parse().unwrap())
    }

    fn ask(&self, number: usize, verb: &str, body: Value) -> Value {
        ask(self.gateways[number].admin(), &self.key, verb, body)
    }

    fn done(&self, number: usize, verb: &str, body: Value) {
        let answer = self.ask(number, verb, body);
        assert_eq!(answer["result"], "success", "{verb}: {answer}");
    }

    fn get(&self, number: usize, mac: &str) -> Answer {
        http::get(self.gateways[number].http(), &format!("/{mac}.cfg"), None)
    }

    /// The status of the file at each gateway.
    fn statuses(&self, mac: &str) -> [u16; 2] {
        [0, 1].map(|number| self.get(number, mac).status)
    }

    /// Whether both give the phone that language.
    fn speak(&self, language: &str) -> bool {
        [0, 1].iter().all(|&number| self.get(number, STAYS).text().contains(language))
    }

    fn make_active(&self, mac: &str) {
        self.gateways[0].get(&format!("/{mac}.cfg"), None);
        self.done(0, "promote", phone(mac));
        eventually("both serve it", || self.statuses(mac) == [200, 200]);
    }

    /// Each gateway's, and last that of one which has just read everything.
    fn views(&self) -> [View; 3] {
        let fresh = Site::gateway(&self.url);
        let [one, other] = &self.gateways;
        [one, other, &fresh].map(|gateway| view((gateway.http(), gateway.admin()), &self.key))
    }

    /// Waits until a gateway takes commands again; how long that was.
    fn wait_for_commands(&self, number: usize, verb: &str, body: &Value) -> Duration {
        let started = Instant::now();
        eventually("commands work", || self.ask(number, verb, body.clone())["result"] == "success");
        started.elapsed()
    }

    /// What the audit record has of phones, oldest first: action and name.
    fn record(&self) -> Vec<String> {
        let sql = "SELECT action || ' ' || name FROM event WHERE subject = 'phone' ORDER BY id";
        let sql = format!("SET search_path TO dialtone; {sql}");
        self.standby.sql("dialtone", &sql).lines().map(str::to_owned).collect()
    }
}

fn phone(mac: &str) -> Value {
    json!({ "type": "phone", "scope": { "phoneid": format!("{mac}0") } })
}

fn language(language: &str) -> Value {
    json!({
        "type": "company",
        "scope": { "company": "default" },
        "values": { "settings": { "language": language } },
    })
}

#[test]
fn a_standby_that_had_all_takes_over_and_nothing_is_lost() {
    let mut site = Site::start();
    site.make_active(STAYS);
    site.gateways[1].get(&format!("/{PROMOTED}.cfg"), None);
    let names: Vec<String> = (0..20).map(|number| format!("name {number}")).collect();
    for (at, name) in names.iter().enumerate() {
        let mut rename = phone(STAYS);
        rename["values"] = json!({ "name": name });
        site.done(at % 2, "update", rename);
    }
    site.done(1, "update", language("de"));
    let file = site.get(1, STAYS);
    site.primary.wait_for_standby();
    site.primary.kill();
    // Nobody has the database.
    eventually("it is not ready", || {
        http::get(site.gateways[0].admin(), "/ready", None).status == 503
    });
    assert_eq!(site.statuses(STAYS), [200, 200]);
    site.standby.promote();
    let took = site.wait_for_commands(0, "promote", &phone(PROMOTED));
    assert!(took < SECONDS, "{took:?}");
    let took = site.wait_for_commands(1, "update", &phone(STAYS));
    assert!(took < SECONDS, "{took:?}");
    eventually("both serve what was promoted since", || site.statuses(PROMOTED) == [200, 200]);
    assert_eq!(site.get(1, STAYS).body, file.body);
    eventually("all have the same", || {
        let [one, other, fresh] = site.views();
        one == fresh && other == fresh
    });
    let mut record = vec![format!("promote {STAYS}0")];
    record.extend(names.iter().map(|_| format!("update {STAYS}0")));
    record.extend([format!("promote {PROMOTED}0"), format!("update {STAYS}0")]);
    assert_eq!(site.record(), record);
    let ready = || http::get(site.gateways[0].admin(), "/ready", None).status == 200;
    eventually("it is ready", ready);
}

#[test]
fn a_pooler_is_pointed_at_the_standby_and_gateways_go_on() {
    let mut pooler = None;
    let mut site = Site::start_at(|primary, _| {
        let started = Pgbouncer::start(primary, PoolMode::Session);
        let url = started.url(&primary.url("dialtone"));
        pooler = Some(started);
        url
    });
    let pooler = pooler.unwrap();
    site.make_active(STAYS);
    site.gateways[1].get(&format!("/{PROMOTED}.cfg"), None);
    site.primary.wait_for_standby();
    site.primary.kill();
    assert_eq!(site.ask(0, "update", language("de"))["result"], "fail");
    assert_eq!(site.statuses(STAYS), [200, 200]);
    site.standby.promote();
    pooler.point_at(&site.primary, &site.standby);
    let took = site.wait_for_commands(0, "promote", &phone(PROMOTED));
    assert!(took < SECONDS, "{took:?}");
    eventually("both serve it", || site.statuses(PROMOTED) == [200, 200]);
    eventually("all have the same", || {
        let [one, other, fresh] = site.views();
        one == fresh && other == fresh
    });
}

#[test]
fn a_standby_that_lacks_the_last_takes_over_and_all_go_back_to_what_is_there() {
    let mut site = Site::start();
    site.make_active(STAYS);
    site.make_active(DELETED);
    site.gateways[0].get(&format!("/{PROMOTED}.cfg"), None);
    site.primary.wait_for_standby();
    site.standby.cut_off();
    // All of this is acknowledged, and lost with its server.
    site.done(0, "promote", phone(PROMOTED));
    site.done(1, "delete", phone(DELETED));
    site.done(0, "update", language("de"));
    site.done(1, "create", json!({ "type": "company", "values": { "company": "lost" } }));
    site.done(0, "create", json!({ "type": "user", "values": { "login": "lost" } }));
    eventually("both have all of it", || {
        site.speak("German")
            && site.statuses(PROMOTED) == [200, 200]
            && site.statuses(DELETED) == [404, 404]
    });
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for number in [0, 1] {
            let (http, stop, served) = (site.gateways[number].http(), &stop, &served);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let answer = http::get(http, &format!("/{STAYS}.cfg"), None);
                    assert_eq!(answer.status, 200);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _stop = Stop(&stop);
        site.primary.kill();
        site.standby.promote();
        let started = Instant::now();
        eventually("both went back", || {
            [0, 1].iter().all(|&number| !site.get(number, STAYS).text().contains("German"))
        });
        let took = started.elapsed();
        assert!(took < SECONDS, "{took:?}");
    });
    assert!(served.into_inner() > 10, "phones were served meanwhile");
    eventually("what was lost is so at both", || {
        site.statuses(PROMOTED) == [404, 404] && site.statuses(DELETED) == [200, 200]
    });
    // The numbers of what is lost are given again, to this.
    site.wait_for_commands(1, "update", &language("fr"));
    site.wait_for_commands(0, "promote", &phone(PROMOTED));
    eventually("both serve it", || site.speak("French") && site.statuses(PROMOTED) == [200, 200]);
    eventually("all have the same", || {
        let [one, other, fresh] = site.views();
        one == fresh && other == fresh
    });
    let record = [STAYS, DELETED, PROMOTED].map(|mac| format!("promote {mac}0"));
    assert_eq!(site.record(), record);
}
