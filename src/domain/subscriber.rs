//! Which addresses count as one. Three questions, three answers:
//!
//! - *Whose peer is it*, where connections and passwords are limited: [`subscriber`], the smallest
//!   network that one subscriber surely has to itself. A wider one would have customers of one
//!   provider take each other's places.
//! - *How much may come from one place*, where strangers are counted that fill what is kept:
//!   [`Site`], the largest network that one customer may have. A narrower one would let whoever has
//!   a /48 come from 65,536 networks. Who shares a site with a flood loses little: devices that are
//!   known are never counted.
//! - *Where is it still at home*, where what it shows is held against what it showed before:
//!   [`neighbourhood`], which a device stays in whose address changes by itself.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// The network that one subscriber has to itself: an IPv4 address, or the /64 of an IPv6 one, of
/// which the subscriber can pick any address (RFC 6177). An IPv4 address in IPv6 form is one of
/// IPv4.
#[must_use]
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let prefix = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(prefix))
        }
    }
}

/// What one customer of a provider has at most: an IPv4 address, or an IPv6 /48 (RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site(u64);

/// IPv4 addresses stand where no IPv6 network can: among the multicast groups.
const IPV4: u64 = 0xffff_ffff << 32;
const PREFIX: u64 = !0xffff;

impl Site {
    /// The site of what nobody saw yet.
    pub const UNKNOWN: Site = Site(0);

    /// The site of an address; an IPv4 address in IPv6 form is one of IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Site {
        match address.to_canonical() {
            IpAddr::V4(address) => Site(IPV4 | u64::from(address.to_bits())),
            IpAddr::V6(address) => {
                let upper = u64::try_from(address.to_bits() >> 64).expect("64 bits fit");
                Site(upper & PREFIX)
            }
        }
    }
}

/// The network that an honest device stays in: an IPv4 /24, of which a carrier's translation may use
/// another address for each connection, or an IPv6 /64, of which privacy addresses (RFC 8981) are.
/// An IPv4 address in IPv6 form is one of IPv4.
#[must_use]
pub fn neighbourhood(address: IpAddr) -> IpNet {
    let address = address.to_canonical();
    let bits = if address.is_ipv4() { 24 } else { 64 };
    IpNet::new(address, bits).expect("24 and 64 are lengths of prefixes").trunc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_counts_alone_and_ipv6_by_64() {
        let of = |text: &str| subscriber(text.parse().unwrap()).to_string();
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(of("2001:db8:0:1:ffff::2"), "2001:db8:0:1::");
    }

    #[test]
    fn a_device_stays_in_its_24_or_64() {
        for (address, network) in [
            ("203.0.113.9", "203.0.113.0/24"),
            ("::ffff:203.0.113.9", "203.0.113.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(neighbourhood(address.parse().unwrap()).to_string(), network);
        }
    }

    #[test]
    fn an_ipv4_address_and_an_ipv6_48_are_one_site() {
        let of = |address: &str| Site::of(address.parse().unwrap());
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!(of("2001:db8:1::1"), of("2001:db8:1:ffff::2"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
    }
}
