//! What `openssl enc -k` makes: key and initialisation vector of a phrase and a salt by
//! `EVP_BytesToKey` with MD5, the default of the OpenSSL of the makers' guides.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::raw::encrypt_cbc;
use super::salt::{FileName, salt};

/// What stands before the salt.
const MAGIC: &[u8] = b"Salted__";
/// Characters of a line of `openssl enc -a`.
const LINE: usize = 64;

pub(super) fn salted_aes_256(phrase: &str, name: FileName<'_>, plain: &[u8]) -> Vec<u8> {
    with_salt::<32>(phrase, &salt(phrase.as_bytes(), name, plain), plain)
}

pub(super) fn unsalted_aes_256(phrase: &str, plain: &[u8]) -> Vec<u8> {
    let (key, iv) = bytes_to_key::<32>(phrase, &[]);
    encrypt_cbc(&key, iv, plain)
}

pub(super) fn base64_aes_128(phrase: &str, name: FileName<'_>, plain: &[u8]) -> Vec<u8> {
    in_lines(&with_salt::<16>(phrase, &salt(phrase.as_bytes(), name, plain), plain))
}

pub(super) fn with_salt<const KEY: usize>(phrase: &str, salt: &[u8; 8], plain: &[u8]) -> Vec<u8> {
    let (key, iv) = bytes_to_key::<KEY>(phrase, salt);
    [MAGIC, salt, &encrypt_cbc(&key, iv, plain)].concat()
}

pub(super) fn in_lines(bytes: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(bytes);
    let mut lines = Vec::with_capacity(text.len() + text.len() / LINE + 1);
    for line in text.as_bytes().chunks(LINE) {
        lines.extend_from_slice(line);
        lines.push(b'\n');
    }
    lines
}

/// `EVP_BytesToKey`, one round: each MD5 is of the one before, the phrase and the salt.
pub(super) fn bytes_to_key<const KEY: usize>(phrase: &str, salt: &[u8]) -> ([u8; KEY], [u8; 16]) {
    let mut made: Vec<u8> = Vec::with_capacity(KEY + 16);
    while made.len() < KEY + 16 {
        let before = made.len().saturating_sub(16);
        let hash = Md5::new().chain_update(&made[before..]).chain_update(phrase);
        made.extend_from_slice(&hash.chain_update(salt).finalize());
    }
    let key = *made.first_chunk().expect("it is as long as both");
    let iv = *made[KEY..].first_chunk().expect("it is as long as both");
    (key, iv)
}
