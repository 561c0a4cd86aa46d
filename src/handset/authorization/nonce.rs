//! Nonces: made for one network, good for minutes, each use counted.
//!
//! A nonce says when it was made, by which process, and is signed, so that a challenge costs no
//! memory: who asks again and again fills nothing. Only one that was used is remembered.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::uses::Uses;
use crate::ambient::Random;
use crate::domain::{Timestamp, neighbourhood};

/// How long a nonce is good, in seconds. A phone answers a challenge at once, and then asks for the
/// files of a boot with the same nonce; a slow boot takes minutes. Past that it hears `stale`, and
/// comes again without asking anybody.
const LIFE_S: i64 = 300;

/// Nonces of one process.
pub(super) struct Nonces {
    /// Shared with the processes that ran before and those beside this one.
    key: [u8; 32],
    process: [u8; 4],
    random: Arc<dyn Random>,
    /// A std mutex: no await happens under it.
    uses: Mutex<Uses>,
}

/// Why a nonce is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Nobody of ours made it, or it was made for another network.
    Invented,
    /// Too old, of a process that is gone, or of one that has forgotten its uses.
    Old,
    /// That count was used, or a later one.
    Replayed,
}

/// Time, process, random bytes and a signature: 43 characters.
const TIME: usize = 4;
const SIGNED: usize = TIME + 4 + 8;
/// Half a SHA-256: RFC 2104, section 5.
const SIGNATURE: usize = 16;

impl Nonces {
    /// `key`: of all processes whose nonces are called old rather than invented.
    pub(super) fn new(key: [u8; 32], random: Arc<dyn Random>) -> Nonces {
        let mut process = [0; 4];
        random.fill(&mut process);
        Nonces { key, process, random, uses: Mutex::default() }
    }

    /// A new one, for whoever asks from there.
    pub(super) fn make(&self, address: IpAddr, now: Timestamp) -> String {
        let mut nonce = [0; SIGNED + SIGNATURE];
        nonce[..TIME].copy_from_slice(&seconds(now).to_be_bytes());
        nonce[TIME..TIME + 4].copy_from_slice(&self.process);
        self.random.fill(&mut nonce[TIME + 4..SIGNED]);
        let signature = self.signature(&nonce[..SIGNED], address).finalize().into_bytes();
        nonce[SIGNED..].copy_from_slice(&signature[..SIGNATURE]);
        URL_SAFE_NO_PAD.encode(nonce)
    }

    /// Uses one, with the count that was presented; `None`: it counts for one request in all.
    ///
    /// # Errors
    /// [`Unfit`], and nothing was used.
    pub(super) fn take(
        &self,
        nonce: &str,
        count: Option<u32>,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<(), Unfit> {
        let mut bytes = [0; SIGNED + SIGNATURE];
        let length = URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes);
        if length != Ok(bytes.len()) {
            return Err(Unfit::Invented);
        }
        let (signed, signature) = bytes.split_at(SIGNED);
        let is_ours = self.signature(signed, address).verify_truncated_left(signature);
        is_ours.map_err(|_| Unfit::Invented)?;
        let made = u32::from_be_bytes(*signed.first_chunk().expect("it begins with the time"));
        // One from the future: the clock was set back.
        let age = now.seconds() - i64::from(made);
        if signed[TIME..TIME + 4] != self.process || !(0..=LIFE_S).contains(&age) {
            return Err(Unfit::Old);
        }
        let id = u64::from_be_bytes(*signed.last_chunk().expect("it ends with random bytes"));
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.take(id, made, count)
    }

    fn signature(&self, signed: &[u8], address: IpAddr) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&self.key).expect("it takes a key of any length");
        mac.update(signed);
        // Where the client is, of whose network another address may ask with it.
        match neighbourhood(address).addr() {
            IpAddr::V4(network) => mac.update(&network.octets()),
            IpAddr::V6(network) => mac.update(&network.octets()),
        }
        mac
    }
}

/// Enough until 2106; before 1970 it is always 1970.
fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.seconds().max(0)).unwrap_or(u32::MAX)
}

impl std::fmt::Debug for Nonces {
    /// Shows no key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonces").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Counting;
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000_000);

    fn nonces(key: u8) -> Nonces {
        Nonces::new([key; 32], Arc::new(Counting::default()))
    }

    fn from(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    #[test]
    fn a_nonce_is_good_for_its_network_and_five_minutes() {
        let nonces = nonces(1);
        let nonce = nonces.make(from("192.0.2.1"), NOW);
        assert_eq!(nonce.len(), 43);
        let take = |address, now| nonces.take(&nonce, None, from(address), now);
        assert_eq!(take("192.0.3.1", NOW), Err(Unfit::Invented));
        assert_eq!(take("2001:db8::1", NOW), Err(Unfit::Invented));
        assert_eq!(take("192.0.2.1", NOW + 301), Err(Unfit::Old));
        assert_eq!(take("192.0.2.1", NOW + -1), Err(Unfit::Old));
        assert_eq!(take("::ffff:192.0.2.200", NOW + 300), Ok(()));
        let nonce = nonces.make(from("2001:db8::1"), NOW);
        let take = |address| nonces.take(&nonce, None, from(address), NOW);
        assert_eq!(take("2001:db8:0:1::1"), Err(Unfit::Invented));
        assert_eq!(take("2001:db8::ffff"), Ok(()));
    }

    #[test]
    fn no_two_are_the_same() {
        let nonces = nonces(1);
        assert_ne!(nonces.make(from("192.0.2.1"), NOW), nonces.make(from("192.0.2.1"), NOW));
    }

    #[test]
    fn one_of_another_process_is_old_and_one_of_another_key_is_invented() {
        let address = from("192.0.2.1");
        let random = Arc::new(Counting::default());
        let of = |key| Nonces::new([key; 32], random.clone());
        let (before, after, stranger) = (of(1), of(1), of(2));
        let nonce = before.make(address, NOW);
        assert_eq!(after.take(&nonce, Some(1), address, NOW), Err(Unfit::Old));
        assert_eq!(stranger.take(&nonce, Some(1), address, NOW), Err(Unfit::Invented));
        assert_eq!(before.take(&nonce, Some(1), address, NOW), Ok(()));
    }

    #[test]
    fn a_nonce_that_is_changed_anywhere_is_invented() {
        let (nonces, address) = (nonces(1), from("192.0.2.1"));
        let nonce = nonces.make(address, NOW);
        let unfit = |nonce: &str| nonces.take(nonce, Some(1), address, NOW).unwrap_err();
        for at in 0..nonce.len() {
            let mut changed = nonce.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'E' } else { b'A' };
            assert_eq!(unfit(str::from_utf8(&changed).unwrap()), Unfit::Invented, "{at}");
            assert_eq!(unfit(&nonce[..at]), Unfit::Invented, "{at}");
        }
        for odd in [format!("{nonce}="), format!("{nonce}A"), "a".repeat(4_000), "é".to_owned()] {
            assert_eq!(unfit(&odd), Unfit::Invented, "{odd}");
        }
        assert_eq!(nonces.take(&nonce, Some(1), address, NOW), Ok(()));
    }
}
