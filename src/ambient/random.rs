//! Where randomness comes from: passed in, so that tests bring their own.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;

/// Gives bytes nobody can foretell. Tests bring their own.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes` with what nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}

/// The thread's generator, seeded and reseeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// `N` random bytes as text of letters, digits, `-` and `_`: four characters for three bytes.
#[must_use]
pub fn token<const N: usize>(random: &dyn Random) -> String {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A new API key: 256 bits, and a prefix by which a leaked one is recognised.
pub(crate) fn new_key(random: &dyn Random) -> String {
    format!("dt_{}", token::<32>(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(&'static [u8]);

    impl Random for Bytes {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.copy_from_slice(self.0);
        }
    }

    #[test]
    fn a_token_is_base64url_of_rfc_4648_without_padding() {
        assert_eq!(token::<6>(&Bytes(b"foobar")), "Zm9vYmFy");
        assert_eq!(token::<3>(&Bytes(&[0xfb, 0xff, 0xfe])), "-__-");
        assert_eq!(token::<1>(&Bytes(b"f")), "Zg");
    }

    #[test]
    fn two_tokens_differ() {
        assert_eq!(token::<18>(&SystemRandom).len(), 24);
        assert_ne!(token::<18>(&SystemRandom), token::<18>(&SystemRandom));
    }
}
