//! Salts that are made of what they salt.

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

/// Whose file it is and which: no two files of all phones have one.
#[derive(Debug, Clone, Copy)]
pub struct FileName<'a> {
    /// The device, as it is spelled everywhere.
    pub device: &'a str,
    /// The name that it asks for the file by.
    pub file: &'a str,
}

/// The first bytes of HMAC-SHA256(key, device | file | text).
pub(super) fn salt<const N: usize>(key: &[u8], name: FileName<'_>, plain: &[u8]) -> [u8; N] {
    let mut hash: Hmac<Sha256> = Hmac::new_from_slice(key).expect("it takes a key of any length");
    for part in [name.device.as_bytes(), name.file.as_bytes(), plain] {
        // Each behind its length, or two names could read as one.
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let bytes = hash.finalize().into_bytes();
    *bytes.first_chunk().expect("a salt is no longer than the hash")
}
