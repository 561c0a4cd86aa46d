//! `[scan]`: who walks MAC addresses, and what becomes of it.

use super::reader::Section;
use crate::net::Network;
use crate::registry::ScanOptions;

/// `[scan]`
#[derive(Debug, Clone, PartialEq)]
pub struct ScanSection {
    /// Whether requests are watched for whoever walks MACs, and he is banned.
    pub enabled: bool,
    /// MACs that nobody knows, or of phones of elsewhere, from which on an address (IPv6: a /64) is
    /// banned that asks for them within an hour, 5 to 10,000.
    pub macs_per_address: u32,
    /// New phones of one address in an hour, when they boot as phones do, 10 to 10,000.
    pub phones_per_address: u32,
    /// The same as `macs_per_address` for an IPv4 /24 and an IPv6 /48, 10 to 1,000,000.
    pub macs_per_network: u32,
    /// Of one block of addresses and from wherever, from which on operators are told, 10 to
    /// 1,000,000.
    pub macs_per_oui: u32,
    /// The same for all blocks, 10 to 1,000,000.
    pub macs_in_all: u32,
    /// Networks that are not watched, and in which no ban holds.
    pub never_ban: Vec<Network>,
}

impl ScanSection {
    pub(super) fn read(mut section: Section<'_>) -> ScanSection {
        let parts = ScanOptions::default();
        ScanSection {
            enabled: section.switch("enabled", parts.enabled),
            macs_per_address: section.number(
                "macs_per_address",
                parts.macs_per_address,
                5..=10_000,
            ),
            phones_per_address: section.number(
                "phones_per_address",
                parts.phones_per_address,
                10..=10_000,
            ),
            macs_per_network: section.number(
                "macs_per_network",
                parts.macs_per_network,
                10..=1_000_000,
            ),
            macs_per_oui: section.number("macs_per_oui", parts.macs_per_oui, 10..=1_000_000),
            macs_in_all: section.number("macs_in_all", parts.macs_in_all, 10..=1_000_000),
            never_ban: section.list("never_ban", &ScanOptions::LOOPBACK),
        }
    }
}
