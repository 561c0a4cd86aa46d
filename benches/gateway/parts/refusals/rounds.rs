//! The measurement: all states of one shape over one kind of connection, in random order, from one
//! attacker's address after the other.

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use dialtone::domain::Mac;
use futures_util::future::try_join_all;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::shape::{Nonce, Shape, comparable};
use super::state::State;
use super::way::Way;
use crate::client::{Connection, patient};

/// Samples of a state that an attacker's address takes, and one before them that warms up. With the
/// known phones that are asked for as well these are fewer MACs than a sweep is made of.
const PER_ADDRESS: usize = 4;

/// Those that are asked at a time where each waits some twenty milliseconds.
const WAITING: usize = 16;

/// All samples of one way and shape.
pub(super) struct Sampled {
    /// By state: microseconds, in the order in which they were taken.
    pub times: Vec<Vec<f64>>,
    /// By state: a MAC that was asked for.
    pub macs: Vec<Option<Mac>>,
}

/// What goes on from one way to the next.
#[derive(Default)]
pub(super) struct Counters {
    /// Numbers of unknown MACs: none comes twice.
    strangers: AtomicU64,
    /// Attackers, each from a /24 of its own.
    attackers: AtomicU32,
}

impl Counters {
    fn attacker(&self) -> Ipv4Addr {
        let [.., high, low] = self.attackers.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        // 127.2.0.1 to 127.127.255.1, which may ask and are watched.
        Ipv4Addr::new(127, 2 + high % 126, low, 1)
    }
}

/// One state's connection.
struct Open {
    state: State,
    connection: Connection,
    nonce: Nonce,
    /// The one it named last.
    mac: Option<Mac>,
}

pub(super) struct Rounds<'a> {
    pub way: &'a Way,
    pub shape: Shape,
    pub status: u16,
    pub states: Vec<State>,
    pub counters: &'a Counters,
    /// What all answers are, but for their date and nonce.
    pub answer: &'a Mutex<Option<String>>,
}

impl Rounds<'_> {
    pub(super) async fn take(&self, samples: usize) -> Result<Sampled, String> {
        let addresses = samples.div_ceil(PER_ADDRESS);
        let lanes = if self.shape.waits() { WAITING } else { 1 };
        let states = self.states.len();
        let sampled = Sampled { times: vec![Vec::new(); states], macs: vec![None; states] };
        let sampled = Mutex::new(sampled);
        let lane = async |lane: usize| {
            let mut random = StdRng::seed_from_u64(lane as u64);
            for _ in (lane..addresses).step_by(lanes) {
                self.attack(&mut random, &sampled).await?;
            }
            Ok::<_, String>(())
        };
        try_join_all((0..lanes).map(lane)).await?;
        sampled.into_inner().map_err(|error| error.to_string())
    }

    /// All states from one attacker's address.
    async fn attack(&self, random: &mut StdRng, sampled: &Mutex<Sampled>) -> Result<(), String> {
        let attacker = self.counters.attacker();
        let mut open = Vec::with_capacity(self.states.len());
        for &state in &self.states {
            let connection = self.way.open(state, attacker).await?;
            let mut one = Open { state, connection, nonce: Nonce::default(), mac: None };
            let (_, answer) = self.ask(&mut one).await?;
            // A first request shows no digest, as there is none to answer.
            one.nonce = Nonce::of(&answer).unwrap_or_default();
            open.push(one);
        }
        let mut order: Vec<usize> = (0..open.len()).collect();
        for _ in 0..PER_ADDRESS {
            order.shuffle(random);
            for &at in &order {
                let one = &mut open[at];
                if !self.way.kept {
                    one.connection = self.way.open(one.state, attacker).await?;
                }
                let (took, answer) = self.ask(one).await?;
                self.compare(one.state, &answer)?;
                let mut sampled = sampled.lock().map_err(|error| error.to_string())?;
                sampled.times[at].push(took);
                sampled.macs[at] = open[at].mac;
            }
        }
        Ok(())
    }

    /// Microseconds from request to refusal, and the refusal.
    async fn ask(&self, one: &mut Open) -> Result<(f64, Vec<u8>), String> {
        let number = self.counters.strangers.fetch_add(1, Ordering::Relaxed);
        one.mac = one.state.mac(number);
        let request = self.shape.request(one.mac, &mut one.nonce);
        let began = Instant::now();
        let answer = patient(one.connection.exchange(&request)).await;
        let took = began.elapsed().as_secs_f64() * 1e6;
        let answer = answer.map_err(|error| self.failed(one.state, &error.to_string()))?;
        Ok((took, answer))
    }

    fn compare(&self, state: State, answer: &[u8]) -> Result<(), String> {
        let answer = comparable(answer);
        let mut all = self.answer.lock().map_err(|error| error.to_string())?;
        let expected = all.get_or_insert_with(|| answer.clone());
        let status = format!("HTTP/1.1 {} ", self.status);
        if *expected != answer || !answer.starts_with(&status) || answer.contains("stale") {
            return Err(self.failed(state, &format!("{answer:?}, not {expected:?}")));
        }
        Ok(())
    }

    fn failed(&self, state: State, why: &str) -> String {
        format!("{}, {}, {}: {why}", self.way.name, self.shape.name(), state.name())
    }
}
