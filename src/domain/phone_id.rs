//! How a phone is named: the MAC of its device and its port.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Mac;

/// Zero-based number of the FXS port, DECT handset or line module behind one
/// MAC; 0 for an ordinary desk phone. At most [`Port::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Port(u16);

impl Port {
    /// The port of a device that has only one.
    pub const FIRST: Port = Port(0);
    /// A phoneid carries at most three digits of port.
    pub const MAX: u16 = 999;

    /// `None` above [`Port::MAX`].
    #[must_use]
    pub fn new(number: u16) -> Option<Port> {
        (number <= Port::MAX).then_some(Port(number))
    }

    /// The port's number, from 0.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }

    /// The ports 0 up to and without `count`, capped at [`Port::MAX`] + 1 of them.
    pub fn first(count: u16) -> impl Iterator<Item = Port> {
        (0..count.min(Port::MAX + 1)).map(Port)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u16> for Port {
    type Error = InvalidPhoneId;

    fn try_from(number: u16) -> Result<Port, InvalidPhoneId> {
        Port::new(number).ok_or(InvalidPhoneId)
    }
}

impl From<Port> for u16 {
    fn from(port: Port) -> u16 {
        port.0
    }
}

/// Names one phone. Written as 12 lower-case hex digits and the port in
/// decimal without padding: `0123456789ab0`, `00087b0a0b0c11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneId {
    /// The device it is a phone of.
    pub mac: Mac,
    /// Its port there.
    pub port: Port,
}

/// The text is not a MAC followed by a port without leading zeros.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a phoneid: a MAC of 12 hex digits followed by the port (0 to 999, no leading zeros); \
     0004f20102030 is port 0 of 0004f2010203"
)]
pub struct InvalidPhoneId;

impl FromStr for PhoneId {
    type Err = InvalidPhoneId;

    /// The MAC may carry separators and upper case, as operators paste it from
    /// labels; the port then follows directly or after one more separator.
    fn from_str(text: &str) -> Result<PhoneId, InvalidPhoneId> {
        let end_of_mac = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| byte.is_ascii_hexdigit())
            .nth(11)
            .map(|(at, _)| at + 1)
            .ok_or(InvalidPhoneId)?;
        let (mac, rest) = text.split_at_checked(end_of_mac).ok_or(InvalidPhoneId)?;
        let separated = mac.len() > 12;
        let port = match rest.strip_prefix([':', '-', '.']) {
            Some(port) if separated => port,
            Some(_) => return Err(InvalidPhoneId),
            None => rest,
        };
        let canonical = port == "0" || !port.starts_with('0');
        if !canonical || !(1..=3).contains(&port.len()) || !port.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(InvalidPhoneId);
        }
        Ok(PhoneId {
            mac: mac.parse().map_err(|_| InvalidPhoneId)?,
            port: port.parse().ok().and_then(Port::new).ok_or(InvalidPhoneId)?,
        })
    }
}

impl fmt::Display for PhoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.mac, self.port)
    }
}

impl TryFrom<String> for PhoneId {
    type Error = InvalidPhoneId;

    fn try_from(text: String) -> Result<PhoneId, InvalidPhoneId> {
        text.parse()
    }
}

impl From<PhoneId> for String {
    fn from(id: PhoneId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_documented_forms_parse() {
        let id: PhoneId = "00087b0a0b0c11".parse().unwrap();
        assert_eq!((id.mac.to_string().as_str(), id.port.number()), ("00087b0a0b0c", 11));
        assert_eq!("00:08:7B:0A:0B:0C11".parse::<PhoneId>().unwrap(), id);
        assert_eq!("00-08-7B-0A-0B-0C-11".parse::<PhoneId>().unwrap(), id);
    }

    #[test]
    fn what_is_not_a_phoneid_is_refused() {
        for text in [
            "",
            "0123456789ab",
            "0123456789aba",
            "0123456789ab00",
            "0123456789ab01",
            "0123456789ab1000",
            "0123456789ab-1",
            "0123456789ab 0",
            "0123456789ab0\u{e9}",
            "\u{e9}0123456789ab0",
        ] {
            assert_eq!(text.parse::<PhoneId>(), Err(InvalidPhoneId), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(bits in 0u64..1 << 48, port in 0u16..=Port::MAX) {
            let id = PhoneId { mac: Mac::from_bits(bits), port: Port::new(port).unwrap() };
            prop_assert_eq!(id.to_string().parse::<PhoneId>(), Ok(id));
        }

        #[test]
        fn no_input_panics(text in ".{0,24}") {
            let _ = text.parse::<PhoneId>();
        }
    }
}
