//! Phones against a small server of the tests' own, over real sockets.

mod gateway;
mod holding;
mod outcomes;
mod scenarios;
mod secured;

use std::sync::Arc;
use std::time::Duration;

use super::dial::{DialOptions, Dialer};
use super::fleet::{Fleet, Plan, parse_mix};
use super::gateway_url::GatewayUrl;
use super::lab::{Lab, phones};
use super::phone::{Habits, Phone};
use super::progress::ProgressDisplay;
use super::tls::FleetTls;
use crate::catalogue::{Catalogue, Sources};

/// Three families made for these tests.
pub(super) fn catalogue() -> Catalogue {
    let templates_dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = Sources {
        templates_dir: Some(templates_dir.join("src/simulator/tests/families")),
        without_built_in: true,
        ..Sources::default()
    };
    Catalogue::load(&sources).unwrap_or_else(|error| panic!("{error}"))
}

/// A lab and its phones; retries are immediate.
async fn lab(url: &str, count: usize, mix: &str, tls: Option<&FleetTls>) -> (Arc<Lab>, Vec<Phone>) {
    let plan = Plan { phones: count, mix: parse_mix(mix).unwrap(), seed: 5 };
    let fleet = Fleet::build(&catalogue(), &plan).unwrap();
    let phones = phones(&fleet, 5, tls).unwrap();
    let target = GatewayUrl::resolve(url, false).await.unwrap();
    let options = DialOptions { connections: 16, ..DialOptions::default() };
    let dialer = Dialer::new(vec![target], options).unwrap();
    let habits = Habits { retry_delay: Some(Duration::ZERO), ..Habits::default() };
    let lab = Lab {
        dialer,
        habits,
        live: Arc::default(),
        seed: 5,
        files: fleet.files,
        outcomes: None,
        progress: ProgressDisplay::Off,
    };
    (Arc::new(lab), phones)
}
