//! Gateways that are processes of their own, with the same registry, of which one is killed while
//! phones boot: as targets of the phones, and behind a load balancer.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dialtone::catalogue::{Catalogue, Sources};
use dialtone::domain::Mac;
use dialtone::simulator::fleet::{Fleet, Member, Plan, parse_mix};
use serde_json::{Value, json};

use crate::support::postgres::Cluster;
use crate::support::process::{Process, command};
use crate::support::{eventually, http};

const PHONES: usize = 500;
const MIX: &str = "yealink=2,snom,grandstream,polycom";
const SEED: u64 = 11;
const KEY: &str = "dt_a_key_of_enough_characters_to_be_taken";

/// Gateways with one fleet, all of it active.
struct Site {
    dir: tempfile::TempDir,
    fleet: Vec<Mac>,
    gateways: Vec<Process>,
}

impl Site {
    /// Two, each with the same registry in a file of its own.
    fn with_files(configuration: &str) -> Site {
        let stores = ["sqlite:dialtone.db"; 2].map(str::to_owned);
        Site::start(configuration, &stores, PHONES, |_| true)
    }

    /// Three on one database.
    fn on_database(configuration: &str, phones: usize, url: &str) -> Site {
        let stores = [url, url, url].map(str::to_owned);
        Site::start(configuration, &stores, phones, |number| number == 0)
    }

    /// A gateway for each of the stores; those that `imports` names have to bring their registry.
    fn start(
        configuration: &str,
        stores: &[String],
        phones: usize,
        imports: impl Fn(usize) -> bool,
    ) -> Site {
        let dir = tempfile::tempdir().unwrap();
        let fleet = fleet(phones);
        std::fs::write(dir.path().join("document.json"), document(&fleet).to_string()).unwrap();
        let start = |(number, store): (usize, &String)| {
            let own = dir.path().join(format!("gateway{number}"));
            std::fs::create_dir(&own).unwrap();
            std::fs::write(own.join("own.toml"), configuration).unwrap();
            if imports(number) {
                let line = format!("import --store {store} ../document.json");
                let import = command(&own, &line).output().unwrap();
                assert!(import.status.success(), "{import:?}");
            }
            let mut serve = command(&own, "serve --config own.toml");
            serve.env("DIALTONE_STORE_URL", store);
            serve.env("DIALTONE_HANDSET_HTTPS", "127.0.0.1:0").stderr(Stdio::null());
            Process::start_command(&mut serve)
        };
        let gateways = stores.iter().enumerate().map(start).collect();
        Site { dir, fleet: fleet.iter().map(|member| member.mac).collect(), gateways }
    }

    /// The fleet begins to boot, within some seconds.
    fn begin(&self, targets: &[String], line: &str) -> Child {
        let mut phonesim = Command::new(env!("CARGO_BIN_EXE_phonesim"));
        phonesim.current_dir(self.dir.path()).arg("boot");
        phonesim.args(targets.iter().map(|target| format!("--target={target}")));
        phonesim.arg(format!("--phones={}", self.fleet.len())).arg(format!("--mix={MIX}"));
        phonesim.arg(format!("--seed={SEED}"));
        phonesim.args(line.split(' ')).args("--retry-delay 0.2 --json report.json".split(' '));
        phonesim.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The report of the run, in which every phone got its configuration.
    fn end(&self, phonesim: Child) -> Value {
        let output = phonesim.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let report = std::fs::read_to_string(self.dir.path().join("report.json")).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["phases"][0]["configured"], self.fleet.len(), "{report}");
        report
    }

    /// How many requests the gateways that are left have noted; each of the phone's own address.
    fn rows_with_own_addresses(&self) -> usize {
        let mut rows = 0;
        for (number, mac) in self.fleet.iter().enumerate() {
            for row in self.gateways.iter().flat_map(|gateway| requests(gateway, *mac)) {
                assert_eq!(row["address"], format!("127.1.0.{}", number % 100 + 1), "{row}");
                rows += 1;
            }
        }
        rows
    }

    /// The first gateway goes in the middle of a run, without a word to anybody.
    fn kill_one_amid(&mut self, phonesim: &mut Child) {
        // A fifth into the run, of those that came to the first.
        let fifth = self.fleet.len() / 5;
        let early = &self.fleet[fifth..fifth + 8];
        eventually("it serves", || {
            early.iter().any(|mac| !requests(&self.gateways[0], *mac).is_empty())
        });
        self.gateways.remove(0).kill();
        assert_eq!(phonesim.try_wait().unwrap(), None, "the run goes on");
    }
}

