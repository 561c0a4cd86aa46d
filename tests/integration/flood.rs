//! A flood of random MACs from many addresses: what it costs memory, database and phones that are
//! known, and whether a new phone still gets onto the list.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
const T46G: &str = "Yealink SIP-T46G 28.83.0.120 00:15:65:4a:a9:37";

fn fetch(address: IpAddr, target: String, user_agent: Option<&str>) -> Fetch {
    Fetch {
        target,
        user_agent: user_agent.map(str::to_owned),
        headers: Vec::new(),
        address,
        is_head: false,
        is_tls: false,
        is_allowed: true,
        certificate: None,
        authorization: None,
        unfit: "",
        is_challenged: false,
    }
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
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let before = (median((0..501).map(|_| phone()).collect()), resident());

    let mut random = StdRng::seed_from_u64(7);
    let agents = [None, Some("curl/8.5.0"), Some("FileTransport PolycomVVX-VVX_400-UA/4.1.4.7430")];
    let ouis = [0x00_04_f2_u64, 0x80_5e_c0, 0x00_15_65];
    let mut during = Vec::new();
    let mut halfway = 0;
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
    gateway.settle();
    // Somebody new, from a network that was not in it.
    let new = fetch([192, 0, 2, 1].into(), "/0004f2abcdef.cfg".to_owned(), None);
    runtime.block_on(provisioner.fetch(new));
    gateway.settle();
    assert!(registry.known("0004f2abcdef".parse().unwrap()).is_some(), "it is listed");
    let waiting = registry.waiting_status().devices;
    assert!(waiting <= ROOM, "{waiting}");

    let after = (median(during), resident());
    let file = gateway.dir().join("dialtone.db").metadata().expect("there is one").len();
    let list = gateway.done("read", json!({ "type": "ban", "scope": { "limit": 1000 } }));
    println!(
        "{requests} requests: a known phone {:?} before, {:?} during; memory {} MiB, halfway {} MiB, \
         at the end {} MiB; file {} MiB; bans (a page at most) {}; wait {waiting}",
        before.0,
        after.0,
        before.1 >> 10,
        halfway >> 10,
        after.1 >> 10,
        file >> 20,
        list["numrows"],
    );
    // Tables that are full grow no more; what is queued and buffered does for a while.
    assert!(after.1 < before.1 + 200 * 1024, "{} KiB, then {} KiB", before.1, after.1);
    // Beside what else runs on this machine; a flood that costs them anything costs more.
    assert!(after.0 < 5 * before.0 + Duration::from_millis(1), "{:?}, {:?}", before.0, after.0);
}
