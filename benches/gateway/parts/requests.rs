//! One known phone's file of about 8 KB over HTTP, 64 connections.

use super::{Pair, wrk};
use crate::Bench;
use crate::client::{Asked, Connector};
use crate::figures::Figure;
use crate::lab::{DESK_AGENT, DESK_FILE};
use crate::process::Setup;

const UNITS: (&str, &str) = ("requests/s", "us of server CPU");

pub async fn run(bench: &Bench) -> Result<Vec<Figure>, String> {
    let gateway = bench.lab.gateway("requests", &Setup::default())?;
    let agent = format!("User-Agent: {DESK_AGENT}");
    let (mut own_tag, mut other_tag) = (String::new(), String::new());
    for (address, tag) in [(gateway.http, &mut own_tag), (bench.nginx.http, &mut other_tag)] {
        let connection = Connector::plain(address).open(0).await;
        let mut connection = connection.map_err(|error| error.to_string())?;
        let asked = Asked { target: DESK_FILE, agent: DESK_AGENT, close: true };
        let answer = connection.get(&asked).await.map_err(|error| error.to_string())?;
        let etag = answer.header("etag").ok_or("no entity tag")?;
        *tag = format!("If-None-Match: {etag}");
    }
    let close = "Connection: close".to_owned();
    let mut figures = Vec::new();
    for (what, rate, own, other) in [
        ("kept connections", 1.3, vec![], vec![]),
        ("a connection each", 1.0, vec![close.clone()], vec![close]),
        ("answered 304", 1.0, vec![own_tag], vec![other_tag]),
    ] {
        let mut pair = Pair::new("http", what, UNITS, Some(rate), None);
        for _ in 0..bench.rounds {
            let url = |address| format!("http://{address}{DESK_FILE}");
            let headers = [vec![agent.clone()], own.clone()].concat();
            pair.dialtone(wrk(url(gateway.http), &headers, bench, || gateway.cpu()).await?);
            let headers = [vec![agent.clone()], other.clone()].concat();
            pair.nginx(wrk(url(bench.nginx.http), &headers, bench, || bench.nginx.cpu()).await?);
        }
        figures.extend(pair.figures());
    }
    Ok(figures)
}
