//! Bytes as hex digits (RFC 4648, section 8), in lower case.

use std::fmt::Write;

/// Two digits for each byte.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    text
}

/// The bytes of exactly `N` pairs of digits, in either case.
#[must_use]
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(value(pair[0])? << 4 | value(pair[1])?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_nothing_else_is_taken() {
        assert_eq!(to_hex(&[0, 0x0f, 0xa5]), "000fa5");
        assert_eq!(from_hex("000FA5"), Some([0, 0x0f, 0xa5]));
        for text in ["000fa", "000fa5a5", "000fg5", "+00fa5", "é0fa"] {
            assert_eq!(from_hex::<3>(text), None, "{text}");
        }
    }
}
