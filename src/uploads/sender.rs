//! Whose an upload is, and what it is called: what makes its path.

use std::fmt;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::domain::{CompanyId, Device, Mac};

/// A device with an active phone, as it is now. One that was given to another company is another
/// sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    mac: Mac,
    /// 16 hexadecimal digits of a digest of the companies of its active phones.
    whose: String,
}

impl Sender {
    /// `None` for a device without an active phone.
    #[must_use]
    pub fn of(device: &Device) -> Option<Sender> {
        let mut companies: Vec<&CompanyId> = device.companies().collect();
        companies.sort_unstable();
        companies.dedup();
        if companies.is_empty() {
            return None;
        }
        let mut digest = Sha256::new();
        for company in companies {
            digest.update(company.as_str());
            digest.update([0]);
        }
        let whose = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Some(Sender { mac: device.mac, whose })
    }

    /// The device that sends.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Of its files, below the folder of all.
    pub(super) fn folder(&self) -> PathBuf {
        PathBuf::from(self.mac.to_string()).join(&self.whose)
    }

    pub(super) fn whose(&self) -> &str {
        &self.whose
    }
}

/// The name of an upload: 1 to 128 of `a-z`, `0-9`, `-`, `_` and `.`, which is not the first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileName(String);

impl FileName {
    const MAX: usize = 128;

    /// Of a name in any case; `None` when it has other characters or is too long.
    #[must_use]
    pub fn new(name: &str) -> Option<FileName> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_name = (1..=FileName::MAX).contains(&name.len())
            && !name.starts_with('.')
            && name.bytes().all(fits);
        // Phones spell a MAC in either case, and it is one file.
        is_name.then(|| FileName(name.to_ascii_lowercase()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for FileName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for name in ["", ".", "..", ".a", "a/b", "a\\b", "a b", "a\0", "\u{fc}", &"a".repeat(129)] {
            assert_eq!(FileName::new(name), None, "{name:?}");
        }
        for name in ["0004f2abcdef-app.log", "a", "a..b", &"a".repeat(128)] {
            assert_eq!(FileName::new(name).unwrap().as_str(), name);
        }
        assert_eq!(FileName::new("0004F2ABCDEF-App.log"), FileName::new("0004f2abcdef-app.log"));
    }
}
