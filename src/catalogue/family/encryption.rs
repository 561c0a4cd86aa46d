//! How the phones of a type take their own files encrypted, and with what keys.

use std::collections::BTreeMap;

use regex::Regex;

use super::PhoneType;
use super::definition::EncryptionFile;
use crate::domain::settings::{FileEncryption, Provisioning};
use crate::encryption::Format;

/// A way in which phones take their own files encrypted.
#[derive(Debug)]
pub struct Encryption {
    /// How the bytes are made.
    pub format: Format,
    own_key: usize,
    key: Option<(Regex, String)>,
}

/// What a type must have in its data.
type Constants = BTreeMap<String, String>;

impl Encryption {
    /// Compiles what a family says; with the constants of the types that know the way.
    ///
    /// # Errors
    /// What is wrong with it, for its writer.
    pub(super) fn new(written: EncryptionFile) -> Result<(Constants, Encryption), String> {
        let EncryptionFile { format, key, key_is, own_key, only, .. } = written;
        let key = match (key, key_is) {
            (None, None) => None,
            (Some(pattern), Some(words)) => {
                let regex = Regex::new(&format!("^(?:{pattern})$"));
                Some((regex.map_err(|error| error.to_string())?, words))
            }
            _ => return Err("`key` is for phones and `key_is` for people: say both".to_owned()),
        };
        let encryption = Encryption { format, own_key, key };
        // What an own key looks like does not depend on what it is made of.
        match encryption.key_fault(&encryption.own_key(&[0x5a; 32])) {
            Some(fault) => Err(format!("a key that the gateway makes {fault}")),
            None => Ok((only, encryption)),
        }
    }

    /// Why phones take no such key: the end of a sentence that begins with the key.
    #[must_use]
    pub fn key_fault(&self, key: &str) -> Option<String> {
        if let Some((regex, words)) = &self.key
            && !regex.is_match(key)
        {
            return Some(format!("must be {words}"));
        }
        self.format.check(key).err().map(|unfit| unfit.to_string())
    }

    /// A key that phones take, of 32 bytes that nobody must be able to guess.
    #[must_use]
    pub fn own_key(&self, random: &[u8; 32]) -> String {
        self.format.own_key(random, self.own_key)
    }
}

impl PhoneType {
    /// The way that counts for these settings, whether or not they want one: the one they name, if
    /// the phones know it, else the first. `None`: its phones know none.
    #[must_use]
    pub fn encryption(&self, settings: &Provisioning) -> Option<&Encryption> {
        let named = settings.encryption_format;
        let mut all = self.encryptions.iter();
        let named = all.find(|way| Some(way.format) == named);
        named.or(self.encryptions.first()).map(|way| &**way)
    }

    /// The way in which the files of a phone with these settings are to be encrypted.
    #[must_use]
    pub fn wanted_encryption(&self, settings: &Provisioning) -> Option<&Encryption> {
        match settings.encryption? {
            FileEncryption::Off => None,
            FileEncryption::On | FileEncryption::Forced => self.encryption(settings),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::catalogue::Catalogue;
    use crate::catalogue::tests::{FAMILY, folders};

    fn told(encryption: &str, file: &str) -> String {
        let family = FAMILY
            .replace("[maps.language]", &format!("{encryption}\n[maps.language]"))
            .replacen("escape = \"line\"", &format!("escape = \"line\"\n{file}"), 1);
        let made = Catalogue::from_folders(&folders(&family, "a = 1\n"), &Default::default());
        made.map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn what_says_nothing_or_cannot_be_is_told_with_its_line() {
        let way = |rest: &str| {
            format!("[[encryption]]\nformat = \"aes-128-ecb-blanks\"\nsource = \"p. 1\"\n{rest}")
        };
        assert_eq!(told(&way(""), "encrypted = true"), "");
        for (rest, file, complaint) in [
            ("", "", "neither without the other"),
            ("key = '[a-z]{16}'", "encrypted = true", "say both"),
            ("key = '['\nkey_is = \"letters\"", "encrypted = true", "regex parse error"),
            (
                "key = '[0-9]{16}'\nkey_is = \"16 digits\"",
                "encrypted = true",
                "a key that the gateway makes must be 16 digits",
            ),
            ("only = { kind = \"old\" }", "encrypted = true", "no type has these constants"),
        ] {
            let told = told(&way(rest), file);
            assert!(
                told.contains(complaint) && told.contains("acme/family.toml"),
                "{rest}: {told}"
            );
        }
        assert!(told("", "encrypted = true").contains("neither without the other"));
        let unknown = "[[encryption]]\nformat = \"rot13\"\nsource = \"p. 1\"";
        assert!(told(unknown, "encrypted = true").contains("openssl-aes-256-cbc"));
        let key = "[defaults.provisioning]\nencryption_key = \"Ab3dEf6hIj9lMn2p\"";
        assert!(told(&way(key), "encrypted = true").contains("known to everybody"));
    }
}
