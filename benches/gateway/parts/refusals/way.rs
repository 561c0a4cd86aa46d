//! How it is asked. All states of one way over the same kind of connection: what a handshake
//! costs, its last part is on the first request's time, is no matter of the refusal.

use std::net::Ipv4Addr;

use dialtone::domain::Mac;
use dialtone::simulator::lab_ca::LabCa;

use super::super::tls::client_tls;
use super::state::State;
use crate::Bench;
use crate::client::{Connection, Connector, patient};
use crate::process::Gateway;

pub(super) struct Way {
    pub name: &'static str,
    pub kept: bool,
    pub is_tls: bool,
    /// The states there are over it, each with how it connects.
    connectors: Vec<(State, Connector)>,
}

impl Way {
    pub(super) fn all(bench: &Bench, gateway: &Gateway) -> Result<Vec<Way>, String> {
        let address = gateway.https.ok_or("no https listener")?;
        let of = |error: dialtone::simulator::tls::FleetTlsError| error.to_string();
        let http = Connector::plain(gateway.http);
        let anybody = client_tls(None)?.of(Mac::from_bits(0)).map_err(of)?;
        let https = Connector::tls(address, vec![anybody]);
        let ca = LabCa::load(&bench.lab.ca()).map_err(|error| error.to_string())?;
        let fleet = client_tls(Some(ca))?;
        let any = |name, connector: &Connector, kept, is_tls| {
            let states = State::ALL.into_iter().filter(|state| !state.needs_certificate());
            let connectors = states.map(|state| (state, connector.clone())).collect();
            Way { name, kept, is_tls, connectors }
        };
        let certified = |name, kept| {
            let states = State::ALL.into_iter().filter(|state| state.may_have_certificate());
            let connector = |state: State| {
                let shown = fleet.of(state.certificate()).map_err(of)?;
                Ok((state, Connector::tls(address, vec![shown])))
            };
            let connectors = states.map(connector).collect::<Result<_, String>>()?;
            Ok::<_, String>(Way { name, kept, is_tls: true, connectors })
        };
        Ok(vec![
            any("HTTP, kept", &http, true, false),
            any("HTTP, new", &http, false, false),
            any("HTTPS, kept", &https, true, true),
            any("HTTPS, new", &https, false, true),
            certified("client certificate, kept", true)?,
            certified("client certificate, new", false)?,
        ])
    }

    pub(super) fn states(&self) -> impl Iterator<Item = State> + '_ {
        self.connectors.iter().map(|(state, _)| *state)
    }

    pub(super) fn shows_certificates(&self) -> bool {
        self.states().any(State::needs_certificate)
    }

    pub(super) async fn open(
        &self,
        state: State,
        attacker: Ipv4Addr,
    ) -> Result<Connection, String> {
        let found = self.connectors.iter().find(|(of, _)| *of == state);
        let (_, connector) = found.ok_or_else(|| format!("{} has no {state:?}", self.name))?;
        let connector = connector.coming_from(state.source(attacker));
        let opening = patient(connector.open(0)).await;
        opening.map_err(|error| format!("{}, {}: {error}", self.name, state.name()))
    }
}
