//! One known phone's file of about 8 KB over HTTP, 64 connections.

use super::{Pair, wrk};
use crate::Bench;
use crate::client::{Connector, Get, patient};
use crate::figures::Figure;
use crate::lab::{DESK_AGENT, DESK_FILE};
use crate::process::Setup;

const UNITS: (&str, &str) = ("requests/s", "us of server CPU");

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>, String> {
    let gateway = bench.lab.gateway("requests", &Setup::default())?;
    let agent = format!("User-Agent: {DESK_AGENT}");
    let (mut own_tag, mut other_tag) = (String::new(), String::new());
    for (address, tag) in [(gateway.http, &mut own_tag), (bench.nginx.http, &mut other_tag)] {
        let get = Get { target: DESK_FILE, agent: DESK_AGENT, close: true };
        let answer = patient(async { Connector::plain(address).open(0).await?.get(&get).await });
        let answer = answer.await.map_err(|error| error.to_string())?;
        let etag = answer.header("etag").ok_or("no entity tag")?;
        *tag = format!("If-None-Match: {etag}");
    }
    let close = "Connection: close".to_owned();
    let url = |address| format!("http://{address}{DESK_FILE}");
    let mut figures = Vec::new();
    for (what, rate, own, other) in [
        ("kept connections", 1.3, vec![], vec![]),
        ("a connection each", 1.0, vec![close.clone()], vec![close]),
        ("answered 304", 1.0, vec![own_tag], vec![other_tag]),
    ] {
        let mut pair = Pair::new("http", what, UNITS, Some(rate), None);
        let remembering = format!("{what}, nginx keeps files open");
        let mut second = Pair::new("http", &remembering, UNITS, None, None);
        let headers = |own: &[String]| [std::slice::from_ref(&agent), own].concat();
        let nginx = &bench.nginx;
        for _ in 0..bench.rounds {
            let own = wrk(url(gateway.http), &headers(&own), bench, || gateway.cpu()).await?;
            pair.dialtone(own);
            second.dialtone(own);
            let other = headers(&other);
            pair.nginx(wrk(url(nginx.http), &other, bench, || nginx.cpu()).await?);
            second.nginx(wrk(url(nginx.remembering), &other, bench, || nginx.cpu()).await?);
        }
        figures.extend(pair.figures());
        figures.extend(second.figures());
    }
    Ok(figures)
}
