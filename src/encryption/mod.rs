//! The forms in which makers' phones take a configuration encrypted: pure functions of a key and
//! bytes, which know no phone.
//!
//! What is random with the makers' tools, a salt, is made of the key, of whose file it is and of
//! its text here: the same input gives the same bytes, so that a phone which has the file is told
//! so, and two texts never have one salt.

mod content_coding;
mod openssl;
mod raw;
mod salt;
#[cfg(test)]
mod tests;

pub use salt::FileName;

pub use crate::domain::settings::EncryptionFormat as Format;
use crate::domain::to_hex;

/// Why a text is no key of a format: the end of a sentence that begins with what it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct UnfitKey(&'static str);

impl Format {
    /// The bytes to send for `plain`. The same for the same input.
    ///
    /// # Errors
    /// When the key is none of the format.
    pub fn encrypt(self, key: &str, name: FileName<'_>, plain: &[u8]) -> Result<Vec<u8>, UnfitKey> {
        self.check(key)?;
        Ok(match self {
            Format::OpensslAes256Cbc => openssl::salted_aes_256(key, name, plain),
            Format::OpensslAes256CbcNosalt => openssl::unsalted_aes_256(key, plain),
            Format::OpensslAes128CbcBase64 => openssl::base64_aes_128(key, name, plain),
            Format::Aes128Cbc => raw::cbc(key, plain),
            Format::Aes128EcbBlanks => raw::ecb(key, plain),
            Format::Aes128Gcm => content_coding::aes128gcm(key, name, plain),
        })
    }

    /// Whether the text can be a key; what a family's phones take may be less.
    ///
    /// # Errors
    /// What a key of the format is.
    pub fn check(self, key: &str) -> Result<(), UnfitKey> {
        let is_hex = || key.bytes().all(|byte| byte.is_ascii_hexdigit());
        match self {
            Format::OpensslAes256Cbc
            | Format::OpensslAes256CbcNosalt
            | Format::OpensslAes128CbcBase64 => match !key.is_empty() {
                true => Ok(()),
                false => Err(UnfitKey("a text of at least 1 character")),
            },
            Format::Aes128Cbc => match key.len() == 64 && is_hex() {
                true => Ok(()),
                false => Err(UnfitKey(
                    "64 hexadecimal digits: 32 of the key and 32 of the initialisation vector",
                )),
            },
            Format::Aes128EcbBlanks => match key.len() == raw::BLOCK && key.is_ascii() {
                true => Ok(()),
                false => Err(UnfitKey("16 ASCII characters")),
            },
            Format::Aes128Gcm => match content_coding::keying_material(key) {
                Some(_) => Ok(()),
                None => Err(UnfitKey("base64url, without =, of 16 to 64 bytes")),
            },
        }
    }

    /// A key of the format, of 32 bytes that nobody must be able to guess; of those whose length is
    /// anybody's, so many characters: at most 32.
    #[must_use]
    pub fn own_key(self, random: &[u8; 32], length: usize) -> String {
        match self {
            Format::Aes128Gcm => content_coding::spelled(&random[..16]),
            Format::Aes128Cbc => to_hex(random),
            Format::OpensslAes128CbcBase64 => to_hex(&random[..16]),
            Format::Aes128EcbBlanks => letters(random, raw::BLOCK),
            Format::OpensslAes256Cbc | Format::OpensslAes256CbcNosalt => letters(random, length),
        }
    }

    /// What HTTP says of a file that is so encrypted (RFC 9110 section 8.4); `None`: nothing.
    #[must_use]
    pub fn content_encoding(self) -> Option<&'static str> {
        (self == Format::Aes128Gcm).then_some("aes128gcm")
    }
}

/// Letters and digits, nearly six bits each: no phone's syntax has another use for them.
fn letters(random: &[u8; 32], length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let (halves, _) = random.as_chunks::<16>();
    let of_half = |half: &[u8; 16]| {
        let mut number = u128::from_be_bytes(*half);
        // 95 of the 128 bits: the rest makes all letters alike in number.
        let letters: [char; 16] = std::array::from_fn(|_| {
            let at = usize::try_from(number % 62).expect("it is below 62");
            number /= 62;
            char::from(ALPHABET[at])
        });
        letters
    };
    halves.iter().flat_map(of_half).take(length).collect()
}
