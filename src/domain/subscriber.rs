//! Which addresses count as one peer.

use std::net::{IpAddr, Ipv6Addr};

/// The network that one subscriber has to itself: an IPv4 address, or the /64 of an IPv6 one, of
/// which the subscriber can pick any address (RFC 6177). An IPv4 address in IPv6 form is one of IPv4.
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
}
