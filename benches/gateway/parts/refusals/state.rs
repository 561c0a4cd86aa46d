//! Why a request is refused: the states of a MAC and of who asks.

use std::net::Ipv4Addr;

use dialtone::domain::Mac;

use crate::lab::{UNKNOWN_MAC, four_mac};

/// Who is neither watched nor banned: the phone that waits is at home there.
pub(super) const HOME: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);
const OVER_ITS_LIMIT: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 2);
/// The network that is banned.
pub(super) const BANNED: &str = "127.1.128.0/17";

/// As the configuration writes them.
pub(super) const NEVER_BANNED: &str = "\"127.0.0.0/16\", \"127.1.0.0/24\"";
pub(super) const ALLOWED: &str = "\"127.0.0.0/9\"";

/// Of a company that asks for more than is shown.
pub(super) const NOT_ADMITTED: u64 = 0x0004_f210_0000;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    FirstContact,
    Inactive,
    NotAdmitted,
    NoSuchFile,
    BannedActive,
    BannedUnknown,
    OverQuota,
    WithoutMac,
    ForbiddenNetwork,
    /// With certificates only: an active phone's asks in the name of another active one.
    CertificateOfAnother,
}

impl State {
    pub(super) const ALL: [State; 10] = [
        State::FirstContact,
        State::Inactive,
        State::NotAdmitted,
        State::NoSuchFile,
        State::BannedActive,
        State::BannedUnknown,
        State::OverQuota,
        State::WithoutMac,
        State::ForbiddenNetwork,
        State::CertificateOfAnother,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            State::FirstContact => "first contact",
            State::Inactive => "known, not promoted",
            State::NotAdmitted => "active, not admitted",
            State::NoSuchFile => "active, no such file",
            State::BannedActive => "active, banned address",
            State::BannedUnknown => "unknown, banned address",
            State::OverQuota => "over the limit of its address",
            State::WithoutMac => "no MAC",
            State::ForbiddenNetwork => "forbidden network",
            State::CertificateOfAnother => "certificate of another phone",
        }
    }

    /// Where it comes from, when everybody else's requests come from `attacker`. Not from one address
    /// each: a kernel looks long for a port of one that has thousands of connections behind it.
    pub(super) fn source(self, attacker: Ipv4Addr) -> Ipv4Addr {
        let [_, high, low, _] = attacker.octets();
        match self {
            State::OverQuota => OVER_ITS_LIMIT,
            State::BannedActive | State::BannedUnknown => {
                Ipv4Addr::new(127, 1, 128 | high, low.max(1))
            }
            State::ForbiddenNetwork => Ipv4Addr::new(127, 200, high, low.max(1)),
            _ => attacker,
        }
    }

    /// The MAC that it names; `number` has come for none before.
    pub(super) fn mac(self, number: u64) -> Option<Mac> {
        Some(match self {
            State::FirstContact => stranger(number),
            State::OverQuota => Mac::from_bits(stranger(number).bits() | 1 << 23),
            State::BannedUnknown => Mac::from_bits(UNKNOWN_MAC - 1),
            State::Inactive => Mac::from_bits(UNKNOWN_MAC),
            State::NotAdmitted => Mac::from_bits(NOT_ADMITTED),
            State::NoSuchFile => four_mac(0),
            State::CertificateOfAnother => four_mac(1),
            State::ForbiddenNetwork => four_mac(2),
            State::BannedActive => four_mac(3),
            State::WithoutMac => return None,
        })
    }

    pub(super) fn needs_certificate(self) -> bool {
        self == State::CertificateOfAnother
    }

    /// Unknown phones come without a certificate: a new one for each would be needed. Bans do not hold
    /// for who has one.
    pub(super) fn may_have_certificate(self) -> bool {
        let unknown = [State::FirstContact, State::OverQuota, State::BannedUnknown];
        !unknown.contains(&self) && self != State::BannedActive
    }

    /// Whose certificate it shows, where it shows one.
    pub(super) fn certificate(self) -> Mac {
        match self {
            State::Inactive | State::NotAdmitted => self.mac(0).expect("it names one"),
            _ => four_mac(0),
        }
    }

    /// What the gateway says became of it.
    pub(super) fn outcome(self) -> &'static str {
        match self {
            State::FirstContact => "recorded",
            State::Inactive => "inactive",
            State::NotAdmitted => "not_admitted",
            State::NoSuchFile => "no_such_file",
            State::BannedActive | State::BannedUnknown => "banned",
            State::OverQuota => "over_quota",
            State::WithoutMac => "no_mac",
            State::ForbiddenNetwork => "forbidden_network",
            State::CertificateOfAnother => "certificate_of_another",
        }
    }
}

/// The MAC of a stranger, all over one half of another block of Polycom's than the phones that are
/// known.
fn stranger(number: u64) -> Mac {
    // Odd, so that each number below 2^23 has its own place.
    Mac::from_bits(0x0090_7a00_0000 | (number.wrapping_mul(0x9e37_79b1) & 0x7f_ffff))
}
