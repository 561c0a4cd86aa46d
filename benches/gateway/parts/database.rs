//! A gateway whose registry is in a PostgreSQL of its own on this machine, beside one whose registry is
//! in a file.

use std::sync::Arc;

use dialtone::store::PostgresStore;

use super::{strangers, wrk};
use crate::Bench;
use crate::figures::{Better, Figure, Goal};
use crate::lab::{self, DESK_AGENT, DESK_FILE};
use crate::process::{Gateway, Setup};
use crate::server::Cluster;

/// A known phone costs what it costs with a file, and three in a hundred more: it is answered from
/// memory.
const MOST: f64 = 1.03;

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>, String> {
    let server = Cluster::start("");
    let mut figures = known(bench, &server).await?;
    figures.extend(unknown(bench, &server).await?);
    Ok(figures)
}

fn figure(what: &str, unit: &'static str, better: Better) -> Figure {
    Figure::new("database", what, unit, better)
}

async fn known(bench: &Bench, server: &Cluster) -> Result<Vec<Figure>, String> {
    let database = server.database();
    let url = database.parse().map_err(|error| format!("{database}: {error}"))?;
    let store = PostgresStore::open(url, lab::NOW).await.map_err(|error| error.to_string())?;
    lab::fill_with_desk(Arc::new(store)).await?;
    let in_database = Setup { store: Some(database), ..Setup::default() };
    let in_database = bench.lab.empty_gateway("database", &in_database)?;
    let in_file = bench.lab.gateway("file", &Setup::default())?;
    let agent = format!("User-Agent: {DESK_AGENT}");
    let mut figures = Vec::new();
    for (what, close) in [("kept connections", None), ("a connection each", Some("close"))] {
        let closing = close.map(|close| format!("Connection: {close}"));
        let headers: Vec<String> = std::iter::once(agent.clone()).chain(closing).collect();
        let [mut file, mut other] = ["in a file", "in a database"].map(|place| {
            let what = format!("known phone, {what}, registry {place}");
            figure(&what, "us of server CPU", Better::Lower)
        });
        let mut times =
            figure(&format!("known phone, {what}, against a file"), "times", Better::Lower)
                .wanted(Goal::AtMost(MOST));
        for _ in 0..bench.rounds {
            let file_cost = cost(&in_file, &headers, bench).await?;
            let other_cost = cost(&in_database, &headers, bench).await?;
            file.dialtone.push(file_cost);
            other.dialtone.push(other_cost);
            times.dialtone.push(other_cost / file_cost);
        }
        figures.extend([file, other, times]);
    }
    Ok(figures)
}

/// Microseconds of the gateway's processor time for one request.
async fn cost(gateway: &Gateway, headers: &[String], bench: &Bench) -> Result<f64, String> {
    let url = format!("http://{}{DESK_FILE}", gateway.http);
    let measured = wrk(url, headers, bench, || gateway.cpu()).await?;
    Ok(measured.cpu * 1e6 / measured.count as f64)
}

async fn unknown(bench: &Bench, server: &Cluster) -> Result<Vec<Figure>, String> {
    let mut rate = figure("unknown phones recorded", "a second", Better::Higher)
        .wanted(Goal::AtLeast(20_000.0));
    let mut refused = figure("unknown phones refused meanwhile", "a second", Better::Higher);
    for _ in 0..bench.rounds {
        let setup = Setup { store: Some(server.database()), ..Setup::default() };
        let gateway = bench.lab.empty_gateway("unknown", &setup)?;
        let (recorded, measured, _) = strangers::storm(&gateway, bench.span).await?;
        rate.dialtone.push(recorded);
        refused.dialtone.push(measured.per_second);
    }
    Ok(vec![rate, refused])
}
