//! Measures a store alone: first contacts a second with 1, 64, 512 and 4,096 callers waiting, and how
//! long all devices take to load; of a database also how long a commit takes to be heard of.
//!
//! `cargo bench --bench store` measures the one in a file, `cargo bench --bench store -- postgres`
//! the one in a database, with a server of its own on this machine; another number of devices to load
//! may follow. Both keep their data in the target directory or, what is a server's, in TMPDIR: so
//! that it is a disk that is measured.

#[allow(dead_code, reason = "tests use the rest")]
#[path = "../tests/support/postgres/mod.rs"]
mod server;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dialtone::domain::Revision;
use dialtone::domain::{Action, Device, Event, EventId, Mac, Sighting, Subject, Timestamp};
use dialtone::store::{Changes, Mutation, PostgresStore, SqliteStore, Store};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tempfile::TempDir;

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
    let place = if std::env::args().any(|arg| arg == "postgres") {
        Place::Database(server::Cluster::start(""))
    } else {
        Place::File
    };
    println!("first contacts, one device with one phone each");
    for (name, contact) in [
        ("in order", Contact::InOrder),
        ("scattered", Contact::Scattered),
        ("scattered, with event", Contact::WithEvent),
    ] {
        for callers in [1, 64, 512, 4096] {
            insert(&place, name, contact, callers).await;
        }
    }
    load(&place, devices).await;
    if let Place::Database(server) = &place {
        hear(server).await;
    }
}

/// Where the stores are that are measured.
enum Place {
    File,
    Database(server::Cluster),
}

/// A new store of that place, to be opened more than once.
enum New {
    File(TempDir),
    Database(String),
}

/// A store that tells how many groups it wrote.
#[derive(Clone)]
enum Opened {
    File(Arc<SqliteStore>),
    Database(Arc<PostgresStore>),
}

impl Place {
    fn new_store(&self) -> New {
        match self {
            Place::File => {
                New::File(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory"))
            }
            Place::Database(server) => New::Database(server.database()),
        }
    }
}

impl New {
    async fn open(&self) -> Opened {
        match self {
            New::File(directory) => {
                let path = directory.path().join("dialtone.db");
                Opened::File(Arc::new(SqliteStore::open(&path, NOW).expect("a new store")))
            }
            New::Database(url) => {
                let url = url.parse().expect("a URL");
                let store = PostgresStore::open(url, NOW).await.expect("a new store");
                Opened::Database(Arc::new(store))
            }
        }
    }
}

impl Opened {
    fn groups_written(&self) -> u64 {
        match self {
            Opened::File(store) => store.groups_written(),
            Opened::Database(store) => store.groups_written(),
        }
    }
}

impl std::ops::Deref for Opened {
    type Target = dyn Store;

    fn deref(&self) -> &(dyn Store + 'static) {
        match self {
            Opened::File(store) => &**store,
            Opened::Database(store) => &**store,
        }
    }
}

async fn insert(place: &Place, name: &str, contact: Contact, callers: u64) {
    let place = place.new_store();
    let store = place.open().await;
    let next = Arc::new(AtomicU64::new(0));
    let before = store.groups_written();
    let start = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (store, next) = (store.clone(), Arc::clone(&next));
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

async fn load(place: &Place, devices: u64) {
    const BATCH: u64 = 1000;
    let place = place.new_store();
    let store = place.open().await;
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
    if let New::File(directory) = &place {
        let size = std::fs::metadata(directory.path().join("dialtone.db")).expect("the file").len();
        println!("  {:.0} MB, {} bytes a device", size as f64 / 1e6, size / devices.max(1));
    }
    let start = Instant::now();
    let store = place.open().await;
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

/// From when a commit was acknowledged at one gateway until another one has read it, under commits of
/// 32 callers.
async fn hear(server: &server::Cluster) {
    let place = New::Database(server.database());
    let (store, other) = (place.open().await, place.open().await);
    let start = store.head().await.expect("the head");
    let (told, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let callers: Vec<_> = (0..32)
        .map(|_| {
            let (store, next, told) = (store.clone(), Arc::clone(&next), told.clone());
            tokio::spawn(async move {
                while began.elapsed() < SPAN {
                    let contact =
                        first_contact(Contact::Scattered, next.fetch_add(1, Ordering::Relaxed));
                    let revision = store.commit(contact, Vec::new()).await.expect("a new MAC");
                    told.send((revision, Instant::now())).expect("it is waited for");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        })
        .collect();
    drop(told);
    let mut arrived: Vec<(Revision, Instant)> = Vec::new();
    let mut after = start;
    while began.elapsed() < SPAN + Duration::from_secs(1) {
        let waiting = other.changed(after);
        let _ = tokio::time::timeout(Duration::from_secs(1), waiting).await;
        // As a gateway does, which lets some come together.
        tokio::time::sleep(Duration::from_millis(20)).await;
        while let Ok(Changes::Page(changes, end)) = other.changes(after, 512).await {
            after = end;
            arrived.push((end, Instant::now()));
            if changes.is_empty() {
                break;
            }
        }
    }
    let mut delays = Histogram::<u64>::new(3).expect("3 digits are allowed");
    while let Some((revision, at)) = acknowledged.recv().await {
        let place = arrived.partition_point(|(end, _)| *end < revision);
        let heard = arrived.get(place).map_or(Instant::now(), |(_, heard)| *heard);
        delays.record(micros(heard.saturating_duration_since(at))).expect("the histogram grows");
    }
    for caller in callers {
        caller.await.expect("the task finishes");
    }
    println!(
        "{} commits heard of at another handle: p50 {} us  p99 {} us  max {} us",
        delays.len(),
        delays.value_at_quantile(0.5),
        delays.value_at_quantile(0.99),
        delays.max(),
    );
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
