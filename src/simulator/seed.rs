//! Chance from a seed: the same seed gives the same fleet and the same run plan, with
//! every version of this program.

/// SplitMix64 (Steele, Lea, Flood 2014). A library's generator may change its stream
/// from one version to the next; a lab's report names a seed for years.
#[derive(Debug, Clone)]
pub struct Chance(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Chance {
    /// A stream of its own for each `stream` of one seed.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Chance {
        let mut chance = Chance(seed ^ stream.wrapping_mul(GOLDEN));
        Chance(chance.draw())
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The high half of a product: no bias that a lab could see.
        let product = u128::from(self.draw()) * u128::from(end);
        u64::try_from(product >> 64).expect("the high half of a product below 2^128")
    }

    /// From 0 to just below 1.
    pub fn fraction(&mut self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
        let bits = (self.draw() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_stream() {
        // First outputs for state 1234567, as in the reference implementation's test vector.
        let mut chance = Chance(1_234_567);
        assert_eq!(chance.draw(), 6_457_827_717_110_365_317);
        assert_eq!(chance.draw(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn numbers_stay_below_their_end_and_reach_it() {
        let mut chance = Chance::new(1, 2);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[usize::try_from(chance.below(5)).unwrap()] = true;
            assert!((0.0..1.0).contains(&chance.fraction()));
        }
        assert_eq!(seen, [true; 5]);
        assert_ne!(Chance::new(1, 2).draw(), Chance::new(1, 3).draw());
    }
}
