//! The content coding `aes128gcm` of HTTP, RFC 8188.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::salt::{FileName, salt};

/// Bytes of an encrypted record, the last one may have fewer.
const RECORD: usize = 4096;
const TAG: usize = 16;
/// What a record has of the text: behind it comes one byte that says whether it is the last.
const TEXT: usize = RECORD - TAG - 1;

/// SECURITY: an IKM has one salt for a text and another for every other, so no two texts have one
/// key and nonce.
pub(super) fn aes128gcm(key: &str, name: FileName<'_>, plain: &[u8]) -> Vec<u8> {
    let material = keying_material(key).expect("a key is checked");
    with_salt(&material, &salt(&material, name, plain), plain)
}

/// Input keying material as it is spelled; `None`: it is none, or weaker than the cipher.
pub(super) fn keying_material(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    (16..=64).contains(&bytes.len()).then_some(bytes)
}

pub(super) fn spelled(material: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(material)
}

pub(super) fn with_salt(material: &[u8], salt: &[u8; 16], plain: &[u8]) -> Vec<u8> {
    let extracted = Salt::new(HKDF_SHA256, salt).extract(material);
    let derive = |info: &[u8], out: &mut [u8]| {
        let info = [info];
        let expanded = extracted.expand(&info, Length(out.len())).expect("it is short");
        expanded.fill(out).expect("it is as long as was asked for");
    };
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    derive(b"Content-Encoding: aes128gcm\0", &mut key);
    derive(b"Content-Encoding: nonce\0", &mut nonce);
    let key = UnboundKey::new(&AES_128_GCM, &key).expect("a key of AES-128 has 16 bytes");
    let key = LessSafeKey::new(key);
    let size = u32::try_from(RECORD).expect("a record is short").to_be_bytes();
    let mut bytes = [&salt[..], &size, &[0]].concat();
    // An empty text is one record as well.
    let count = plain.len().div_ceil(TEXT).max(1);
    for number in 0..count {
        let text = &plain[number * TEXT..plain.len().min((number + 1) * TEXT)];
        let delimiter = if number + 1 == count { 2 } else { 1 };
        let mut record = [text, &[delimiter]].concat();
        let nonce = Nonce::assume_unique_for_key(numbered(nonce, number as u128));
        key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record).expect("a record is short");
        bytes.append(&mut record);
    }
    bytes
}

/// The nonce of a record: that of the text, exclusive or its number.
fn numbered(nonce: [u8; 12], number: u128) -> [u8; 12] {
    let number = number.to_be_bytes();
    std::array::from_fn(|at| nonce[at] ^ number[at + 4])
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
