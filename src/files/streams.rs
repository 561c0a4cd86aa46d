//! How many files are sent at a time.

use std::net::IpAddr;

use crate::domain::{Mac, Site};
use crate::throttle::{Busy, Turn, Turns};

/// Files that are sent at a time. Each has a part of 64 KiB in memory and the HTTP library another,
/// with what the allocator keeps less than a megabyte (`benches/README.md`), and all share the
/// processors and the line with the phones that boot. Who comes beyond is told to come again.
pub const MAX_STREAMS: usize = 256;

/// How many of these are to one device: it may ask for a file anew whose connection broke and is
/// not found dead yet, and whoever knows its MAC holds no more.
pub const MAX_STREAMS_PER_PHONE: usize = 4;

/// Networks share the turns fairly ([`Turns::take_fairly`]), by what one customer may have: a site
/// of a hundred phones behind one address gets its firmware at once, and who knows as many MACs
/// leaves the others as many turns.
#[derive(Debug)]
pub(super) struct Streams {
    phones: Turns<Mac>,
    networks: Turns<Site>,
}

/// One file's turn.
#[derive(Debug)]
pub struct Stream {
    _of_network: Turn<Site>,
    _of_phone: Turn<Mac>,
}

impl Default for Streams {
    fn default() -> Streams {
        Streams {
            phones: Turns::new(MAX_STREAMS_PER_PHONE, MAX_STREAMS),
            networks: Turns::new(MAX_STREAMS, MAX_STREAMS),
        }
    }
}

impl Streams {
    /// A turn for a file to that phone.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn begin(&self, mac: Mac, address: IpAddr) -> Result<Stream, NoStream> {
        let of_phone = self.phones.take(mac).map_err(|busy| match busy {
            Busy::Caller => NoStream::Phone,
            Busy::Everybody => NoStream::All,
        })?;
        let of_network =
            self.networks.take_fairly(Site::of(address)).map_err(|busy| match busy {
                Busy::Caller => NoStream::Network,
                Busy::Everybody => NoStream::All,
            })?;
        Ok(Stream { _of_network: of_network, _of_phone: of_phone })
    }
}

/// Why a file has to wait for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoStream {
    /// The phone has all that are for one.
    #[error("{MAX_STREAMS_PER_PHONE} files are being sent to this phone")]
    Phone,
    /// Its network has as many as are left for others.
    #[error("as many files are being sent to the network of this phone as are left for others")]
    Network,
    /// All are taken.
    #[error("{MAX_STREAMS} files are being sent")]
    All,
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn site(number: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, number).into()
    }

    #[test]
    fn a_phone_has_a_few_and_what_it_does_not_get_is_nobodys() {
        let streams = Streams::default();
        let mac = Mac::from_bits(1);
        let mut own: Vec<_> = std::iter::from_fn(|| streams.begin(mac, site(1)).ok()).collect();
        assert_eq!(own.len(), MAX_STREAMS_PER_PHONE);
        assert_eq!(streams.begin(mac, site(2)).err(), Some(NoStream::Phone));
        own.pop();
        assert!(streams.begin(mac, site(2)).is_ok());
    }

    #[test]
    fn a_network_with_any_number_of_phones_leaves_turns_to_others() {
        let streams = Streams::default();
        let mut macs = (0..).map(Mac::from_bits);
        let mut take_all = |network: u8| -> Vec<_> {
            let mut next = || streams.begin(macs.next()?, site(network)).ok();
            std::iter::from_fn(&mut next).collect()
        };
        let one = take_all(1);
        assert_eq!(one.len(), MAX_STREAMS / 2);
        let others: Vec<_> = (2..8).flat_map(&mut take_all).collect();
        assert_eq!(one.len() + others.len(), MAX_STREAMS - 2);
        let mac = Mac::from_bits(1 << 40);
        assert_eq!(streams.begin(mac, site(1)).err(), Some(NoStream::Network));
        let _last = [8, 9].map(|network| streams.begin(mac, site(network)).unwrap());
        assert_eq!(streams.begin(mac, site(10)).err(), Some(NoStream::All));
        drop(one);
        assert!(streams.begin(mac, site(10)).is_ok());
    }
}
