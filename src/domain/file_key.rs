//! The keys of phones' own that the gateway makes for their encrypted files.

use hmac::Mac as _;
use sha2::{Digest, Sha256};

use super::settings::{KeyName, Secret};
use super::{Company, Mac, PasswordSeed};

impl PasswordSeed {
    /// The name of the key of devices whose active ports are all in this company: who had the
    /// device in another one, or in one that was deleted and had the same id, knows another key.
    #[must_use]
    pub fn file_key_name(company: Option<&Company>) -> KeyName {
        let mut hash = Sha256::new();
        hash.update(company.map_or("", |company| company.id.as_str()));
        if let Some(instance) = company.and_then(|company| company.instance) {
            hash.update(b"\0");
            hash.update(instance.get().to_be_bytes());
        }
        KeyName::Own(number(&hash.finalize()))
    }

    /// 256 bits that nobody can guess, of this device and this name of a key.
    #[must_use]
    pub fn file_key(&self, mac: Mac, name: u64) -> [u8; 32] {
        let mut hash = self.keyed();
        hash.update(b"file key");
        hash.update(&mac.bits().to_be_bytes());
        hash.update(&name.to_be_bytes());
        hash.finalize().into_bytes().into()
    }

    /// The name of a key that an operator set. Whoever reads it cannot try keys by it.
    #[must_use]
    pub fn set_key_name(&self, key: &Secret) -> KeyName {
        let mut hash = self.keyed();
        hash.update(b"set key");
        hash.update(key.expose().as_bytes());
        KeyName::Set(number(&hash.finalize().into_bytes()))
    }
}

fn number(hash: &[u8]) -> u64 {
    u64::from_be_bytes(*hash.first_chunk().expect("a hash has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::domain::Timestamp;

    #[test]
    fn a_key_is_of_one_phone_in_one_company() {
        let seed = PasswordSeed::new([7; 32]);
        let company = |instance| Company {
            instance: NonZeroU64::new(instance),
            ..Company::new("acme".parse().unwrap(), String::new(), Timestamp::from_seconds(1))
        };
        let names = [None, Some(company(0)), Some(company(1))]
            .map(|company| PasswordSeed::file_key_name(company.as_ref()));
        let mut all = Vec::new();
        for name in names {
            let KeyName::Own(name) = name else { panic!("{name:?}") };
            for mac in [1, 2] {
                all.push(seed.file_key(Mac::from_bits(mac), name));
            }
        }
        for (at, key) in all.iter().enumerate() {
            assert!(!all[..at].contains(key));
        }
        let set = |key: &str| seed.set_key_name(&Secret::new(key.to_owned()));
        assert_ne!(set("one"), set("other"));
        let other = PasswordSeed::new([8; 32]);
        assert_ne!(set("one"), other.set_key_name(&Secret::new("one".to_owned())));
    }
}
