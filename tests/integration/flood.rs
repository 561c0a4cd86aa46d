//! A flood of random MACs from many addresses: what it costs memory, database and phones that are
//! known, and whether a new phone still gets onto the list.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialtone::domain::Mac;
use dialtone::provision::{Fetch, Provision, Provisioner, Reply};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::support::Gateway;

/// Requests of a run. `DIALTONE_TEST_FLOOD` says another number: a million, in a build with
/// `--release`, takes minutes.
const REQUESTS: usize = 20_000;
/// Devices that may wait: fewer than come.
const ROOM: usize = 5_000;
/// Phones that come after it, each from a network of its own.
const NEW: u8 = 100;
const NEW_AGENT: &str = "Yealink SIP-T46G 28.83.0.120";
const T46G: &str = "Yealink SIP-T46G 28.83.0.120 00:15:65:4a:a9:37";

fn fetch(address: IpAddr, target: String, user_agent: Option<&str>) -> Fetch {
    Fetch { user_agent: user_agent.map(str::to_owned), ..Fetch::new(target, address) }
}

/// Memory that the process has, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).expect("a number of KiB")
}

#[test]
fn a_flood_of_random_macs_leaves_memory_database_and_known_phones_as_they_are() {
    let requests = std::env::var("DIALTONE_TEST_FLOOD").ok();
    let requests = requests.map_or(REQUESTS, |number| number.parse().expect("a number"));
    let gateway = Gateway::start_with(|config, _| config.quota.inactive_devices = ROOM);
    let off = json!({ "settings": { "admission": { "mode": "off" } } });
    gateway.done("update", json!({ "type": "settings", "values": off }));
    gateway.get("/0015654aa937.cfg", Some(T46G));
    gateway.promote("0015654aa9370");
    let registry = gateway.app().registry();
    let provisioner = Provisioner::new(Arc::clone(registry), Provisioner::RENDERED_BYTES);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it can be made");
    let phone = || {
        let began = Instant::now();
        let asked = fetch([198, 51, 100, 7].into(), "/0015654aa937.cfg".to_owned(), Some(T46G));
        let reply = runtime.block_on(provisioner.fetch(asked));
        assert!(matches!(reply, Reply::File(_)), "{reply:?}");
        began.elapsed()
    };
    let before = (quantiles((0..501).map(|_| phone()).collect()), resident());

    let mut random = StdRng::seed_from_u64(7);
    let agents = [None, Some("curl/8.5.0"), Some("FileTransport PolycomVVX-VVX_400-UA/4.1.4.7430")];
    let ouis = [0x00_04_f2_u64, 0x80_5e_c0, 0x00_15_65];
    let mut during = Vec::new();
    let mut halfway = 0;
    let began = Instant::now();
    for number in 0..requests {
        // From 65,536 addresses, ten MACs and more each in a million.
        let address: [u8; 4] = [20, 1, random.random(), random.random()];
        let mac = ouis[number % 3] << 24 | u64::from(random.random::<u32>() >> 8);
        let asked = fetch(address.into(), format!("/{mac:012x}.cfg"), agents[number / 3 % 3]);
        let reply = runtime.block_on(provisioner.fetch(asked));
        assert!(matches!(reply, Reply::Refused), "{reply:?}");
        if number % 100 == 0 {
            during.push(phone());
        }
        if number == requests / 2 {
            halfway = resident();
        }
    }
    let took = began.elapsed();
    gateway.settle();
    // New phones, from networks that were not in it, which boot as their family does.
    let new = |number: u8| Mac::from_bits(0x24_9a_d8_00_00_00 | u64::from(number));
    for number in 0..NEW {
        let mac = new(number);
        for target in [format!("/{mac}.boot"), format!("/{mac}.cfg")] {
            let asked = fetch([21, 1, number, 1].into(), target, Some(NEW_AGENT));
            let reply = runtime.block_on(provisioner.fetch(asked));
            assert!(matches!(reply, Reply::Refused), "{reply:?}");
        }
    }
    gateway.settle();
    for number in 0..NEW {
        assert!(registry.known(new(number)).is_some(), "{number} is listed");
    }
    let waiting = registry.waiting_status().devices;
    assert!(waiting <= ROOM, "{waiting}");

    let after = (quantiles(during), resident());
    let files = ["dialtone.db", "dialtone.db-wal"].map(|name| gateway.dir().join(name));
    let store: u64 = files.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    let list = gateway.done("read", json!({ "type": "ban", "scope": { "limit": 1000 } }));
    println!(
        "{requests} requests in {took:.1?}: a known phone {:?} before, {:?} during (p50 and p99); memory \
         {} MiB, halfway {} MiB, at the end {} MiB; store {} KiB; bans (a page at most) {}; wait {waiting}; \
         of {NEW} new phones all are listed",
        before.0,
        after.0,
        before.1 >> 10,
        halfway >> 10,
        after.1 >> 10,
        store >> 10,
        list["numrows"],
    );
    // Tables that are full grow no more; what is queued and buffered does for a while.
    assert!(after.1 < before.1 + 200 * 1024, "{} KiB, then {} KiB", before.1, after.1);
    // Beside what else runs on this machine; a flood that costs them anything costs more.
    let (before, after) = (before.0[0], after.0[0]);
    assert!(after < 5 * before + Duration::from_millis(1), "{before:?}, {after:?}");
}

/// The median, and what 99 in a hundred are below.
fn quantiles(mut times: Vec<Duration>) -> [Duration; 2] {
    times.sort_unstable();
    [times[times.len() / 2], times[times.len() * 99 / 100]]
}