fn fleet(phones: usize) -> Vec<Member> {
    let catalogue = Catalogue::load(&Sources::default()).unwrap();
    let plan = Plan { phones, mix: parse_mix(MIX).unwrap(), seed: SEED };
    Fleet::build(&catalogue, &plan).unwrap().members
}

/// The fleet's registry: each phone with a line of its own.
fn document(fleet: &[Member]) -> Value {
    let device = |member: &Member| {
        let mac = member.mac.to_string();
        let line = json!({ "user": mac, "password": "s3cret", "registrar": "pbx.example.com" });
        let settings = json!({ "lines": { "1": line } });
        let port = |port| json!({ "port": port, "company": "default", "settings": settings });
        let ports: Vec<Value> = (0..member.model.ports).map(port).collect();
        json!({ "mac": mac, "phone_type": member.model.type_key.as_str(), "ports": ports })
    };
    let devices: Vec<Value> = fleet.iter().map(device).collect();
    let users = json!([{ "login": "root", "role": "System-Admin", "key": KEY }]);
    json!({ "version": 2, "users": users, "devices": devices })
}

/// What the gateway was asked last by a phone.
fn requests(gateway: &Process, mac: Mac) -> Vec<Value> {
    let auth = json!({ "type": "auth", "key": KEY });
    let body = json!({ "type": "phone", "scope": { "mac": mac.to_string() }, "auth": auth });
    let (kind, body) = ([("Content-Type", "application/json")], body.to_string());
    let path = "/rest/dialplan/requests/phone";
    let answer = http::request(gateway.admin, "POST", path, &kind, body.as_bytes());
    let answer: Value = serde_json::from_slice(&answer.expect("it answers").body).unwrap();
    answer["values"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// Debian's haproxy before gateways; killed when dropped.
struct Haproxy {
    child: Child,
    http: u16,
    https: u16,
}

impl Haproxy {
    fn start(site: &Site) -> Haproxy {
        let [http, https] = free_ports();
        let mut text = "defaults\n mode tcp\n timeout connect 2s\n timeout client 30s\n \
                        timeout server 30s\n option redispatch 1\n"
            .to_owned();
        for (name, port) in [("http", http), ("https", https)] {
            text += &format!("listen {name}\n bind 127.0.0.1:{port}\n balance roundrobin\n");
            for (number, gateway) in site.gateways.iter().enumerate() {
                let secure = gateway.https.expect("it listens with TLS");
                let address = if name == "http" { gateway.http } else { secure };
                let check = "send-proxy-v2 check check-send-proxy inter 200ms";
                text += &format!(" server g{number} {address} {check}\n");
            }
        }
        let path = site.dir.path().join("haproxy.cfg");
        std::fs::write(&path, text).unwrap();
        let child = Command::new("/usr/sbin/haproxy").arg("-db").arg("-f").arg(path).spawn();
        let child = child.expect("haproxy is there: tests/run installs Debian's package");
        eventually("haproxy listens", || {
            std::net::TcpStream::connect(("127.0.0.1", https)).is_ok()
        });
        Haproxy { child, http, https }
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that nobody had a moment ago.
fn free_ports() -> [u16; 2] {
    let listeners = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

#[test]
fn of_two_targets_one_is_killed_in_a_storm_and_every_phone_gets_its_configuration() {
    let mut two = Site::with_files("");
    let targets: Vec<String> =
        two.gateways.iter().map(|gateway| format!("http://{}/", gateway.http)).collect();
    let mut phonesim = two.begin(&targets, "--ramp 8 --connections 64");
    two.kill_one_amid(&mut phonesim);
    let report = two.end(phonesim);
    let needed = report["phases"][0]["needed_another"].as_u64().unwrap();
    assert!(needed > 0, "those that began with the killed one, after that");
    assert_eq!(report["target"], targets.join(" "));
}

#[test]
fn behind_haproxy_phones_keep_their_addresses_and_no_boot_is_lost_with_a_gateway() {
    let configuration = "[handset]\ntrusted_proxies = [\"127.0.0.1/32\"]\nproxy_protocol = true\n";
    let mut two = Site::with_files(configuration);
    let haproxy = Haproxy::start(&two);
    // 127.1.0.1 and up, phone by phone.
    let line = "--source-addresses 100 --connections 64";
    let target = format!("https://127.0.0.1:{}/", haproxy.https);
    let mut run = two.begin(&[target], &format!("{line} --ramp 8"));
    two.kill_one_amid(&mut run);
    let report = two.end(run);
    assert_ne!(report["wire"]["tls_handshakes"], 0);
    assert_ne!(two.rows_with_own_addresses(), 0);

    // Without TLS, and each file whole.
    let target = format!("http://127.0.0.1:{}/", haproxy.http);
    let run = two.begin(&[target], &format!("{line} --factory-reset"));
    let report = two.end(run);
    assert_eq!(report["wire"]["tls_handshakes"], 0);
    assert_ne!(two.rows_with_own_addresses(), 0);
}

/// Phones of the storm; `DIALTONE_TEST_PHONES` says another number, for a larger one by hand.
const STORM: usize = 500;

#[test]
fn of_three_gateways_on_a_database_one_is_killed_in_a_storm_and_no_phone_is_left_out() {
    let phones = std::env::var("DIALTONE_TEST_PHONES").ok().and_then(|text| text.parse().ok());
    let configuration = "[handset]\ntrusted_proxies = [\"127.0.0.1/32\"]\nproxy_protocol = true\n";
    let url = Cluster::shared().database();
    let mut site = Site::on_database(configuration, phones.unwrap_or(STORM), &url);
    let haproxy = Haproxy::start(&site);
    let target = format!("http://127.0.0.1:{}/", haproxy.http);
    let line = "--source-addresses 100 --connections 64 --ramp 3";
    let mut run = site.begin(&[target], line);
    site.kill_one_amid(&mut run);
    let report = site.end(run);
    println!("{report}");
    assert_ne!(site.rows_with_own_addresses(), 0);
}

/// Longer than any follower takes on a loaded machine; on one that is idle it is within a second.
const FOLLOWED: Duration = Duration::from_secs(10);

#[test]
fn a_ban_of_one_gateway_is_the_others_and_so_is_its_end() {
    let configuration = "[handset]\ntrusted_proxies = [\"127.0.0.1/32\"]\n";
    let site = Site::on_database(configuration, 4, &Cluster::shared().database());
    let walker = "198.51.100.7";
    // What anybody gets who is not banned.
    let status = |gateway: &Process, address: &str| {
        let headers = [("X-Forwarded-For", address), ("User-Agent", "snom370-SIP 7.1.2")];
        http::request(gateway.http, "GET", "/snom370.htm", &headers, b"")
            .expect("it answers")
            .status
    };
    let is_everywhere = |what: &str, address: &str, expected: u16| {
        let began = Instant::now();
        eventually(what, || site.gateways.iter().all(|own| status(own, address) == expected));
        assert!(began.elapsed() < FOLLOWED, "{what}: {:?}", began.elapsed());
    };
    is_everywhere("nobody is banned", walker, 200);
    for number in 1..=10 {
        let target = format!("/0004f2{:06x}.cfg", number * 7_919);
        let headers = [("X-Forwarded-For", walker), ("User-Agent", "curl/8.5.0")];
        http::request(site.gateways[0].http, "GET", &target, &headers, b"").expect("it answers");
    }
    assert_eq!(status(&site.gateways[0], walker), 404, "in force at once");
    is_everywhere("who walks at one is banned at all", walker, 404);
    assert_eq!(status(&site.gateways[1], "203.0.113.9"), 200, "and nobody else is");

    let list = command_of(&site.gateways[2], "read", json!({}));
    let row = &list["values"][0];
    assert_eq!((&row["network"], &row["made_by"]), (&json!("198.51.100.7/32"), &json!("gateway")));
    let lift = json!({ "scope": { "network": walker } });
    assert_eq!(command_of(&site.gateways[2], "delete", lift)["result"], "success");
    is_everywhere("lifted at another one", walker, 200);

    let ban = json!({ "values": { "network": "203.0.113.0/24", "minutes": 5, "reason": "walks" } });
    assert_eq!(command_of(&site.gateways[1], "create", ban)["result"], "success");
    is_everywhere("banned by an operator at one", "203.0.113.9", 404);
}

/// What a gateway answers to a command for bans.
fn command_of(gateway: &Process, verb: &str, mut body: Value) -> Value {
    body["auth"] = json!({ "type": "auth", "key": KEY });
    let (kind, body) = ([("Content-Type", "application/json")], body.to_string());
    let path = format!("/rest/dialplan/{verb}/ban");
    let answer = http::request(gateway.admin, "POST", &path, &kind, body.as_bytes());
    serde_json::from_slice(&answer.expect("it answers").body).unwrap()
}
