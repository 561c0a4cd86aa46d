//! The second factor of who signs in with a password: codes of an authenticator (TOTP, RFC 6238),
//! and recovery codes for the day it is lost.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use totp_rs::{Builder, Secret, Totp};

use super::{Timestamp, from_hex, to_hex};

/// What every authenticator takes it for, whatever the URI says: SHA-1, six digits, 30 seconds.
const STEP_S: u64 = 30;
const DIGITS: u8 = 6;
/// Steps before and after the present one of which a code counts: clocks differ (RFC 6238,
/// section 5.2).
const SKEW: u16 = 1;

/// What authenticators list the codes under.
const ISSUER: &str = "dialtone";

/// A secret that an authenticator has too, and what was used of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// 160 bits, as RFC 4226, section 4, recommends.
    secret: [u8; 20],
    /// A first code was right: none signs in without one any more.
    in_force: bool,
    /// The step of the last code that was right: it and those before count no more.
    last_step: u64,
    /// SHA-256 of each recovery code that is left. They have 80 random bits: there is nothing to
    /// guess.
    recovery: Vec<[u8; 32]>,
}

/// What was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeKind {
    /// What the authenticator shows for half a minute.
    Timed,
    /// One of those for the day it is lost.
    Recovery,
}

/// As it is stored and exported.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    secret: String,
    in_force: bool,
    #[serde(default)]
    last_step: u64,
    #[serde(default)]
    recovery: Vec<String>,
}

impl SecondFactor {
    /// How many recovery codes one has at first.
    pub const RECOVERY_CODES: usize = 8;

    /// One of 20 bytes nobody can guess, which is not in force yet.
    #[must_use]
    pub fn new(random: [u8; 20]) -> SecondFactor {
        SecondFactor { secret: random, in_force: false, last_step: 0, recovery: Vec::new() }
    }

    /// Whether a code is asked for.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        self.in_force
    }

    /// How many recovery codes are left.
    #[must_use]
    pub fn recovery_codes(&self) -> usize {
        self.recovery.len()
    }

    /// The secret in base32 (RFC 4648), for who types it; a secret.
    #[must_use]
    pub fn expose_secret(&self) -> String {
        Secret::new_stack(self.secret).to_base32()
    }

    /// What an authenticator reads, as a QR code or as a link; holds the secret.
    #[must_use]
    pub fn expose_uri(&self, login: &str) -> String {
        let login = utf8_percent_encode(login, NON_ALPHANUMERIC);
        let secret = self.expose_secret();
        format!(
            "otpauth://totp/{ISSUER}:{login}?secret={secret}&issuer={ISSUER}&algorithm=SHA1\
             &digits={DIGITS}&period={STEP_S}"
        )
    }

    /// Tells this one from any other without saying what it is; `None` before it is in force.
    #[must_use]
    pub fn identity(&self) -> Option<[u8; 32]> {
        self.in_force.then(|| Sha256::digest(self.secret).into())
    }

    /// In force from now on, if the code is right: the authenticator has the secret. `recovery`
    /// are the codes for the day it is lost.
    #[must_use]
    pub fn confirmed(
        &self,
        code: &str,
        now: Timestamp,
        recovery: &[String],
    ) -> Option<SecondFactor> {
        let last_step = self.step_of(code, now)?;
        let recovery = recovery.iter().map(|code| hash(code)).collect();
        Some(SecondFactor { in_force: true, last_step, recovery, ..self.clone() })
    }

    /// What is left when the code is right, which then counts no more.
    #[must_use]
    pub fn used(&self, code: &str, now: Timestamp) -> Option<(SecondFactor, CodeKind)> {
        if let Some(last_step) = self.step_of(code, now) {
            return Some((SecondFactor { last_step, ..self.clone() }, CodeKind::Timed));
        }
        let hash = hash(code);
        let at = self.recovery.iter().position(|own| *own == hash)?;
        let mut left = self.clone();
        left.recovery.remove(at);
        Some((left, CodeKind::Recovery))
    }

    /// The step of a right code that was not used yet.
    fn step_of(&self, code: &str, now: Timestamp) -> Option<u64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let now = u64::try_from(now.seconds()).unwrap_or_default();
        self.totp().check(&code, now).filter(|step| *step > self.last_step)
    }

    fn totp(&self) -> Totp {
        Builder::new()
            .with_digits(DIGITS)
            .with_step_duration(STEP_S)
            .with_skew(SKEW)
            .with_secret(Secret::new_stack(self.secret))
            .build_noncompliant()
    }

    /// As it is stored and exported: JSON that holds the secret.
    #[must_use]
    pub fn expose(&self) -> String {
        let written = Written {
            secret: to_hex(&self.secret),
            in_force: self.in_force,
            last_step: self.last_step,
            recovery: self.recovery.iter().map(|hash| to_hex(hash)).collect(),
        };
        serde_json::to_string(&written).expect("texts and numbers are JSON")
    }

    /// What [`SecondFactor::expose`] gave.
    #[must_use]
    pub fn from_exposed(text: &str) -> Option<SecondFactor> {
        let Written { secret, in_force, last_step, recovery } = serde_json::from_str(text).ok()?;
        if recovery.len() > SecondFactor::RECOVERY_CODES {
            return None;
        }
        Some(SecondFactor {
            secret: from_hex(&secret)?,
            in_force,
            last_step,
            recovery: recovery.iter().map(|hex| from_hex(hex)).collect::<Option<_>>()?,
        })
    }
}

