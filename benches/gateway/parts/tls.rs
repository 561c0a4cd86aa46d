//! A new TLS 1.3 connection for each request of the same file.

use std::sync::Arc;

use dialtone::domain::Mac;
use dialtone::simulator::lab_ca::LabCa;
use dialtone::simulator::tls::{FleetTls, Trust, Versions};
use rustls::ClientConfig;

use super::{Pair, load, wrk};
use crate::Bench;
use crate::client::Connector;
use crate::figures::Figure;
use crate::lab::{DESK_AGENT, DESK_FILE, DESK_MAC};
use crate::load::{Boots, Until};

pub const UNITS: (&str, &str) = ("connections/s", "us of server CPU");

pub async fn run(bench: &Bench) -> Result<Vec<Figure>, String> {
    let mut figures = Vec::new();
    let headers = [format!("User-Agent: {DESK_AGENT}"), "Connection: close".to_owned()];
    for (what, times, setup, other) in [
        ("ECDSA P-256", 2.5, bench.lab.ecdsa(), bench.nginx.ecdsa),
        ("RSA 2048", 1.5, bench.lab.rsa(), bench.nginx.rsa),
    ] {
        let gateway = bench.lab.gateway("tls", &setup)?;
        let own = gateway.https.ok_or("no https listener")?;
        let mut pair = Pair::new("tls", what, UNITS, None, Some(times));
        for _ in 0..bench.rounds {
            let url = |address| format!("https://{address}{DESK_FILE}");
            pair.dialtone(wrk(url(own), &headers, bench, || gateway.cpu()).await?);
            pair.nginx(wrk(url(other), &headers, bench, || bench.nginx.cpu()).await?);
        }
        figures.extend(pair.figures());
    }
    figures.extend(mutual(bench).await?);
    Ok(figures)
}

/// Every client has a certificate, each another one.
async fn mutual(bench: &Bench) -> Result<[Figure; 2], String> {
    let ca = LabCa::load(&bench.lab.ca()).map_err(|error| error.to_string())?;
    let fleet = client_tls(Some(ca))?;
    let phones = (0..64).map(|number| fleet.of(Mac::from_bits(DESK_MAC + number)));
    let phones: Vec<Arc<ClientConfig>> =
        phones.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let gateway = bench.lab.gateway("mutual", &bench.lab.mutual())?;
    let own = gateway.https.ok_or("no https listener")?;
    let files = Arc::new(vec![vec![DESK_FILE.to_owned()]]);
    let mut pair = Pair::new("tls", "client certificates", UNITS, None, Some(2.5));
    for _ in 0..bench.rounds {
        let clients = |address| {
            let connector = Connector::tls(address, phones.clone());
            vec![Boots { connector, phones: files.clone(), agent: DESK_AGENT }; 64]
        };
        let until = Until::Past(bench.span);
        pair.dialtone(load(clients(own), until, || gateway.cpu()).await?.0);
        let nginx = &bench.nginx;
        pair.nginx(load(clients(nginx.mutual), until, || nginx.cpu()).await?.0);
    }
    Ok(pair.figures())
}

/// TLS 1.3, no session taken up again, any server certificate: what the client leaves out
/// is left for the servers.
pub fn client_tls(ca: Option<LabCa>) -> Result<FleetTls, String> {
    FleetTls::new(&Trust::Anyone, Versions::Tls13, ca).map_err(|error| error.to_string())
}
