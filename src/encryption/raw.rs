//! AES with the key as it is.

use aws_lc_rs::cipher::{
    AES_128, AES_256, EncryptingKey, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;

use crate::domain::from_hex;

/// Bytes of a block of AES.
pub(super) const BLOCK: usize = 16;

/// `key` is checked: 16 bytes and the initialisation vector, in hexadecimal digits.
pub(super) fn cbc(key: &str, plain: &[u8]) -> Vec<u8> {
    let bytes: [u8; 32] = from_hex(key).expect("a key is checked");
    let ([key, iv], _) = bytes.as_chunks::<BLOCK>() else { unreachable!("two halves of 32 bytes") };
    encrypt_cbc(key, *iv, plain)
}

/// `key` is checked: 16 bytes.
pub(super) fn ecb(key: &str, plain: &[u8]) -> Vec<u8> {
    let mut bytes = plain.to_vec();
    bytes.resize(plain.len().next_multiple_of(BLOCK), b' ');
    let key = UnboundCipherKey::new(&AES_128, key.as_bytes()).expect("a key is checked");
    let key = EncryptingKey::ecb(key).expect("AES has this mode");
    key.less_safe_encrypt(&mut bytes, EncryptionContext::None).expect("it is whole blocks");
    bytes
}

/// With the padding of PKCS #7; the key has 16 or 32 bytes.
pub(super) fn encrypt_cbc(key: &[u8], iv: [u8; BLOCK], plain: &[u8]) -> Vec<u8> {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    let key = UnboundCipherKey::new(algorithm, key).expect("the key is as long as AES has it");
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).expect("AES has this mode");
    let mut bytes = plain.to_vec();
    let iv = EncryptionContext::Iv128(FixedLength::from(iv));
    key.less_safe_encrypt(&mut bytes, iv).expect("memory is there for one more block");
    bytes
}
