//! What a refusal costs without network and HTTP, in processor time of the thread that answers:
//! where a difference comes from, with nothing else in the way.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use dialtone::ambient::{SystemClock, SystemRandom};
use dialtone::catalogue::{Catalogue, Sources};
use dialtone::domain::{Mac, PhoneId, Port};
use dialtone::provision::{Fetch, Provision, Provisioner, Reply};
use dialtone::registry::{
    Actor, NewBan, NewCompany, NewPhone, Quota, Registry, RegistryError, ScanOptions,
};
use dialtone::store::{MemoryStore, Mutation, Store};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::shape::Shape;
use super::state::{self, State};
use crate::figures::{Better, Figure, median};
use crate::lab::{Example, FOUR_AGENT, NOW, device};
use crate::parts::in_process::thread_time;

const PART: &str = "refusals, in process";

/// Requests of one address, as in the measurement over the network; what they bring is recorded
/// before the next.
const PER_ADDRESS: u64 = 4;

pub(super) async fn run(addresses: usize) -> Result<Vec<Figure>, String> {
    let provisioner = prepare().await?;
    let states = [
        State::FirstContact,
        State::Inactive,
        State::NotAdmitted,
        State::NoSuchFile,
        State::BannedActive,
        State::BannedUnknown,
    ];
    let mut figures = Vec::new();
    for shape in [Shape::Plain, Shape::FirstFile, Shape::WrongToken] {
        let states = states.iter().filter(|state| shape.can_be(**state));
        let states: Vec<State> = states.copied().collect();
        let mut costs = vec![Vec::with_capacity(addresses); states.len()];
        for address in 0..addresses as u64 {
            for (state, costs) in states.iter().zip(&mut costs) {
                costs.push(cost(&provisioner, shape, *state, address)?);
            }
            provisioner.1.flush_contacts().await;
        }
        for (state, costs) in states.iter().zip(&costs) {
            let what = format!("{}, {}", shape.name(), state.name());
            let figure = Figure::new(PART, what, "us", Better::Lower);
            figures.push(figure.of(median(costs).unwrap_or(f64::NAN)));
        }
    }
    Ok(figures)
}

async fn prepare() -> Result<(Provisioner, Arc<Registry>), String> {
    let catalogue = Catalogue::load(&Sources::default()).map_err(|error| error.to_string())?;
    let catalogue = Arc::new(catalogue);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(NOW));
    let four = Example::four()?;
    let phones = [State::NoSuchFile, State::BannedActive].map(|state| state.mac(0));
    let put = |mac| Mutation::PutDevice { device: device(mac, &four), expect: None };
    let phones = phones.into_iter().flatten().map(put).collect();
    store.commit(phones, Vec::new()).await.map_err(|error| error.to_string())?;
    let (clock, quota) = (Arc::new(SystemClock), Quota::default());
    let opened = Registry::open(store, catalogue, clock, quota).await;
    let (registry, background) = opened.map_err(|error| error.to_string())?;
    let registry = Arc::new(registry.with_scans(ScanOptions::default()));
    tokio::spawn(background.run(registry.clone(), CancellationToken::new()));
    settle(&registry, &four).await.map_err(|error| error.to_string())?;
    let provisioner = Provisioner::new(registry.clone(), Provisioner::RENDERED_BYTES);
    // It waits, and is at home elsewhere.
    cost(&(provisioner, registry.clone()), Shape::Plain, State::Inactive, 1 << 16)?;
    registry.flush_contacts().await;
    let provisioner = Provisioner::new(registry.clone(), Provisioner::RENDERED_BYTES);
    Ok((provisioner, registry))
}

/// The company that asks for more, its phone, and the ban.
async fn settle(registry: &Registry, four: &Example) -> Result<(), RegistryError> {
    let actor = Actor::Gateway;
    let company = NewCompany {
        id: "guarded".parse().expect("it is a name"),
        name: String::new(),
        settings: Some(json!({ "admission": { "require": ["token"] } })),
    };
    let id = company.id.clone();
    registry.create_company(&actor, company, &SystemRandom).await?;
    let phone = NewPhone {
        id: PhoneId { mac: Mac::from_bits(state::NOT_ADMITTED), port: Port::FIRST },
        name: None,
        company: id,
        phone_type: four.phone_type.parse().expect("an example names a type"),
        settings: None,
        other_maker: false,
    };
    registry.create_phone(&actor, phone).await?;
    let network = BANNED.parse().expect("it is a network");
    let ban = NewBan { network, lasts_s: 3_600, reason: String::new() };
    registry.create_ban(&actor, ban).await
}

const BANNED: &str = "10.255.0.1/32";

/// Microseconds of one refusal, on the average of some that come from one address.
fn cost(
    (provisioner, _): &(Provisioner, Arc<Registry>),
    shape: Shape,
    state: State,
    address: u64,
) -> Result<f64, String> {
    let [.., high, low] = address.to_be_bytes();
    let from = match state {
        State::BannedActive | State::BannedUnknown => [10, 255, 0, 1],
        // Each from a network of its own, of each shape others.
        _ => [10 + shape as u8, high, low, 1],
    };
    let fetches: Vec<Fetch> = (0..=PER_ADDRESS)
        .map(|number| {
            let number = (shape as u64) << 20 | (address * (PER_ADDRESS + 1) + number);
            fetch(shape.target(state.mac(number)), from)
        })
        .collect();
    let mut began = thread_time();
    for (number, fetch) in fetches.into_iter().enumerate() {
        if number == 1 {
            // The first is the address's first as well.
            began = thread_time();
        }
        let mut answering = pin!(provisioner.fetch(fetch));
        match answering.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Reply::Refused) => {}
            other => return Err(format!("{}: {other:?}", state.name())),
        }
    }
    Ok((thread_time() - began).as_nanos() as f64 / 1e3 / PER_ADDRESS as f64)
}

fn fetch(target: String, address: [u8; 4]) -> Fetch {
    Fetch { user_agent: Some(FOUR_AGENT.to_owned()), ..Fetch::new(target, address.into()) }
}
