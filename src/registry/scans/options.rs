//! What is a sweep.

use std::net::IpAddr;

use ipnet::IpNet;

/// How many MACs in an hour are a sweep, and of whom they never are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanOptions {
    /// Whether anybody is watched. Bans that there are hold all the same.
    pub enabled: bool,
    /// From so many MACs on that it has no part in, an address (IPv6: a /64) is banned. Default 10:
    /// who tries a few by hand is not.
    pub macs_per_address: u32,
    /// New phones that an address may show in an hour, when they boot as phones do. Default 1,000,
    /// as many as `quota.new_macs_per_address_per_hour`.
    pub phones_per_address: u32,
    /// As `macs_per_address` for an IPv4 /24 or an IPv6 /48. Default 40: four addresses of it
    /// would have been banned.
    pub macs_per_network: u32,
    /// From so many on of one block of addresses, from wherever, operators are told. Default 500.
    pub macs_per_oui: u32,
    /// The same for all blocks together. Default 1,000.
    pub macs_in_all: u32,
    /// Networks that are neither watched nor banned. Default loopback: a proxy on the same machine
    /// that is not trusted has all phones come from there.
    pub never_ban: Vec<IpNet>,
}

impl Default for ScanOptions {
    fn default() -> ScanOptions {
        let loopback = ScanOptions::LOOPBACK.map(|text| text.parse().expect("it is a network"));
        ScanOptions {
            enabled: true,
            macs_per_address: 10,
            phones_per_address: 1_000,
            macs_per_network: 40,
            macs_per_oui: 500,
            macs_in_all: 1_000,
            never_ban: loopback.into(),
        }
    }
}

/// The weight of one MAC, so that a phone's share of it is a whole number.
pub(super) const MAC: u64 = 10_000;

impl ScanOptions {
    /// The networks that are never banned unless the configuration says which are.
    pub const LOOPBACK: [&'static str; 2] = ["127.0.0.0/8", "::1/128"];

    /// Whether the address is in a network that is never banned.
    #[must_use]
    pub fn is_never_banned(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.never_ban.iter().any(|network| network.contains(&address))
    }

    /// Whether a network holds, or is in, one that is never banned.
    #[must_use]
    pub fn touches_never_banned(&self, network: IpNet) -> bool {
        let mut never = self.never_ban.iter();
        never.any(|never| never.contains(&network) || network.contains(never))
    }

    /// The weight of a phone that showed itself whole.
    pub(super) fn phone(&self) -> u64 {
        let phones = u64::from(self.phones_per_address.max(1));
        (u64::from(self.macs_per_address) * MAC / phones).max(1)
    }

    pub(super) fn address_limit(&self) -> u64 {
        u64::from(self.macs_per_address) * MAC
    }

    pub(super) fn network_limit(&self) -> u64 {
        u64::from(self.macs_per_network) * MAC
    }
}
