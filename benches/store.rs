//! Measures the store in a file alone: first contacts a second with 1, 64 and
//! 512 callers waiting, and how long all devices take to load.
//!
//! `cargo bench --bench store` or, for another number of devices to load,
//! `cargo bench --bench store -- 200000`. Works in the target directory, so
//! that it is a disk that is measured.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dialtone::domain::{Action, Device, Event, EventId, Mac, Sighting, Subject, Timestamp};
use dialtone::store::{Mutation, SqliteStore, Store};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

// What is measured has the allocator of the `dialtone` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// Each measurement of inserts goes on for this long.
const SPAN: Duration = Duration::from_secs(3);

#[derive(Clone, Copy)]
enum Contact {
    /// MACs as one delivery of phones has them.
    InOrder,
    /// MACs all over the 24 bits of a manufacturer: the worst for the tree.
    Scattered,
    /// Scattered, each with an audit event, as an operator makes a phone.
    WithEvent,
}

#[tokio::main]
async fn main() {
    // Cargo adds `--bench` to what it was given.
    let devices = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    println!("first contacts, one device with one phone each");
    for (name, contact) in [
        ("in order", Contact::InOrder),
        ("scattered", Contact::Scattered),
        ("scattered, with event", Contact::WithEvent),
    ] {
        for callers in [1, 64, 512] {
            insert(name, contact, callers).await;
        }
    }
    load(devices).await;
}

async fn insert(name: &str, contact: Contact, callers: u64) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let store = open(directory.path());
    let next = Arc::new(AtomicU64::new(0));
    let before = store.groups_written();
    let start = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (store, next) = (Arc::clone(&store), Arc::clone(&next));
            tokio::spawn(async move {
                let mut waits = Histogram::<u64>::new(3).expect("3 digits are allowed");
                while start.elapsed() < SPAN {
                    let mutations = first_contact(contact, next.fetch_add(1, Ordering::Relaxed));
                    let started = Instant::now();
                    store.commit(mutations, Vec::new()).await.expect("a new MAC");
                    waits.record(micros(started.elapsed())).expect("the histogram grows");
                }
                waits
            })
        })
        .collect();
    let mut waits = Histogram::<u64>::new(3).expect("3 digits are allowed");
    for task in tasks {
        waits.add(task.await.expect("the task finishes")).expect("equal ranges");
    }
    let (count, seconds) = (waits.len(), start.elapsed().as_secs_f64());
    let groups = store.groups_written() - before;
    store.close().await;
    println!(
        "  {name:22} {callers:4} callers {:8.0}/s  {:6.1} a group  wait p50 {:6} us  p99 {:6} us  max {:7} us",
        count as f64 / seconds,
        count as f64 / groups as f64,
        waits.value_at_quantile(0.5),
        waits.value_at_quantile(0.99),
        waits.max(),
    );
}

async fn load(devices: u64) {
    const BATCH: u64 = 1000;
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let store = open(directory.path());
    let start = Instant::now();
    for batch in 0..devices.div_ceil(BATCH) {
        let numbers = batch * BATCH..devices.min((batch + 1) * BATCH);
        let mutations = numbers.flat_map(|number| first_contact(Contact::Scattered, number));
        store.commit(mutations.collect(), Vec::new()).await.expect("new MACs");
    }
    store.close().await;
    println!(
        "{devices} devices written in {:.2} s, in commits of {BATCH}",
        start.elapsed().as_secs_f64()
    );
    let size = std::fs::metadata(directory.path().join("dialtone.db")).expect("the file").len();
    println!("  {:.0} MB, {} bytes a device", size as f64 / 1e6, size / devices.max(1));
    let start = Instant::now();
    let store = open(directory.path());
    println!("  opened in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let (mut read, mut after) = (0, None);
    loop {
        let page = store.devices_after(after, 512).await.expect("the devices");
        let Some(last) = page.last() else { break };
        after = Some(last.mac);
        read += page.len();
    }
    println!("  {read} loaded in {:.2} s", start.elapsed().as_secs_f64());
    store.close().await;
}

fn open(directory: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(&directory.join("dialtone.db"), NOW).expect("a new store"))
}

fn first_contact(contact: Contact, number: u64) -> Vec<Mutation> {
    let low = match contact {
        Contact::InOrder => number,
        // Odd, so that each number below 2^24 has its own place.
        Contact::Scattered | Contact::WithEvent => number.wrapping_mul(0x9e37_79b1) & 0xff_ffff,
    };
    let mac = Mac::from_bits(0x0004_1300_0000 | low);
    let sighting = Sighting {
        first: NOW,
        last: NOW,
        address: IpAddr::from([10, (number >> 16) as u8, (number >> 8) as u8, number as u8]),
        user_agent: "Mozilla/4.0 (compatible; snom320-SIP 8.7.5.35 1.1.3-IFX-26.11.09)".to_owned(),
        type_guess: Some("snom320".parse().expect("a key")),
        firmware: Some("8.7.5.35".to_owned()),
        certificate: None,
    };
    let device = Device::sighted(mac, "snom320".parse().expect("a key"), 1, sighting);
    let event = matches!(contact, Contact::WithEvent).then(|| Mutation::Append(created(mac)));
    std::iter::once(Mutation::PutDevice { device, expect: None }).chain(event).collect()
}

fn created(mac: Mac) -> Event {
    Event {
        id: EventId::NONE,
        at: NOW,
        who: "operator".to_owned(),
        from: "10.0.0.1".to_owned(),
        action: Action::Create,
        subject: Subject::Phone,
        name: mac.to_string(),
        company: String::new(),
        before: Value::Null,
        after: json!({"type": "snom320", "ports": 1}),
    }
}

fn micros(wait: Duration) -> u64 {
    u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)
}
