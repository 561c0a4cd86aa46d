//! Every format byte for byte as OpenSSL makes it, and back again with the makers' command lines.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::domain::from_hex;

/// Files that OpenSSL made and that a maker's command line decrypted, and that of the RFC.
const VECTORS: &str = include_str!("../../tests/fixtures/encryption.json");
const NAME: FileName<'_> = FileName { device: "00005e005301", file: "00005e005301.cfg" };
const ALL: [Format; 6] = [
    Format::OpensslAes256Cbc,
    Format::OpensslAes256CbcNosalt,
    Format::OpensslAes128CbcBase64,
    Format::Aes128Cbc,
    Format::Aes128EcbBlanks,
    Format::Aes128Gcm,
];

#[derive(Deserialize)]
struct Vector {
    format: Format,
    phones: String,
    key: String,
    salt: Option<String>,
    plain: String,
    encrypted: Option<String>,
    encrypted_text: Option<String>,
}

#[test]
fn each_format_is_byte_for_byte_what_the_tool_makes() {
    let vectors: Vec<Vector> = serde_json::from_str(VECTORS).unwrap();
    for vector in &vectors {
        let (key, plain) = (vector.key.as_str(), vector.plain.as_bytes());
        let salt = vector.salt.as_deref().unwrap_or_default();
        let made = match vector.format {
            Format::OpensslAes256Cbc => openssl::with_salt::<32>(key, &bytes(salt), plain),
            Format::OpensslAes128CbcBase64 => {
                openssl::in_lines(&openssl::with_salt::<16>(key, &bytes(salt), plain))
            }
            Format::Aes128Gcm => {
                let material = content_coding::keying_material(key).unwrap();
                content_coding::with_salt(&material, &bytes(salt), plain)
            }
            format => format.encrypt(key, NAME, plain).unwrap(),
        };
        match (&vector.encrypted, &vector.encrypted_text) {
            (Some(encrypted), _) => assert_eq!(to_hex(&made), *encrypted, "{}", vector.phones),
            (None, text) => {
                assert_eq!(String::from_utf8(made).ok(), *text, "{}", vector.phones);
            }
        }
    }
    for format in ALL {
        assert!(vectors.iter().any(|vector| vector.format == format), "{format:?}");
    }
}

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    from_hex(hex).unwrap()
}

#[test]
fn the_makers_command_line_gives_the_text_back() {
    let texts = [
        Vec::new(),
        b"#!version:1.0.0.1\naccount.1.enable = 1\n".to_vec(),
        vec![b'a'; 16],
        vec![b'b'; 4096 - 17],
        vec![b'c'; 4096],
        (0..1 << 20).map(|at: u32| b' ' + u8::try_from(at % 95).unwrap()).collect(),
    ];
    for format in ALL {
        let key = format.own_key(&[7; 32], 16);
        for text in &texts {
            let encrypted = format.encrypt(&key, NAME, text).unwrap();
            let mut back = decrypt(format, &key, &encrypted);
            if format == Format::Aes128EcbBlanks {
                assert_eq!(encrypted.len(), text.len().next_multiple_of(16), "no block is added");
                assert!(back[text.len()..].iter().all(|byte| *byte == b' '));
                back.truncate(text.len());
            }
            assert!(back == *text, "{format:?}, {} bytes", text.len());
        }
    }
}

