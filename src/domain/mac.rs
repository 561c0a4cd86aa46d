//! The MAC address of a handset: parsed leniently, because handsets and people
//! write it every way there is, and printed one way.

use std::fmt;
use std::str::FromStr;

use mac_address::MacAddress;
use serde::{Deserialize, Serialize};

/// A 48-bit MAC address. Prints as 12 lower-case hex digits without separators.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(MacAddress);

/// The text is not 12 hex digits, alone or separated evenly by `:`, `-`, `.` or `_`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a MAC address: 12 hex digits are needed, with `:`, `-`, `.`, `_` or nothing between them"
)]
pub struct InvalidMac;

impl Mac {
    /// Makes a MAC of the low 48 bits; the index and the stores keep MACs as integers.
    #[must_use]
    pub fn from_bits(bits: u64) -> Mac {
        let b = bits.to_be_bytes();
        Mac(MacAddress::new([b[2], b[3], b[4], b[5], b[6], b[7]]))
    }

    /// The address in the low 48 bits.
    #[must_use]
    pub fn bits(self) -> u64 {
        let b = self.0.bytes();
        u64::from_be_bytes([0, 0, b[0], b[1], b[2], b[3], b[4], b[5]])
    }

    /// The six octets in transmission order.
    #[must_use]
    pub fn octets(self) -> [u8; 6] {
        self.0.bytes()
    }

    /// The first three octets, the manufacturer's block, in the low 24 bits.
    #[must_use]
    pub fn oui(self) -> u32 {
        u32::try_from(self.bits() >> 24).expect("48 bits shifted by 24 fit in 32")
    }

    /// Whether one handset can own this address. All zeros, all ones and any
    /// address with the multicast bit belong to nobody: phones send them as
    /// placeholders (`/000000000000.cfg`), and they must create nothing. Nor does
    /// one that begins with three octets of zeros, a block of which no phone was ever
    /// made: such digits are a product code (`/y000000000028.cfg`).
    #[must_use]
    pub fn is_usable(self) -> bool {
        self.oui() != 0 && self.octets()[0] & 1 == 0
    }

    /// `AABBCCDDEEFF`, as it stands in certificates and in many paths.
    #[must_use]
    pub fn upper(self) -> String {
        format!("{:012X}", self.bits())
    }

    /// `AA:BB:CC:DD:EE:FF`, as some configuration files want it.
    #[must_use]
    pub fn colon_upper(self) -> String {
        self.0.to_string()
    }
}

impl FromStr for Mac {
    type Err = InvalidMac;

    fn from_str(text: &str) -> Result<Mac, InvalidMac> {
        let mut bits: u64 = 0;
        let mut digits = 0u32;
        let mut separator = None;
        let mut since_separator = 0u32;
        let mut group = None;
        for byte in text.bytes() {
            if let Some(value) = (byte as char).to_digit(16) {
                digits += 1;
                since_separator += 1;
                if digits > 12 {
                    return Err(InvalidMac);
                }
                bits = bits << 4 | u64::from(value);
                continue;
            }
            // Separators are of one kind and stand after equal groups (2 or 4 digits).
            let known = matches!(byte, b':' | b'-' | b'.' | b'_');
            let same_kind = *separator.get_or_insert(byte) == byte;
            let same_size = *group.get_or_insert(since_separator) == since_separator;
            if !known || !same_kind || !same_size || !matches!(since_separator, 2 | 4) {
                return Err(InvalidMac);
            }
            since_separator = 0;
        }
        let last_group_fits = group.is_none_or(|size| size == since_separator);
        if digits == 12 && last_group_fits { Ok(Mac::from_bits(bits)) } else { Err(InvalidMac) }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.bits())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Mac {
    type Error = InvalidMac;

    fn try_from(text: String) -> Result<Mac, InvalidMac> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> String {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_common_spelling_is_one_address() {
        for text in [
            "0004f2aa0335",
            "0004F2AA0335",
            "00:04:f2:aa:03:35",
            "00-04-F2-AA-03-35",
            "0004.f2aa.0335",
        ] {
            assert_eq!(text.parse::<Mac>().unwrap().to_string(), "0004f2aa0335");
        }
    }

    #[test]
    fn what_is_not_a_mac_is_refused() {
        for text in [
            "",
            "0004f2aa033",
            "0004f2aa03355",
            "00:15:6525ef16a7c",
            "0:15:65:5e:16:7c:0",
            "00:04-f2:aa:03:35",
            "0004f2aa0335:",
            ":0004f2aa0335",
            "001565zz1234",
            "00 04 f2 aa 03 35",
        ] {
            assert_eq!(text.parse::<Mac>(), Err(InvalidMac), "{text:?}");
        }
    }

    #[test]
    fn placeholders_and_multicast_are_nobodys() {
        for text in ["000000000000", "000000000028", "ffffffffffff", "01005e000001"] {
            assert!(!text.parse::<Mac>().unwrap().is_usable(), "{text}");
        }
        assert!("0004f2aa0335".parse::<Mac>().unwrap().is_usable());
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(bits in 0u64..1 << 48) {
            let mac = Mac::from_bits(bits);
            prop_assert_eq!(mac.to_string().parse::<Mac>(), Ok(mac));
            prop_assert_eq!(mac.colon_upper().parse::<Mac>(), Ok(mac));
            prop_assert_eq!(mac.bits(), bits);
        }

        #[test]
        fn no_input_panics(text in ".{0,40}") {
            let _ = text.parse::<Mac>();
        }
    }
}
