//! The passwords that phones have of their own where nobody set one.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

use super::settings::Secret;
use super::{Company, Credentials, Mac, from_hex, to_hex};

/// What all own passwords of one store's phones are made of: 256 random bits, which never change.
/// A phone's is its own as long as it stays in its company: nobody of the one before knows it, nor
/// of one that was deleted and had the same id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PasswordSeed([u8; 32]);

/// Whose password it is: a phone has one for those who set it up and one for who uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordOf {
    /// The password of who administers the phone on its web page.
    Admin,
    /// The password of who uses the phone.
    User,
}

/// What passwords a type of phone takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordForm {
    /// So many digits, where all that a phone has is a keypad.
    Digits(usize),
    /// So many lower-case letters and digits of which none looks like another.
    Characters(usize),
}

impl PasswordForm {
    /// Nearly 60 bits, and short enough for every phone.
    pub const USUAL: PasswordForm = PasswordForm::Characters(12);
    /// How long one may be: from what a phone may call a password to what the bits of one hash are
    /// enough for.
    pub const LENGTHS: std::ops::RangeInclusive<usize> = 4..=24;

    fn alphabet(self) -> (&'static [u8], usize) {
        match self {
            PasswordForm::Digits(length) => (b"0123456789", length),
            PasswordForm::Characters(length) => (b"abcdefghjkmnpqrstuvwxyz23456789", length),
        }
    }
}

impl PasswordSeed {
    /// A seed of 32 bytes, which nobody must be able to guess.
    #[must_use]
    pub fn new(random: [u8; 32]) -> PasswordSeed {
        PasswordSeed(random)
    }

    /// The seed as it is stored and exported; a secret.
    #[must_use]
    pub fn expose(&self) -> String {
        to_hex(&self.0)
    }

    /// What [`PasswordSeed::expose`] gave.
    #[must_use]
    pub fn from_exposed(text: &str) -> Option<PasswordSeed> {
        from_hex(text).map(PasswordSeed)
    }

    pub(super) fn keyed(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0).expect("it takes a key of any length")
    }

    /// What nonces of HTTP authentication are signed with. Nobody finds the seed by it.
    #[must_use]
    pub fn nonce_key(&self) -> [u8; 32] {
        let mut hash = self.keyed();
        // As long as what passwords are made of, and nothing of what those begin with.
        hash.update(b"nonce");
        hash.finalize().into_bytes().into()
    }

    /// What tells credentials from others of the same device; not 0.
    #[must_use]
    pub fn credentials_hash(&self, credentials: &Credentials) -> u32 {
        let mut hash = self.keyed();
        hash.update(b"credentials\0");
        hash.update(credentials.user.as_bytes());
        // No user name has it.
        hash.update(b"\0");
        hash.update(credentials.password.expose().as_bytes());
        let bytes = hash.finalize().into_bytes();
        u32::from_be_bytes(*bytes.first_chunk().expect("a hash of 32 bytes has 4")).max(1)
    }

    /// A device's own password; `company`: all its active ports are in that one.
    #[must_use]
    pub fn password(
        &self,
        of: PasswordOf,
        mac: Mac,
        company: Option<&Company>,
        form: PasswordForm,
    ) -> Secret {
        let mut hash = self.keyed();
        hash.update(match of {
            PasswordOf::Admin => b"admin",
            PasswordOf::User => b"user\0",
        });
        hash.update(&mac.bits().to_be_bytes());
        hash.update(company.map_or("", |company| company.id.as_str()).as_bytes());
        if let Some(instance) = company.and_then(|company| company.instance) {
            // No id has it: what follows is no part of one.
            hash.update(b"\0");
            hash.update(&instance.get().to_be_bytes());
        }
        let bytes = hash.finalize().into_bytes();
        let half = bytes.first_chunk().expect("32 bytes have a first half");
        let mut number = u128::from_be_bytes(*half);
        let (alphabet, length) = form.alphabet();
        let base = alphabet.len() as u128;
        let mut digit = || {
            let at = usize::try_from(number % base).expect("it is below the base");
            number /= base;
            char::from(alphabet[at])
        };
        Secret::new((0..length).map(|_| digit()).collect())
    }
}

impl fmt::Debug for PasswordSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordSeed(***)")
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::domain::Timestamp;

    #[test]
    fn a_password_is_of_one_phone_in_one_company_for_one_use() {
        let seed = PasswordSeed::new([7; 32]);
        let company = |instance| Company {
            instance: NonZeroU64::new(instance),
            ..Company::new("acme".parse().unwrap(), String::new(), Timestamp::from_seconds(1))
        };
        let (acme, anew, again) = (company(0), company(1), company(2));
        let (one, other) = (Mac::from_bits(1), Mac::from_bits(2));
        let of = |seed: PasswordSeed, of, mac, company| {
            seed.password(of, mac, company, PasswordForm::USUAL).expose().to_owned()
        };
        let all = [
            of(seed, PasswordOf::Admin, one, Some(&acme)),
            of(seed, PasswordOf::User, one, Some(&acme)),
            of(seed, PasswordOf::Admin, other, Some(&acme)),
            of(seed, PasswordOf::Admin, one, Some(&anew)),
            of(seed, PasswordOf::Admin, one, Some(&again)),
            of(seed, PasswordOf::Admin, one, None),
            of(PasswordSeed::new([8; 32]), PasswordOf::Admin, one, Some(&acme)),
        ];
        for (at, password) in all.iter().enumerate() {
            assert!(!all[..at].contains(password), "{all:?}");
            assert_eq!(password.len(), 12);
        }
        // Phones have it: it must not change with the program.
        assert_eq!(all[0], "aq75h7ucj5q4");
        assert_eq!(PasswordSeed::from_exposed(&seed.expose()), Some(seed));
        assert_eq!(format!("{seed:?}"), "PasswordSeed(***)");
    }

    #[test]
    fn a_password_is_what_a_keypad_and_an_eye_can_take() {
        for number in 0..200 {
            let mac = Mac::from_bits(number);
            let password = |form| {
                let seed = PasswordSeed::new([9; 32]);
                seed.password(PasswordOf::Admin, mac, None, form).expose().to_owned()
            };
            let digits = password(PasswordForm::Digits(8));
            assert!(digits.len() == 8 && digits.bytes().all(|c| c.is_ascii_digit()), "{digits}");
            let text = password(PasswordForm::Characters(24));
            assert!(text.len() == 24 && !text.contains(['0', 'o', '1', 'l', 'i']), "{text}");
        }
    }
}
