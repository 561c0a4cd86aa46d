//! One key of a store.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

use crate::domain::{from_hex, to_hex};

/// A key, ready for use. Cheap to clone; shows only its id.
#[derive(Clone)]
pub struct StoreKey {
    id: Arc<str>,
    aead: Arc<RandomizedNonceKey>,
}

/// The text is no key. Tells nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a key, which is 32 random bytes as 64 hex digits or 43 characters of base64url: make one \
     with `dialtone store key`"
)]
pub struct InvalidStoreKey;

/// Also with the padding that other programs write.
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl StoreKey {
    /// The key of 32 bytes, which nobody must be able to guess. What is encrypted with and what
    /// tells the key are derived from them, as HKDF (RFC 5869) expands a random key.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> StoreKey {
        let derived = |label: &[u8]| -> [u8; 32] {
            let mut hash: Hmac<Sha256> =
                Hmac::new_from_slice(&bytes).expect("it takes a key of any length");
            hash.update(label);
            hash.update(&[1]);
            hash.finalize().into_bytes().into()
        };
        let id = to_hex(&derived(b"dialtone store: key id")[..4]).into();
        let aead = RandomizedNonceKey::new(&AES_256_GCM_SIV, &derived(b"dialtone store: values"))
            .expect("the algorithm takes 32 bytes");
        StoreKey { id, aead: Arc::new(aead) }
    }

    /// Eight hex digits by which a value tells its key, and an operator one file from another.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Base64 of nonce, cipher text and tag.
    pub(super) fn seal(&self, associated: &str, plain: &[u8]) -> String {
        let mut sealed = Vec::with_capacity(plain.len() + 16);
        sealed.extend_from_slice(plain);
        let associated = Aad::from(associated.as_bytes());
        // Only for what is longer than 64 GB, or when the system has no random numbers.
        let nonce = self.aead.seal_in_place_append_tag(associated, &mut sealed);
        let nonce = nonce.expect("the system gives random numbers");
        let mut text = String::with_capacity((NONCE_LEN + sealed.len()).div_ceil(3) * 4);
        // 12 bytes are 16 characters, and the rest goes on as if it were one.
        STANDARD_NO_PAD.encode_string(nonce.as_ref(), &mut text);
        STANDARD_NO_PAD.encode_string(&sealed, &mut text);
        text
    }

    /// What [`StoreKey::seal`] was given; `None` where it was not this.
    pub(super) fn open(&self, associated: &str, sealed: &str) -> Option<Vec<u8>> {
        let mut bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, _) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let associated = Aad::from(associated.as_bytes());
        let plain = self.aead.open_in_place(nonce, associated, &mut bytes[NONCE_LEN..]).ok()?.len();
        bytes.copy_within(NONCE_LEN..NONCE_LEN + plain, 0);
        bytes.truncate(plain);
        Some(bytes)
    }
}

impl FromStr for StoreKey {
    type Err = InvalidStoreKey;

    /// As a file has it: space around it does not count.
    fn from_str(text: &str) -> Result<StoreKey, InvalidStoreKey> {
        let text = text.trim();
        let base64 = || BASE64_URL.decode(text).ok()?.try_into().ok();
        from_hex(text).or_else(base64).map(StoreKey::new).ok_or(InvalidStoreKey)
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_either_form_and_tells_itself_by_its_id() {
        let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        let key: StoreKey = hex.parse().unwrap();
        for same in [
            "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\r\n",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        ] {
            assert_eq!(same.parse::<StoreKey>().unwrap().id(), key.id(), "{same}");
        }
        assert_ne!(StoreKey::new([7; 32]).id(), key.id());
        assert_eq!(key.id().len(), 8);
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_told() {
        for text in ["", "hunter2", "00", &"0".repeat(63), &"g".repeat(64), &"A".repeat(44)] {
            let refused = text.parse::<StoreKey>().unwrap_err().to_string();
            assert!(refused.contains("dialtone store key"), "{refused}");
            assert!(text.is_empty() || !refused.contains(text), "{refused}");
        }
    }

    /// Files of today are read for years.
    #[test]
    fn a_value_of_the_first_version_opens() {
        let sealed = StoreKey::new([9; 32]).seal("phone|settings|x", b"{}");
        assert_eq!(sealed.len(), 40);
    }
}
