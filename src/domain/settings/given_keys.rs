//! The keys that the files of a device have given it, by which the files after them are encrypted.
//!
//! A phone has the key of the last file that it read. That one was sent is known, that it came to be
//! read is not: a transfer may break off, and the phone asks again. So a key counts as had once it
//! was given some minutes ago; until then the phone gets what it could read before.

use serde::{Deserialize, Serialize};

use super::EncryptionFormat;
use crate::domain::Timestamp;

/// A key without the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyName {
    /// One that the gateway makes of this number, see [`crate::domain::PasswordSeed::file_key`].
    Own(u64),
    /// One that an operator set, by a hash that tells it from others.
    Set(u64),
}

/// A key, and how files are encrypted with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NamedKey {
    /// Which key.
    pub name: KeyName,
    /// How files are encrypted with it.
    #[serde(with = "format_name")]
    pub format: EncryptionFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct GivenKey {
    at: Timestamp,
    /// `None`: files are plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<NamedKey>,
}

/// What a device was given, the oldest first; at most [`GivenKeys::MAX`]. What two gateways noted
/// comes together with [`GivenKeys::and`] in whatever order they did.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GivenKeys(Vec<GivenKey>);

/// Whether a phone's files are to be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// They are plain.
    Plain,
    /// Once the phone was given this key.
    Once(NamedKey),
    /// The phone has this key, an operator says.
    Always(NamedKey),
}

/// How a file is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What it is encrypted with; `None`: it is plain.
    pub encrypted_with: Option<NamedKey>,
    /// Whether the key that is wished for is in it.
    pub has_key: bool,
    /// What is to be noted when it is sent.
    pub gives: GivenKeys,
    /// When it began to be sent so; `None`: it always was.
    pub since: Option<Timestamp>,
    /// From then on it is sent otherwise.
    pub until: Option<Timestamp>,
    /// Over which connections it is sent so.
    pub over: Over,
}

/// The connections that a file may be sent over as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// All.
    Any,
    /// Those that nobody else reads: it is plain and has a key in it.
    Tls,
    /// The others: over TLS it would have a key in it.
    Plain,
}

impl Over {
    /// Whether a connection is one of them.
    #[must_use]
    pub fn includes(self, is_tls: bool) -> bool {
        match self {
            Over::Any => true,
            Over::Tls => is_tls,
            Over::Plain => !is_tls,
        }
    }
}

impl GivenKeys {
    /// What is remembered: more changes of mind within [`GivenKeys::SETTLES_AFTER_S`] are one of
    /// somebody who tries.
    pub const MAX: usize = 6;
    /// A phone that did not get a file whole has asked for it again by then.
    pub const SETTLES_AFTER_S: i64 = 300;

