//! Secrets at rest: what of a table is encrypted when a key is configured, and how it is written.
//!
//! A [`Cell`] is one value of one row. What is in it is sealed whole, so that not even the names of
//! the settings that a phone has are to be read, and bound to its place: what was copied from one
//! row to another does not open there. Sealed and plain values may stand beside each other: which
//! one a value is, its beginning tells, and with which key.
//!
//! Written is `enc1:KEYID:BASE64`: the version, eight hex digits that tell the key, and nonce (96
//! random bits), cipher text and tag (128 bits). It is AES-256-GCM-SIV (RFC 8452), of the library
//! that does TLS here: random nonces may be used for 2^32 values and more, and where one came twice,
//! of a machine that was put back to a snapshot, say, it would tell that two values are the same and
//! nothing else. AES-GCM would give its key away, and XChaCha20-Poly1305, which needs no such care
//! either, a second library.

mod cell;
mod key;
mod source;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) use self::cell::Cell;
pub use self::key::{InvalidStoreKey, StoreKey};
pub use self::source::{KEY_VARIABLE, KeySource};
use super::StoreError;

/// What a sealed value begins with.
const SEALED: &str = "enc1:";

/// The keys of a store: seals what is written and opens what is read. Without a key all is plain.
/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Cipher(Arc<Keys>);

#[derive(Debug, Default)]
struct Keys {
    /// What is read may be sealed with any; what is written is sealed with the first.
    all: Vec<StoreKey>,
    /// Whether what is written is sealed at all.
    seals: bool,
    /// Values that were read and not as they would be written.
    stale: AtomicU64,
}

/// Why a value was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotOpened {
    /// It is sealed with a key that is not configured.
    #[error(
        "{cell}: encrypted with the key {wanted}, and {configured}: name the file of that key with \
         key_file in [store] (previous_key_file, while keys are changed), or set {KEY_VARIABLE}"
    )]
    OtherKey {
        /// Which value it is.
        cell: String,
        /// The id of its key.
        wanted: String,
        /// What there is instead, as it follows the sentence.
        configured: String,
    },
    /// The key is right, and the value not what was sealed there.
    #[error(
        "{cell}: changed, cut off, or brought there from another row: the key {key} does not open \
         it. Restore a backup"
    )]
    Changed {
        /// Which value it is.
        cell: String,
        /// The id of its key.
        key: String,
    },
}

/// What became of the values of a store that was written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rekeyed {
    /// They were plain, or sealed with another key, or sealed where they are to be plain.
    pub rewritten: u64,
    /// They were as they are to be.
    pub kept: u64,
}

impl NotOpened {
    /// The store's error for it; `what` names the store.
    pub(super) fn told(&self, what: &str) -> StoreError {
        let (what, why) = (what.to_owned(), self.to_string());
        match self {
            NotOpened::OtherKey { .. } => StoreError::Refused { what, why },
            NotOpened::Changed { .. } => StoreError::Unusable { what, why },
        }
    }
}

impl Cipher {
    /// Seals with `current`, if there is one, and opens with both.
    #[must_use]
    pub fn new(current: Option<StoreKey>, previous: Option<StoreKey>) -> Cipher {
        let seals = current.is_some();
        let all = current.into_iter().chain(previous).collect();
        Cipher(Arc::new(Keys { all, seals, stale: AtomicU64::default() }))
    }

    /// This, for who writes all plain: what is sealed is still read.
    #[must_use]
    pub fn writing_plain(&self) -> Cipher {
        let all = self.0.all.clone();
        Cipher(Arc::new(Keys { all, seals: false, stale: AtomicU64::default() }))
    }

    /// Whether what is written is sealed.
    #[must_use]
    pub fn seals(&self) -> bool {
        self.0.seals
    }

    /// The id of the key that what is written is sealed with.
    #[must_use]
    pub fn writing_id(&self) -> Option<&str> {
        self.current().map(StoreKey::id)
    }

    /// How many values were read that are not sealed with the key that new ones are sealed with;
    /// 0 where none are. `dialtone store rekey` leaves none.
    #[must_use]
    pub fn stale(&self) -> u64 {
        self.0.stale.load(Ordering::Relaxed)
    }

    /// A value as it is to be written.
    pub(super) fn seal<'a>(&self, cell: Cell<'_>, plain: &'a str) -> Cow<'a, str> {
        match self.current() {
            None => Cow::Borrowed(plain),
            Some(key) => {
                let sealed = key.seal(&cell.associated_data(), plain.as_bytes());
                Cow::Owned(format!("{SEALED}{}:{sealed}", key.id()))
            }
        }
    }

