//! What a program takes from its surroundings and a test brings along: time and randomness.

mod clock;
mod random;

pub use clock::{Clock, SystemClock};
pub(crate) use random::new_key;
pub use random::{Random, SystemRandom, token};