    /// Whether it was never given a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn is_too_many(&self) -> bool {
        self.0.len() > GivenKeys::MAX
    }

    /// Whether all of `other` that is remembered is in this.
    #[must_use]
    pub fn covers(&self, other: &GivenKeys) -> bool {
        other.is_empty() || self.clone().and(other) == *self
    }

    /// This and `other`, of which the last ones are remembered.
    #[must_use]
    pub fn and(mut self, other: &GivenKeys) -> GivenKeys {
        self.0.extend_from_slice(&other.0);
        self.0.sort_unstable();
        self.0.dedup();
        self.0.drain(..self.0.len().saturating_sub(GivenKeys::MAX));
        self
    }

    /// What says that the phone has none of these, because it was reset or is another one: that it
    /// was given none, long enough ago, as what two gateways noted only grows. Where it was given
    /// another key within the last [`GivenKeys::SETTLES_AFTER_S`], it counts so much later.
    #[must_use]
    pub fn lost(&self, now: Timestamp) -> GivenKeys {
        let Some(last) = self.0.last().filter(|last| last.key.is_some()) else {
            return GivenKeys::default();
        };
        given((now - GivenKeys::SETTLES_AFTER_S).max(last.at + 1), None)
    }

    /// How a file is sent now. `has` tells the keys that the gateway has, or can make.
    #[must_use]
    pub fn delivery(
        &self,
        wish: Wish,
        has: impl Fn(NamedKey) -> bool,
        is_tls: bool,
        now: Timestamp,
    ) -> Delivery {
        let wanted = match wish {
            Wish::Plain => None,
            Wish::Once(key) => Some(key),
            Wish::Always(key) => {
                let long_ago = now - GivenKeys::SETTLES_AFTER_S;
                let at = self.0.last().map_or(long_ago, |last| long_ago.max(last.at + 1));
                let is_last = self.last() == Some(key);
                let gives = if is_last { GivenKeys::default() } else { given(at, Some(key)) };
                let last = gives.0.last().or(self.0.last()).map(|last| last.at);
                return Delivery {
                    encrypted_with: Some(key),
                    has_key: true,
                    gives,
                    since: last,
                    until: None,
                    over: Over::Any,
                };
            }
        };
        let encrypted_with = self.had(now).filter(|key| has(*key));
        let is_open = encrypted_with.is_none() && !is_tls;
        // SECURITY: a key that went over the wire in the clear keeps nothing from who listened.
        let key = wanted.filter(|_| !is_open);
        let gives = if self.last() == key { GivenKeys::default() } else { given(now, key) };
        let last = gives.0.last().or(self.0.last()).map(|last| last.at);
        let settled = last.map(|at| at + GivenKeys::SETTLES_AFTER_S);
        let over = match (encrypted_with, wanted) {
            (None, Some(_)) if is_tls => Over::Tls,
            (None, Some(_)) => Over::Plain,
            _ => Over::Any,
        };
        // Another gateway may give it its key in the meantime.
        let is_waiting = (over == Over::Plain).then_some(now);
        Delivery {
            encrypted_with,
            has_key: key.is_some(),
            gives,
            since: settled.filter(|at| *at <= now).or(last),
            until: is_waiting.or(settled.filter(|at| *at > now)),
            over,
        }
    }

    /// What its last file gave it.
    fn last(&self) -> Option<NamedKey> {
        self.0.last().and_then(|given| given.key)
    }

    /// What it surely has: the last that was in force long enough.
    fn had(&self, now: Timestamp) -> Option<NamedKey> {
        let ends = self.0.iter().skip(1).map(|next| next.at).chain([now]);
        let settled = self.0.iter().zip(ends).filter(|(given, end)| {
            end.seconds() - given.at.seconds() >= GivenKeys::SETTLES_AFTER_S
        });
        settled.last().and_then(|(given, _)| given.key)
    }
}

fn given(at: Timestamp, key: Option<NamedKey>) -> GivenKeys {
    GivenKeys(vec![GivenKey { at, key }])
}

mod format_name {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::domain::settings::EncryptionFormat;