/// With the command that the makers' guides have; of RFC 8188 by the RFC.
fn decrypt(format: Format, key: &str, encrypted: &[u8]) -> Vec<u8> {
    let phrase = format!("pass:{key}");
    let (raw, iv) = key.split_at(key.len().min(32));
    let as_hex = to_hex(key.as_bytes());
    let arguments: &[&str] = match format {
        Format::OpensslAes256Cbc => &["-aes-256-cbc", "-md", "md5", "-pass", &phrase],
        Format::OpensslAes256CbcNosalt => {
            &["-aes-256-cbc", "-md", "md5", "-nosalt", "-pass", &phrase]
        }
        Format::OpensslAes128CbcBase64 => &["-aes-128-cbc", "-md", "md5", "-a", "-pass", &phrase],
        Format::Aes128Cbc => &["-aes-128-cbc", "-K", raw, "-iv", iv],
        Format::Aes128EcbBlanks => &["-aes-128-ecb", "-nopad", "-K", &as_hex],
        Format::Aes128Gcm => return decode(key, encrypted),
    };
    let mut child = Command::new("openssl")
        .args(["enc", "-d"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let mut stdin = child.stdin.take().unwrap();
    let encrypted = encrypted.to_vec();
    let writing = std::thread::spawn(move || stdin.write_all(&encrypted).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success(), "{format:?}");
    output.stdout
}

/// RFC 8188 section 2, read from the other side.
fn decode(key: &str, encrypted: &[u8]) -> Vec<u8> {
    use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use hmac::{Hmac, KeyInit, Mac as _};
    let mac = |key: &[u8], text: &[u8]| {
        let mut hash: Hmac<sha2::Sha256> = Hmac::new_from_slice(key).unwrap();
        hash.update(text);
        hash.finalize().into_bytes()
    };
    let (header, mut records) = encrypted.split_at(21);
    assert_eq!(header[16..], [0, 0, 0x10, 0, 0]);
    let extracted = mac(&header[..16], &content_coding::keying_material(key).unwrap());
    let key = mac(&extracted, b"Content-Encoding: aes128gcm\0\x01");
    let nonce = mac(&extracted, b"Content-Encoding: nonce\0\x01");
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16]).unwrap());
    let (mut text, mut number) = (Vec::new(), 0u32);
    loop {
        let (record, rest) = records.split_at(records.len().min(4096));
        let mut own: [u8; 12] = nonce[..12].try_into().unwrap();
        for (byte, of_number) in own[8..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= of_number;
        }
        let mut record = record.to_vec();
        let nonce = Nonce::assume_unique_for_key(own);
        let opened = key.open_in_place(nonce, Aad::empty(), &mut record).unwrap();
        let (delimiter, part) = opened.split_last().unwrap();
        text.extend_from_slice(part);
        (records, number) = (rest, number + 1);
        match delimiter {
            1 => assert!(!rest.is_empty()),
            2 => break,
            other => panic!("{other}"),
        }
    }
    assert!(records.is_empty());
    text
}

proptest! {
    #[test]
    fn one_input_has_one_output_and_two_have_two_salts(
        text: Vec<u8>, other: Vec<u8>, device in 0u64..1 << 48, random: [u8; 32],
    ) {
        let device = format!("{device:012x}");
        let name = FileName { device: &device, file: "a.cfg" };
        let of_other_file = FileName { device: &device, file: "b.cfg" };
        for format in ALL {
            let key = format.own_key(&random, 32);
            prop_assert!(format.check(&key).is_ok(), "{format:?} {key}");
            let made = format.encrypt(&key, name, &text).unwrap();
            prop_assert_eq!(&made, &format.encrypt(&key, name, &text).unwrap());
            let salt = match format {
                Format::OpensslAes256Cbc => 8..16,
                // In base64: 8 bytes and the half of the third group of three.
                Format::OpensslAes128CbcBase64 => 11..21,
                Format::Aes128Gcm => 0..16,
                _ => continue,
            };
            if text != other {
                let others = format.encrypt(&key, name, &other).unwrap();
                prop_assert_ne!(&made[salt.clone()], &others[salt.clone()]);
            }
            let of_other_file = format.encrypt(&key, of_other_file, &text).unwrap();
            prop_assert_ne!(&made[salt.clone()], &of_other_file[salt]);
        }
    }
}

#[test]
fn a_text_that_is_no_key_is_refused_with_what_one_is() {
    let too_long = "0".repeat(65);
    for (format, key, complaint) in [
        (Format::OpensslAes256Cbc, "", "must be a text of at least 1 character"),
        (Format::Aes128EcbBlanks, "fifteen-letters", "must be 16 ASCII characters"),
        (Format::Aes128EcbBlanks, "fifteen-letter\u{fc}", "must be 16 ASCII characters"),
        (Format::Aes128Cbc, &too_long[..32], "must be 64 hexadecimal digits"),
        (Format::Aes128Cbc, &too_long, "must be 64 hexadecimal digits"),
        (Format::Aes128Gcm, "AAECAwQFBgcICQoLDA0O", "must be base64url"),
        (Format::Aes128Gcm, "AAECAwQFBgcICQoLDA0ODw==", "must be base64url"),
    ] {
        let error = format.encrypt(key, NAME, b"text").unwrap_err().to_string();
        assert!(error.starts_with(complaint), "{format:?} {error}");
    }
}

#[test]
fn an_own_key_is_as_long_as_it_may_be_and_does_not_change_with_the_program() {
    let random: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
    let own = |format: Format, length| format.own_key(&random, length);
    assert_eq!(own(Format::Aes128Gcm, 16), "AAECAwQFBgcICQoLDA0ODw");
    assert_eq!(own(Format::OpensslAes128CbcBase64, 16), "000102030405060708090a0b0c0d0e0f");
    assert_eq!(own(Format::Aes128Cbc, 16).len(), 64);
    assert_eq!(own(Format::OpensslAes256Cbc, 32).len(), 32);
    assert_eq!(own(Format::OpensslAes256CbcNosalt, 16), own(Format::Aes128EcbBlanks, 32));
}
