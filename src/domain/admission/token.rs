//! Tokens: what nobody can guess, as an element of a URL's path.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::domain::{Company, Mac, PasswordSeed};

/// 160 bits, written in base32 (RFC 4648 section 6) in lower case: phones' URLs are short, some of
/// them take no escapes, and keyboards of displays have one case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UrlToken([u8; UrlToken::BYTES]);

/// Whose a token is.
#[derive(Debug, Clone, Copy)]
pub enum TokenOf<'a> {
    /// All phones of a company have it; the number counts its changes.
    Company(&'a Company, u32),
    /// One phone's, of that number.
    Phone(Mac, u32),
}

/// The text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token: 32 of a-z and 2-7")]
pub struct InvalidToken;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

impl UrlToken {
    const BYTES: usize = 20;
    /// How many characters one has.
    pub const LENGTH: usize = UrlToken::BYTES * 8 / 5;

    /// The token as it is written; a secret.
    #[must_use]
    pub fn expose(&self) -> String {
        let bits = |at: usize| {
            // Five bits from bit 5 * at on, which lie in two bytes at most.
            let (byte, shift) = (at * 5 / 8, at * 5 % 8);
            let next = self.0.get(byte + 1).copied().unwrap_or_default();
            let pair = u16::from_be_bytes([self.0[byte], next]);
            usize::from(pair >> (11 - shift) & 31)
        };
        (0..UrlToken::LENGTH).map(|at| char::from(ALPHABET[bits(at)])).collect()
    }
}

impl FromStr for UrlToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<UrlToken, InvalidToken> {
        if text.len() != UrlToken::LENGTH {
            return Err(InvalidToken);
        }
        let (mut bytes, mut bits, mut have, mut at) = ([0; UrlToken::BYTES], 0_u32, 0, 0);
        for letter in text.bytes() {
            let value = match letter {
                b'a'..=b'z' => letter - b'a',
                b'2'..=b'7' => letter - b'2' + 26,
                _ => return Err(InvalidToken),
            };
            bits = bits << 5 | u32::from(value);
            have += 5;
            if have >= 8 {
                have -= 8;
                bytes[at] = (bits >> have & 0xff) as u8;
                at += 1;
            }
        }
        Ok(UrlToken(bytes))
    }
}

impl fmt::Debug for UrlToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UrlToken(***)")
    }
}

impl PasswordSeed {
    /// The token of a company or a phone. Made of the seed like passwords: nothing has to be stored.
    #[must_use]
    pub fn token(&self, of: TokenOf<'_>) -> UrlToken {
        let bytes = self.token_hash(of).finalize().into_bytes();
        UrlToken(*bytes.first_chunk().expect("a hash of 32 bytes has 20"))
    }

    /// Whether it is that token. Takes as long whichever part of it is wrong.
    #[must_use]
    pub fn is_token(&self, of: TokenOf<'_>, token: &UrlToken) -> bool {
        self.token_hash(of).verify_truncated_left(&token.0).is_ok()
    }

    fn token_hash(&self, of: TokenOf<'_>) -> Hmac<Sha256> {
        let mut hash = self.keyed();
        match of {
            TokenOf::Company(company, number) => {
                hash.update(b"company token\0");
                hash.update(&number.to_be_bytes());
                hash.update(&company.instance.map_or(0, std::num::NonZeroU64::get).to_be_bytes());
                hash.update(company.id.as_str().as_bytes());
            }
            TokenOf::Phone(mac, number) => {
                hash.update(b"phone token\0");
                hash.update(&number.to_be_bytes());
                hash.update(&mac.bits().to_be_bytes());
            }
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Timestamp;

    proptest! {
        #[test]
        fn a_token_is_read_as_it_was_written(bytes: [u8; 20]) {
            let token = UrlToken(bytes);
            prop_assert_eq!(token.expose().parse(), Ok(token));
        }
    }

    #[test]
    fn each_has_its_own_and_another_after_a_change() {
        let seed = PasswordSeed::new([7; 32]);
        let company =
            |id: &str| Company::new(id.parse().unwrap(), String::new(), Timestamp::from_seconds(1));
        let (acme, other) = (company("acme"), company("other"));
        let (one, two) = (Mac::from_bits(1), Mac::from_bits(2));
        let all = [
            seed.token(TokenOf::Company(&acme, 0)),
            seed.token(TokenOf::Company(&acme, 1)),
            seed.token(TokenOf::Company(&other, 0)),
            seed.token(TokenOf::Phone(one, 0)),
            seed.token(TokenOf::Phone(one, 1)),
            seed.token(TokenOf::Phone(two, 0)),
            PasswordSeed::new([8; 32]).token(TokenOf::Phone(one, 0)),
        ];
        for (at, token) in all.iter().enumerate() {
            assert!(!all[..at].contains(token), "{at}");
        }
        assert!(seed.is_token(TokenOf::Phone(one, 1), &all[4]));
        assert!(!seed.is_token(TokenOf::Phone(one, 0), &all[4]));
        // It stands in phones: it must not change with the program.
        assert_eq!(all[3].expose(), "s3feiptl2qk6nv26vnxopl657breksb2");
        assert_eq!(format!("{:?}", all[3]), "UrlToken(***)");
    }

    #[test]
    fn what_is_no_token_is_none() {
        for text in [
            "",
            "a",
            &"a".repeat(31),
            &"a".repeat(33),
            &"A".repeat(32),
            &"1".repeat(32),
            &"é".repeat(16),
        ] {
            assert_eq!(text.parse::<UrlToken>(), Err(InvalidToken), "{text}");
        }
    }
}