    pub(super) fn serialize<S: Serializer>(
        format: &EncryptionFormat,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(format.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<EncryptionFormat, D::Error> {
        EncryptionFormat::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NamedKey = key(1);
    const OTHER: NamedKey = key(2);

    const fn key(number: u64) -> NamedKey {
        NamedKey { name: KeyName::Own(number), format: EncryptionFormat::Aes128EcbBlanks }
    }

    /// A device that fetches, with what it is known to have been given.
    #[derive(Default)]
    struct Phone {
        given: GivenKeys,
        now: i64,
    }

    impl Phone {
        fn fetches(&mut self, wish: Wish, is_tls: bool, after_s: i64) -> Delivery {
            self.fetches_with(wish, is_tls, after_s, |_| true)
        }

        fn fetches_with(
            &mut self,
            wish: Wish,
            is_tls: bool,
            after_s: i64,
            has: impl Fn(NamedKey) -> bool,
        ) -> Delivery {
            self.now += after_s;
            let now = Timestamp::from_seconds(self.now);
            let delivery = self.given.delivery(wish, has, is_tls, now);
            self.given = self.given.clone().and(&delivery.gives);
            delivery
        }
    }

    fn how(delivery: &Delivery) -> (Option<NamedKey>, bool) {
        (delivery.encrypted_with, delivery.has_key)
    }

    #[test]
    fn a_phone_is_given_its_key_over_tls_before_anything_is_encrypted() {
        let mut phone = Phone { now: 1000, ..Phone::default() };
        let open = phone.fetches(Wish::Once(ONE), false, 1);
        assert_eq!((how(&open), open.over), ((None, false), Over::Plain));
        assert!(phone.given.is_empty(), "nothing was given");
        let first = phone.fetches(Wish::Once(ONE), true, 1);
        assert_eq!((how(&first), first.over), ((None, true), Over::Tls));
        // The transfer broke off.
        let again = phone.fetches(Wish::Once(ONE), true, 20);
        assert_eq!(how(&again), (None, true));
        assert!(again.gives.is_empty());
        assert_eq!(again.until, Some(Timestamp::from_seconds(1302)));
        let later = phone.fetches(Wish::Once(ONE), true, 280);
        assert_eq!((how(&later), later.over, later.until), ((Some(ONE), true), Over::Any, None));
        assert_eq!(how(&phone.fetches(Wish::Once(ONE), false, 1)), (Some(ONE), true));
    }

    #[test]
    fn another_key_and_none_are_given_under_the_one_that_the_phone_has() {
        let mut phone = Phone { now: 1000, ..Phone::default() };
        phone.fetches(Wish::Always(ONE), false, 0);
        let changed = phone.fetches(Wish::Once(OTHER), false, 10);
        assert_eq!((how(&changed), changed.over), ((Some(ONE), true), Over::Any));
        assert_eq!(how(&phone.fetches(Wish::Once(OTHER), false, 299)), (Some(ONE), true));
        assert_eq!(how(&phone.fetches(Wish::Once(OTHER), false, 1)), (Some(OTHER), true));
        let off = phone.fetches(Wish::Plain, false, 10);
        assert_eq!(how(&off), (Some(OTHER), false));
        let off = phone.fetches(Wish::Plain, false, 300);
        assert_eq!((how(&off), off.over, off.until), ((None, false), Over::Any, None));
        // Changed back before it settled.
        phone.fetches(Wish::Once(ONE), true, 10);
        assert_eq!(how(&phone.fetches(Wish::Plain, true, 100)), (None, false));
        assert_eq!(how(&phone.fetches(Wish::Plain, true, 200)), (None, false));
        assert_eq!(how(&phone.fetches(Wish::Plain, true, 500)), (None, false));
    }

    #[test]
    fn a_key_that_nobody_has_any_more_is_replaced_over_tls() {
        let mut phone = Phone { now: 1000, ..Phone::default() };
        phone.fetches(Wish::Always(ONE), false, 0);
        let is_lost = |key| key != ONE;
        let open = phone.fetches_with(Wish::Once(OTHER), false, 1, is_lost);
        assert_eq!((how(&open), open.over), ((None, false), Over::Plain));
        let given = phone.fetches_with(Wish::Once(OTHER), true, 1, is_lost);
        assert_eq!((how(&given), given.over), ((None, true), Over::Tls));
        let later = phone.fetches_with(Wish::Once(OTHER), true, 300, is_lost);
        assert_eq!(how(&later), (Some(OTHER), true));
    }

    #[test]
    fn a_phone_that_lost_its_keys_is_given_one_as_the_first_time() {
        let lose = |phone: &mut Phone| {
            let lost = phone.given.lost(Timestamp::from_seconds(phone.now));
            phone.given = phone.given.clone().and(&lost);
        };
        // Five minutes after it was given its key, and at once.
        for after_s in [300, 0] {
            let mut phone = Phone { now: 1000, ..Phone::default() };
            lose(&mut phone);
            assert!(phone.given.is_empty(), "it had none");
            phone.fetches(Wish::Once(ONE), true, 1);
            phone.now += after_s;
            lose(&mut phone);
            let open = phone.fetches(Wish::Once(ONE), false, 0);
            assert_eq!((how(&open), open.over), ((None, false), Over::Plain), "{after_s}");
            let given = phone.fetches(Wish::Once(ONE), true, 1);
            assert_eq!((how(&given), given.over), ((None, true), Over::Tls), "{after_s}");
            assert_eq!(how(&phone.fetches(Wish::Once(ONE), false, 300)), (Some(ONE), true));
        }
    }

    #[test]
    fn what_two_gateways_noted_comes_together_in_any_order() {
        let at = |at, key| given(Timestamp::from_seconds(at), key);
        let all: Vec<_> = (0..9).map(|n| at(n, Some(key(n.cast_unsigned())))).collect();
        let forth = all.iter().fold(GivenKeys::default(), GivenKeys::and);
        let back = all.iter().rev().fold(GivenKeys::default(), GivenKeys::and);
        assert_eq!(forth, back);
        assert_eq!(forth.0.len(), GivenKeys::MAX);
        assert!(all.iter().all(|one| forth.covers(one)) && !all[0].covers(&all[8]));
        let text = serde_json::to_string(&at(7, Some(ONE)).and(&at(9, None))).unwrap();
        let expected =
            r#"[{"at":7,"key":{"name":{"own":1},"format":"aes-128-ecb-blanks"}},{"at":9}]"#;
        assert_eq!(text, expected);
        let read: GivenKeys = serde_json::from_str(&text).unwrap();
        assert_eq!(read, at(7, Some(ONE)).and(&at(9, None)));
    }
}
