//! The networks that strangers are counted by.

use std::net::IpAddr;

/// What one customer of a provider has: an IPv4 address, or an IPv6 /48. Many have less than
/// a /48, none is given more; whoever has one could else come from 65,536 networks of a /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Network(u64);

/// IPv4 addresses stand where no IPv6 network can: among the multicast groups.
const IPV4: u64 = 0xffff_ffff << 32;
const PREFIX: u64 = !0xffff;

impl Network {
    /// Of what nobody saw yet.
    pub(super) const UNKNOWN: Network = Network(0);

    pub(super) fn of(address: IpAddr) -> Network {
        match address.to_canonical() {
            IpAddr::V4(address) => Network(IPV4 | u64::from(address.to_bits())),
            IpAddr::V6(address) => {
                let upper = u64::try_from(address.to_bits() >> 64).expect("64 bits fit");
                Network(upper & PREFIX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_and_an_ipv6_48_are_one_network() {
        let of = |address: &str| Network::of(address.parse().unwrap());
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!(of("2001:db8:1::1"), of("2001:db8:1:ffff::2"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
    }
}
