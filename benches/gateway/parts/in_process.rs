//! What the steps of a request cost without network and HTTP, in processor time of one thread.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use dialtone::ambient::SystemClock;
use dialtone::catalogue::{Catalogue, Request, Sources, Target};
use dialtone::domain::Mac;
use dialtone::provision::{Fetch, Provision, Provisioner, Reply, Sent};
use dialtone::registry::{Quota, Registry};
use dialtone::store::{MemoryStore, Mutation, Store};
use rustix::time::{ClockId, clock_gettime};
use tokio_util::sync::CancellationToken;

use crate::Bench;
use crate::figures::{Better, Figure};
use crate::lab::{DESK_AGENT, DESK_FILE, DESK_MAC, Example, NOW, device};

const PART: &str = "in process";

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>, String> {
    let catalogue = Catalogue::load(&Sources::default()).map_err(|error| error.to_string())?;
    let catalogue = Arc::new(catalogue);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(NOW));
    let mac = Mac::from_bits(DESK_MAC);
    let write = Mutation::PutDevice { device: device(mac, &Example::desk()?), expect: None };
    store.commit(vec![write], Vec::new()).await.map_err(|error| error.to_string())?;
    let quota = Quota {
        inactive_devices: 0,
        new_macs_per_address_per_hour: 0,
        inactive_max_age_s: i64::MAX,
    };
    let opened = Registry::open(store, catalogue.clone(), Arc::new(SystemClock), quota).await;
    let (registry, background) = opened.map_err(|error| error.to_string())?;
    let registry = Arc::new(registry);
    tokio::spawn(background.run(registry.clone(), CancellationToken::new()));

    let span = bench.span / 4;
    let target = Target::parse(DESK_FILE);
    let composition = registry.composition(&catalogue, mac).ok_or("the phone is not known")?;
    let (phone_type, file, path) = composition.file(&target).ok_or("the phone has no such file")?;
    let input =
        composition.input(phone_type, file, path.clone()).map_err(|error| error.to_string())?;
    let family = catalogue.family_of(phone_type);
    let render = || catalogue.render(family, Some(phone_type), file, input.clone());
    let body = render().map_err(|error| error.to_string())?.body;

    let ns = |what: &str, cost: f64| Figure::new(PART, what, "ns", Better::Lower).of(cost);
    let mut figures = vec![
        ns("path taken apart", cost(span, || Target::parse(black_box(DESK_FILE)))),
        ns(
            "identify",
            cost(span, || {
                catalogue.identify(Request {
                    target: black_box(&target),
                    user_agent: Some(DESK_AGENT),
                    headers: &[],
                })
            }),
        ),
        ns("look up in the index, with version", cost(span, || registry.known(black_box(mac)))),
        ns(
            "take the device and what it is made of",
            cost(span, || registry.composition(&catalogue, mac)),
        ),
        ns("find the file", cost(span, || composition.file(black_box(&target)))),
        ns(
            "resolve the settings",
            cost(span, || composition.input(phone_type, file, path.clone())),
        ),
        ns(&format!("render {} bytes", body.len()), cost(span, render)),
    ];
    for (what, bytes) in
        [("whole request, rendered anew", 0), ("whole request, from the cache", 1 << 20)]
    {
        let provisioner = Provisioner::new(registry.clone(), bytes);
        answered(&provisioner)?;
        let cost = cost(span, || answered(&provisioner)) / 1e3;
        figures.push(Figure::new(PART, what, "us", Better::Lower).of(cost));
    }
    Ok(figures)
}

fn answered(provisioner: &Provisioner) -> Result<(), String> {
    let fetch = Fetch {
        user_agent: Some(DESK_AGENT.to_owned()),
        ..Fetch::new(DESK_FILE.to_owned(), [10, 0, 0, 1].into())
    };
    let mut answering = std::pin::pin!(provisioner.fetch(fetch));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    // A known phone's request waits for nothing.
    match answering.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Reply::File(Sent { file, .. })) => {
            black_box(file);
            Ok(())
        }
        other => Err(format!("no file: {other:?}")),
    }
}

/// Nanoseconds of processor time of one call: the median of ten goes of `span` in all.
fn cost<T>(span: Duration, mut call: impl FnMut() -> T) -> f64 {
    const GOES: u32 = 10;
    let mut goes: Vec<f64> = (0..GOES)
        .map(|_| {
            let (began, mut calls) = (thread_time(), 0_u32);
            loop {
                for _ in 0..16 {
                    black_box(call());
                }
                calls += 16;
                let took = thread_time() - began;
                if took >= span / GOES {
                    return took.as_nanos() as f64 / f64::from(calls);
                }
            }
        })
        .collect();
    goes.sort_by(f64::total_cmp);
    goes[goes.len() / 2]
}

pub(super) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
