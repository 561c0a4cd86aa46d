//! Whose an upload is, and what it is called: what makes its path.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::domain::{Company, Device, Mac, to_hex};

/// A device with an active phone, as it is now. One that was given to another company is another
/// sender, as is one that was deleted and made anew, or whose company was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    mac: Mac,
    /// The companies of its active phones.
    owner: String,
    /// 16 hexadecimal digits.
    owner_digest: String,
}

impl Sender {
    /// `companies` are those of the active phones of the device; `None` without one.
    #[must_use]
    pub fn of<'c>(
        device: &Device,
        companies: impl IntoIterator<Item = &'c Company>,
    ) -> Option<Sender> {
        let owners: BTreeSet<(&str, u64)> = companies
            .into_iter()
            .map(|company| (company.id.as_str(), company.instance.map_or(0, NonZero::get)))
            .collect();
        // When its first active phone was made.
        let active = device.phones.values().filter(|phone| phone.company().is_some());
        let since = active.map(|phone| phone.created).min().filter(|_| !owners.is_empty())?;
        let names: Vec<&str> = owners.iter().map(|(company, _)| *company).collect();
        let owner = names.join(",");
        let mut digest = Sha256::new();
        digest.update(since.seconds().to_be_bytes());
        for (company, instance) in owners {
            digest.update(company);
            digest.update([0]);
            digest.update(instance.to_be_bytes());
        }
        Some(Sender { mac: device.mac, owner, owner_digest: to_hex(&digest.finalize()[..8]) })
    }

    #[cfg(test)]
    pub(super) fn in_test(mac: Mac, company: &str) -> Sender {
        Sender { mac, owner: company.to_owned(), owner_digest: "0".repeat(16) }
    }

    /// The device that sends.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// The folder of its files, below the folder of all.
    pub(super) fn folder(&self) -> PathBuf {
        PathBuf::from(self.mac.to_string()).join(&self.owner_digest)
    }

    /// Who shares the room for uploads with others: a company, or those that have a device
    /// together, which count as one of its own.
    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    pub(super) fn owner_digest(&self) -> &str {
        &self.owner_digest
    }
}

/// The name of an upload: 1 to 128 of `a-z`, `0-9`, `-`, `_` and `.`, which is not the first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileName(String);

impl FileName {
    const MAX: usize = 128;

    /// Takes a name in any case; `None` when it has other characters or is too long.
    #[must_use]
    pub fn new(name: &str) -> Option<FileName> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_name = (1..=FileName::MAX).contains(&name.len())
            && !name.starts_with('.')
            && name.bytes().all(fits);
        // Phones spell a MAC in either case, and it is one file.
        is_name.then(|| FileName(name.to_ascii_lowercase()))
    }

    /// The name as it is on the disk, in lower case.
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
