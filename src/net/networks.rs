//! IP networks as an operator writes them: `10.0.0.0/8`, `2001:db8::/32`, a bare address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// One network. The address has no bits set behind the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// Why a text is not a network.
#[allow(missing_docs, reason = "each message says what it is, and so its source")]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    #[error("`{0}` is not an IP address or a network like 10.0.0.0/8")]
    NotAnAddress(String),
    #[error("the prefix length in `{text}` is not a number from 0 to {most}")]
    Prefix { text: String, most: u8 },
    /// Refused rather than cut: it may be the prefix that is mistyped.
    #[error("`{text}` has bits set behind the prefix; did you mean {meant}?")]
    HostBits { text: String, meant: Network },
}

impl Network {
    /// Whether `address` is in it; an IPv4 address in IPv6 form counts as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl From<Network> for IpNet {
    fn from(network: Network) -> IpNet {
        network.0
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Network, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr =
            address.parse().map_err(|_| InvalidNetwork::NotAnAddress(text.to_owned()))?;
        let whole = IpNet::from(address);
        let Some(prefix) = prefix else { return Ok(Network(whole)) };
        let network = Some(prefix)
            // A number's parser takes `+8` as well.
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| IpNet::new(address, digits.parse().ok()?).ok())
            .ok_or_else(|| InvalidNetwork::Prefix {
                text: text.to_owned(),
                most: whole.max_prefix_len(),
            })?;
        let meant = Network(network.trunc());
        if meant.0 != network {
            return Err(InvalidNetwork::HostBits { text: text.to_owned(), meant });
        }
        Ok(meant)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A list of networks, searched from the front: lists of operators are short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// The set that contains no address.
    #[must_use]
    pub fn none() -> Networks {
        Networks(Vec::new())
    }

    /// Every address there is.
    #[must_use]
    pub fn all() -> Networks {
        Networks(vec![
            Network(IpNet::V4(ipnet::Ipv4Net::default())),
            Network(IpNet::V6(ipnet::Ipv6Net::default())),
        ])
    }

    /// Whether the address is in one of the networks.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// What is in both.
    #[must_use]
    pub fn both(&self, other: &Networks) -> Networks {
        let smaller = |(one, other): (Network, Network)| {
            let (first, second) = (one.0, other.0);
            (first.contains(&second).then_some(other)).or(second.contains(&first).then_some(one))
        };
        let pairs = self.iter().flat_map(|one| other.iter().map(move |other| (one, other)));
        pairs.filter_map(smaller).collect()
    }

    /// The networks, in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = Network> + '_ {
        self.0.iter().copied()
    }

    /// Whether there is no network in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Network> for Networks {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Networks {
        Networks(networks.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_its_first_and_last_address_and_not_the_next() {
        let net = network("10.1.0.0/16");
        assert!(net.contains("10.1.0.0".parse().unwrap()));
        assert!(net.contains("10.1.255.255".parse().unwrap()));
        assert!(!net.contains("10.2.0.0".parse().unwrap()));
        assert!(net.contains("::ffff:10.1.2.3".parse().unwrap()), "an IPv4 address in IPv6 form");
        assert!(!net.contains("::1".parse().unwrap()));
        let net = network("2001:db8::/33");
        assert!(net.contains("2001:db8:7fff::1".parse().unwrap()));
        assert!(!net.contains("2001:db8:8000::".parse().unwrap()));
    }

    #[test]
    fn a_bare_address_is_itself_only() {
        assert_eq!(network("::1").to_string(), "::1/128");
        assert!(!network("192.0.2.1").contains("192.0.2.2".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_said() {
        let error = |text: &str| text.parse::<Network>().unwrap_err().to_string();
        assert_eq!(
            error("10.0.0/8"),
            "`10.0.0/8` is not an IP address or a network like 10.0.0.0/8"
        );
        assert_eq!(
            error("10.0.0.0/33"),
            "the prefix length in `10.0.0.0/33` is not a number from 0 to 32"
        );
        assert_eq!(error("::/+8"), "the prefix length in `::/+8` is not a number from 0 to 128");
        assert_eq!(
            error("10.1.2.3/8"),
            "`10.1.2.3/8` has bits set behind the prefix; did you mean 10.0.0.0/8?"
        );
    }

    #[test]
    fn all_holds_both_families_and_none_holds_nothing() {
        for address in ["0.0.0.0", "255.255.255.255", "::", "ffff::1"] {
            let address = address.parse().unwrap();
            assert!(Networks::all().contains(address));
            assert!(!Networks::none().contains(address));
        }
    }

    proptest! {
        #[test]
        fn what_is_in_both_is_in_each(
            one in prop::collection::vec((any::<[u8; 4]>(), 0u8..=32), 0..4),
            other in prop::collection::vec((any::<[u8; 4]>(), 0u8..=32), 0..4),
            strange: [u8; 4],
        ) {
            let networks = |all: &[([u8; 4], u8)]| -> Networks {
                let one = |(address, bits): &([u8; 4], u8)| {
                    Network(IpNet::new((*address).into(), *bits).unwrap().trunc())
                };
                all.iter().map(one).collect()
            };
            let inside = one.iter().chain(&other).map(|(address, _)| *address);
            for address in inside.chain([strange]).map(IpAddr::from) {
                let (one, other) = (networks(&one), networks(&other));
                let is_in_each = one.contains(address) && other.contains(address);
                prop_assert_eq!(one.both(&other).contains(address), is_in_each);
                prop_assert!(!Networks::none().both(&one).contains(address));
                prop_assert_eq!(Networks::all().both(&one), one);
            }
        }

        #[test]
        fn any_text_is_a_network_or_an_error(text: String) {
            if let Ok(network) = text.parse::<Network>() {
                prop_assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
            }
        }
    }
}
