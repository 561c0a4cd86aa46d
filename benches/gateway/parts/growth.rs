//! The same gateway with a thousand, a hundred thousand and a million known phones: what
//! each costs in memory, and what gets slower.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialtone::domain::settings::Layer;
use dialtone::domain::{Device, Mac, Sighting};
use serde_json::json;

use super::strangers::Stranger;
use crate::Bench;
use crate::client::{Connection, Connector, Get, patient};
use crate::figures::{Better, Figure, Goal};
use crate::lab::{Example, NOW, device, seed};
use crate::load::{Boots, Client, Until, expect};
use crate::process::{Gateway, Setup};

/// Every second phone is active, with a line of its own; the others were only seen.
const TYPE: &str = "t46g";
const AGENT: &str = "Yealink SIP-T46G 28.83.0.120";
const BLOCK: u64 = 0x0015_6500_0000;

/// Known phones that are asked for, spread over all.
const ASKED: u64 = 1_000;

const CALLERS: usize = 512;

/// Phones at a time, before memory is weighed.
const PASSING: usize = 16;

/// Longer than the allocator waits, which is a second.
const SETTLING: Duration = Duration::from_secs(3);

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>, String> {
    let empty = bench.lab.empty_gateway("empty", &Setup::default())?.memory();
    let sizes: &[u64] = if bench.quick { &[1_000, 100_000] } else { &[1_000, 100_000, 1_000_000] };
    let mut figures = Vec::new();
    for &phones in sizes {
        figures.extend(of_size(bench, phones, empty).await?);
    }
    Ok(figures)
}

async fn of_size(bench: &Bench, phones: u64, empty: u64) -> Result<Vec<Figure>, String> {
    let named = match phones {
        1_000 => "1,000 phones",
        100_000 => "100,000 phones",
        _ => "1,000,000 phones",
    };
    let figure = |what: &str, unit| Figure::new(named, what, unit, Better::Lower);
    let folder = bench.lab.folder(&format!("growth-{phones}"))?;
    let database = folder.join("dialtone.db");
    let began = Instant::now();
    seed(&database, devices(phones)).await?;
    let seeding = began.elapsed().as_secs_f64();
    let bytes = std::fs::metadata(&database).map_err(|error| error.to_string())?.len();
    let gateway = Gateway::start(&bench.lab.dialtone, &folder, &Setup::default())?;
    // What starting took and freed goes back to the system with a delay, and when
    // something happens: phones come by, each with a connection of its own.
    let passing = Boots {
        connector: Connector::plain(gateway.http),
        phones: Arc::new(vec![vec![format!("/{}.cfg", Mac::from_bits(BLOCK))]]),
        agent: AGENT,
    };
    crate::load::run(vec![passing; PASSING], Until::Past(SETTLING)).await?;
    let memory = gateway.memory().saturating_sub(empty);

    let mut start = figure("from start to ready", "s");
    let mut each = figure("memory, each", "bytes");
    // The smaller the gateway, the more of this is noise.
    if phones > 1_000 {
        each = each.wanted(Goal::AtMost(300.0));
    }
    if phones == 1_000_000 {
        start = start.wanted(Goal::AtMost(3.0));
    }
    let mut figures = vec![
        figure("written by the library, a thousand a commit", "s").of(seeding),
        figure("in the file, each", "bytes").of(bytes as f64 / phones as f64),
        start.of(gateway.started_in.as_secs_f64()),
        each.of(memory as f64 / phones as f64),
    ];
    let connector = Connector::plain(gateway.http);
    let client = || vec![Known { connector: connector.clone(), connection: None, phones }];
    // The first time around renders.
    crate::load::run(client(), Until::Count(ASKED)).await?;
    let known = crate::load::run(client(), Until::Past(bench.span)).await?;
    for (what, quantile) in [("known phone, p50", 0.5), ("known phone, p99", 0.99)] {
        let us = known.waits.value_at_quantile(quantile) as f64;
        figures.push(figure(what, "us").of(us));
    }
    for list in ["inactive", "active"] {
        let (seconds, bytes) = listing(&gateway, list).await?;
        figures.push(figure(&format!("{list} list"), "s").of(seconds));
        figures.push(figure(&format!("{list} list"), "MB").of(bytes as f64 / 1e6));
    }
    let macs = Arc::default();
    let stranger = || Stranger::new(connector.clone(), Arc::clone(&macs));
    let strangers: Vec<Stranger> = (0..CALLERS).map(|_| stranger()).collect();
    let recorded = crate::load::run(strangers, Until::Past(bench.span)).await?;
    let rate = Figure::new(named, "unknown phones recorded", "requests/s", Better::Higher);
    figures.push(rate.of(recorded.per_second()));
    Ok(figures)
}

fn devices(phones: u64) -> impl Iterator<Item = Device> {
    (0..phones).map(|number| {
        let mac = Mac::from_bits(BLOCK + number);
        if number % 2 == 0 {
            let line = json!({ "lines": { "1": {
                "user": number.to_string(), "password": format!("p{number:012}"),
                "registrar": "sip.example.com",
            } } });
            let settings = Layer::parse(&line).expect("the settings of a line");
            return device(mac, &Example { phone_type: TYPE.to_owned(), settings });
        }
        let sighting = Sighting {
            first: NOW,
            last: NOW,
            address: IpAddr::from([10, (number >> 16) as u8, (number >> 8) as u8, number as u8]),
            user_agent: AGENT.to_owned(),
            type_guess: Some(TYPE.parse().expect("a type")),
            firmware: Some("28.83.0.120".to_owned()),
            certificate: None,
        };
        Device::sighted(mac, TYPE.parse().expect("a type"), 1, sighting)
    })
}

/// One client that asks for active phones from everywhere in the table.
struct Known {
    connector: Connector,
    connection: Option<Connection>,
    phones: u64,
}

impl Client for Known {
    async fn turn(&mut self, number: u64) -> io::Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            closed => closed.insert(self.connector.open(number).await?),
        };
        let step = (self.phones / ASKED).max(2) & !1;
        let mac = Mac::from_bits(BLOCK + number % ASKED * step % self.phones);
        let target = format!("/{mac}.cfg");
        expect(connection, &Get { target: &target, agent: AGENT, close: false }, 200).await
    }
}

/// Seconds and bytes of a whole list, as an operator asks for it.
async fn listing(gateway: &Gateway, list: &str) -> Result<(f64, usize), String> {
    let admin: SocketAddr = gateway.admin;
    let body = json!({ "type": "phone", "auth": { "type": "auth", "key": gateway.key } });
    let asking = async {
        let mut connection = Connector::plain(admin).open(0).await?;
        let began = Instant::now();
        let path = format!("/rest/dialplan/{list}");
        let answer = connection.post(&path, &body.to_string()).await?;
        io::Result::Ok((began.elapsed().as_secs_f64(), answer))
    };
    let (seconds, answer) = patient(asking).await.map_err(|error| format!("{list}: {error}"))?;
    // The head of it: an answer of 50 MB is not read again.
    let start = String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)]).into_owned();
    if answer.status != 200 || start.contains("\"error\"") {
        return Err(format!("{list}: status {}: {start}", answer.status));
    }
    Ok((seconds, answer.body.len()))
}
