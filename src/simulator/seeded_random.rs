//! Random numbers from a seed: the same seed gives the same fleet and the same run plan, with
//! every version of this program.

/// SplitMix64 (Steele, Lea, Flood 2014). A library's generator may change its stream
/// from one version to the next; a lab's report names a seed for years.
#[derive(Debug, Clone)]
pub struct SeededRandom(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl SeededRandom {
    /// A stream of its own for each `stream` of one seed.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> SeededRandom {
        let mut random = SeededRandom(seed ^ stream.wrapping_mul(GOLDEN));
        SeededRandom(random.next_u64())
    }

    /// The next 64 bits of the stream.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The high half of a product: no bias that a lab could see.
        let product = u128::from(self.next_u64()) * u128::from(end);
        u64::try_from(product >> 64).expect("the high half of a product below 2^128")
    }

    /// A number from 0 to just below 1.
    pub fn fraction(&mut self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
        let bits = (self.next_u64() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_stream() {
        // First outputs for state 1234567, as in the reference implementation's test vector.
        let mut random = SeededRandom(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn numbers_stay_below_their_end_and_reach_it() {
        let mut random = SeededRandom::new(1, 2);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[usize::try_from(random.below(5)).unwrap()] = true;
            assert!((0.0..1.0).contains(&random.fraction()));
        }
        assert_eq!(seen, [true; 5]);
        assert_ne!(SeededRandom::new(1, 2).next_u64(), SeededRandom::new(1, 3).next_u64());
    }
}
