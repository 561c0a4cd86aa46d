//! What the first request of a device told, until the device is made of it.

use std::net::IpAddr;

use crate::domain::{Claim, Claims, Device, Mac, Sighting};

/// What the first request of a device told. The device is made where it is recorded: who asks would
/// hear from the time of his refusal that the MAC is new.
#[derive(Debug, Clone)]
pub(super) struct Newcomer {
    /// The device.
    pub mac: Mac,
    /// Where it asked from.
    pub address: IpAddr,
    /// What it claims to be, and when.
    pub claim: Claim,
    /// Of so many ports.
    pub ports: u16,
    /// Whether it told its type.
    pub is_told: bool,
    /// What it said of its firmware.
    pub firmware: Option<String>,
    /// What tells the most of its certificate.
    pub certificate: Option<String>,
}

impl Newcomer {
    /// As an inactive device.
    pub(super) fn device(&self) -> Device {
        let Newcomer { mac, address, claim, ports, is_told, firmware, certificate } = self;
        let sighting = Sighting {
            first: claim.first,
            last: claim.last,
            address: *address,
            user_agent: claim.user_agent.clone(),
            type_guess: is_told.then(|| claim.phone_type.clone()),
            firmware: firmware.clone(),
            certificate: certificate.clone(),
        };
        let claims: Claims = [claim.clone()].into_iter().collect();
        let sighted = Device::sighted(*mac, claim.phone_type.clone(), *ports, sighting);
        Device { claims, ..sighted }
    }
}
