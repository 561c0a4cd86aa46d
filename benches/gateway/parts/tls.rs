//! A new TLS 1.3 connection for each request of the same file.
//!
//! Not with wrk: it takes up its last session again, as no phone does that boots, and then
//! the servers sign nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use dialtone::domain::Mac;
use dialtone::simulator::lab_ca::LabCa;
use dialtone::simulator::tls::{FleetTls, Trust, Versions};

use super::{Pair, load};
use crate::Bench;
use crate::client::Connector;
use crate::figures::Figure;
use crate::lab::{DESK_AGENT, DESK_FILE, DESK_MAC};
use crate::load::{Boots, Until};

pub(super) const UNITS: (&str, &str) = ("connections/s", "us of server CPU");

/// Clients at a time.
pub(super) const CLIENTS: usize = 64;

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>, String> {
    let anybody = client_tls(None)?.of(Mac::from_bits(DESK_MAC));
    let anybody = vec![anybody.map_err(|error| error.to_string())?];
    let ca = LabCa::load(&bench.lab.ca()).map_err(|error| error.to_string())?;
    let fleet = client_tls(Some(ca))?;
    // A certificate speaks for its own MAC alone, and all ask for the one phone's file.
    let certified = fleet.of(Mac::from_bits(DESK_MAC));
    let phones = vec![certified.map_err(|error| error.to_string())?];
    let files = Arc::new(vec![vec![DESK_FILE.to_owned()]]);
    let (lab, nginx) = (&bench.lab, &bench.nginx);
    let mut figures = Vec::new();
    for (what, times, setup, other, tls) in [
        ("ECDSA P-256", 2.5, lab.ecdsa(), nginx.ecdsa, &anybody),
        ("RSA 2048", 1.5, lab.rsa(), nginx.rsa, &anybody),
        ("client certificates", 2.5, lab.mutual(), nginx.mutual, &phones),
    ] {
        let gateway = lab.gateway("tls", &setup)?;
        let own = gateway.https.ok_or("no https listener")?;
        let clients = |address: SocketAddr| {
            let connector = Connector::tls(address, tls.clone());
            vec![Boots { connector, phones: files.clone(), agent: DESK_AGENT }; CLIENTS]
        };
        let mut pair = Pair::new("tls", what, UNITS, None, Some(times));
        for _ in 0..bench.rounds {
            let until = Until::Past(bench.span);
            pair.dialtone(load(clients(own), until, || gateway.cpu()).await?.0);
            pair.nginx(load(clients(other), until, || nginx.cpu()).await?.0);
        }
        figures.extend(pair.figures());
    }
    Ok(figures)
}

/// TLS 1.3, no session taken up again, any server certificate: what the client leaves out
/// is left for the servers.
pub(super) fn client_tls(ca: Option<LabCa>) -> Result<FleetTls, String> {
    FleetTls::new(&Trust::Anyone, Versions::Tls13, ca).map_err(|error| error.to_string())
}
