//! What the requests of a device told about it.

use std::net::IpAddr;

use crate::domain::{Timestamp, TypeKey};

/// What the requests of a device told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    pub first: Timestamp,
    pub last: Timestamp,
    pub address: IpAddr,
    /// At most [`Sighting::MAX_USER_AGENT`] bytes, control characters escaped;
    /// empty when the handset sent none.
    pub user_agent: String,
    /// The type the last telling request suggested; may differ from the device's.
    pub type_guess: Option<TypeKey>,
    /// As the User-Agent spelled it.
    pub firmware: Option<String>,
    /// Subject CN of the client certificate, when one was presented and checked.
    pub certificate: Option<String>,
}

impl Sighting {
    /// The longest real User-Agent known has 140 bytes; twice that is kept.
    pub const MAX_USER_AGENT: usize = 280;

    /// This sighting with a `later` one noted in it. What the later request did
    /// not tell (no User-Agent, no model) stays as it was known.
    #[must_use]
    pub fn noting(&self, later: &Sighting) -> Sighting {
        let told = !later.user_agent.is_empty();
        Sighting {
            first: self.first,
            last: later.last.max(self.last),
            address: later.address,
            user_agent: if told { &later.user_agent } else { &self.user_agent }.clone(),
            type_guess: later.type_guess.clone().or_else(|| self.type_guess.clone()),
            firmware: later.firmware.clone().or_else(|| self.firmware.clone()),
            certificate: later.certificate.clone().or_else(|| self.certificate.clone()),
        }
    }
}