    /// A value as it was before it was sealed, or as it is if it never was.
    ///
    /// # Errors
    /// [`NotOpened`]
    pub(super) fn open<'a>(
        &self,
        cell: Cell<'_>,
        written: &'a str,
    ) -> Result<Cow<'a, str>, NotOpened> {
        let Some(sealed) = written.strip_prefix(SEALED) else {
            self.note(self.0.seals);
            return Ok(Cow::Borrowed(written));
        };
        let (id, sealed) = sealed.split_once(':').unwrap_or((sealed, ""));
        let Some(key) = self.0.all.iter().find(|key| key.id() == id) else {
            return Err(self.other_key(cell, id));
        };
        let opened = key.open(&cell.associated_data(), sealed);
        let plain = opened.and_then(|bytes| String::from_utf8(bytes).ok());
        let changed = || NotOpened::Changed { cell: cell.to_string(), key: id.to_owned() };
        let plain = plain.ok_or_else(changed)?;
        self.note(self.writing_id().is_some_and(|current| current != id));
        Ok(Cow::Owned(plain))
    }

    /// Whether a value is written as [`Cipher::seal`] would write it.
    pub(super) fn is_current(&self, written: &str) -> bool {
        let sealed = written.strip_prefix(SEALED).and_then(|sealed| sealed.split_once(':'));
        sealed.map(|(id, _)| id) == self.writing_id()
    }

    fn current(&self) -> Option<&StoreKey> {
        self.0.all.first().filter(|_| self.0.seals)
    }

    fn note(&self, is_stale: bool) {
        if is_stale {
            self.0.stale.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn other_key(&self, cell: Cell<'_>, wanted: &str) -> NotOpened {
        let ids: Vec<&str> = self.0.all.iter().map(StoreKey::id).collect();
        let configured = match &ids[..] {
            [] => "no key is configured".to_owned(),
            [id] => format!("the key that is configured is {id}"),
            ids => format!("the keys that are configured are {}", ids.join(" and ")),
        };
        // What a row says is not told on as it is: the id is hex digits, or somebody wrote it there.
        let wanted: String = wanted.chars().filter(char::is_ascii_hexdigit).take(8).collect();
        NotOpened::OtherKey { cell: cell.to_string(), wanted, configured }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Mac, Port};

    const SECRET: &str = r#"{"lines":{"1":{"password":"Zi6&aO"}}}"#;

    fn key(of: u8) -> StoreKey {
        StoreKey::new([of; 32])
    }

    fn cell(mac: &str) -> Cell<'static> {
        Cell::PhoneSettings(mac.parse::<Mac>().unwrap(), Port::FIRST)
    }

    fn one() -> Cell<'static> {
        cell("0015654aa937")
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_and_shows_nothing() {
        let cipher = Cipher::new(Some(key(1)), None);
        let sealed = cipher.seal(one(), SECRET);
        assert!(sealed.starts_with(&format!("enc1:{}:", key(1).id())), "{sealed}");
        for part in ["lines", "password", "Zi6&aO"] {
            assert!(!sealed.contains(part), "{sealed}");
        }
        assert_eq!(cipher.open(one(), &sealed).unwrap(), SECRET);
        assert_ne!(cipher.seal(one(), SECRET), sealed, "each has a nonce of its own");
    }

    #[test]
    fn it_opens_in_no_other_row_or_column() {
        let cipher = Cipher::new(Some(key(1)), None);
        let sealed = cipher.seal(one(), SECRET);
        let elsewhere = [
            cell("0015654aa938"),
            Cell::PhoneSettings("0015654aa937".parse().unwrap(), Port::new(1).unwrap()),
            Cell::CompanySettings("0015654aa9370"),
            Cell::SystemSettings,
            Cell::PasswordSeed,
        ];
        for other in elsewhere {
            let refused = cipher.open(other, &sealed).unwrap_err();
            assert!(matches!(refused, NotOpened::Changed { .. }), "{other}: {refused}");
        }
    }

    #[test]
    fn a_changed_value_is_told_from_one_of_another_key() {
        let cipher = Cipher::new(Some(key(1)), None);
        let sealed = cipher.seal(one(), SECRET).into_owned();
        for at in [15, 30, sealed.len() - 1] {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let refused = cipher.open(one(), &changed).unwrap_err();
            assert!(matches!(refused, NotOpened::Changed { .. }), "{at}: {refused}");
        }
        for cut in [&sealed[..14], &sealed[..20], &sealed[..sealed.len() - 4]] {
            assert!(matches!(cipher.open(one(), cut), Err(NotOpened::Changed { .. })), "{cut}");
        }
        let refused = Cipher::default().open(one(), &sealed).unwrap_err().to_string();
        let wanted = format!("encrypted with the key {}, and no key is configured", key(1).id());
        assert!(refused.contains(&wanted) && refused.contains("key_file"), "{refused}");
        let other = Cipher::new(Some(key(2)), None).open(one(), &sealed).unwrap_err().to_string();
        let wanted = format!("the key that is configured is {}", key(2).id());
        assert!(other.contains(&wanted), "{other}");
    }

    #[test]
    fn plain_and_older_values_are_read_and_counted() {
        let before = Cipher::new(Some(key(1)), None);
        let old = before.seal(one(), SECRET);
        let cipher = Cipher::new(Some(key(2)), Some(key(1)));
        assert_eq!(cipher.open(one(), SECRET).unwrap(), SECRET);
        assert_eq!(cipher.open(one(), &old).unwrap(), SECRET);
        let new = cipher.seal(one(), SECRET);
        assert_eq!(cipher.open(one(), &new).unwrap(), SECRET);
        assert_eq!(cipher.stale(), 2);
        assert!(cipher.is_current(&new) && !cipher.is_current(&old) && !cipher.is_current(SECRET));
    }

    #[test]
    fn without_a_key_to_write_with_all_is_plain_and_what_is_sealed_is_read() {
        let sealed = Cipher::new(Some(key(1)), None).seal(one(), SECRET).into_owned();
        for cipher in [
            Cipher::new(None, Some(key(1))),
            Cipher::new(Some(key(2)), Some(key(1))).writing_plain(),
        ] {
            assert_eq!(cipher.seal(one(), SECRET), SECRET);
            assert_eq!(cipher.open(one(), &sealed).unwrap(), SECRET);
            assert!(cipher.is_current(SECRET) && !cipher.is_current(&sealed));
            assert_eq!(cipher.stale(), 0);
        }
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        let shown = format!("{:?}", Cipher::new(Some(key(0xab)), None));
        assert!(shown.contains(key(0xab).id()) && !shown.contains("abab"), "{shown}");
        assert!(!shown.contains("171"), "{shown}");
    }
}