/// A recovery code of ten bytes nobody can guess: `abcd-efgh-ijkl-mnop`.
#[must_use]
pub fn recovery_code(random: [u8; 10]) -> String {
    let text = Secret::new(Box::new(random)).to_base32().to_ascii_lowercase();
    let groups: Vec<&str> = (0..4).map(|at| &text[at * 4..at * 4 + 4]).collect();
    groups.join("-")
}

/// Of the code however it is typed.
fn hash(code: &str) -> [u8; 32] {
    let plain = code.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let plain: String = plain.map(|c| c.to_ascii_lowercase()).collect();
    Sha256::digest(plain).into()
}

impl fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecondFactor(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_111_111_109);

    /// Appendix B of RFC 6238: eight digits there, of which ours are the last six.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let factor = SecondFactor::new(*b"12345678901234567890");
        for (at, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let at = Timestamp::from_seconds(at);
            assert!(factor.confirmed(code, at, &[]).is_some(), "{code}");
            assert!(factor.confirmed(&code[1..], at, &[]).is_none());
        }
    }

    #[test]
    fn a_code_counts_once_and_a_step_early_or_late() {
        let pending = SecondFactor::new(*b"12345678901234567890");
        let factor = pending.confirmed("081804", NOW, &[]).unwrap();
        assert!(factor.used("081804", NOW).is_none(), "it made the factor count");
        let later = |s: i64| NOW + s;
        for early_or_late in [-30, 0, 30] {
            let used = pending.used("081804", later(early_or_late));
            assert!(used.is_some(), "{early_or_late}");
        }
        for wrong in [-61, 61] {
            assert!(pending.used("081804", later(wrong)).is_none(), "{wrong}");
        }
        let (used, kind) = factor.used("050471", later(30)).unwrap();
        assert_eq!(kind, CodeKind::Timed);
        assert!(used.used("050471", later(30)).is_none());
        assert!(used.used("081804", later(30)).is_none(), "nor does the one before");
    }

    #[test]
    fn a_recovery_code_counts_once_however_it_is_typed() {
        let codes: Vec<String> = (0..8).map(|n| recovery_code([n; 10])).collect();
        assert_eq!(codes[0], "aaaa-aaaa-aaaa-aaaa");
        let pending = SecondFactor::new(*b"12345678901234567890");
        assert!(pending.used(&codes[1], NOW).is_none(), "there are none before the first code");
        let factor = pending.confirmed("081804", NOW, &codes).unwrap();
        let typed = format!(" {}", codes[1].to_uppercase().replace('-', " "));
        let (left, kind) = factor.used(&typed, NOW).unwrap();
        assert_eq!((kind, left.recovery_codes()), (CodeKind::Recovery, 7));
        assert!(left.used(&codes[1], NOW).is_none());
        assert!(left.used(&codes[2], NOW).is_some());
        assert!(factor.used("", NOW).is_none());
    }

    #[test]
    fn it_is_written_and_read_and_shows_nothing() {
        let factor = SecondFactor::new([7; 20]);
        let confirmed = SecondFactor {
            in_force: true,
            last_step: 9,
            recovery: vec![[1; 32]],
            ..factor.clone()
        };
        for one in [factor, confirmed] {
            assert_eq!(SecondFactor::from_exposed(&one.expose()), Some(one.clone()));
            assert_eq!(format!("{one:?}"), "SecondFactor(***)");
        }
        for wrong in ["", "{}", r#"{"secret":"07","in_force":true}"#] {
            assert_eq!(SecondFactor::from_exposed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_authenticator_is_told_all_and_a_login_changes_none_of_it() {
        let uri = SecondFactor::new(*b"12345678901234567890").expose_uri("a&secret=x/é");
        assert_eq!(
            uri,
            "otpauth://totp/dialtone:a%26secret%3Dx%2F%C3%A9\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=dialtone&algorithm=SHA1&digits=6&period=30"
        );
    }
}
