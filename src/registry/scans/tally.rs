//! A sum over the last hour.

/// What came within the last 30 to 60 minutes, in two halves of an hour. What is taken back is taken
/// from the sum, whenever it came.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    half: u32,
    now: u64,
    before: u64,
}

const HALF_S: u32 = 1_800;

impl Tally {
    pub(super) fn add(&mut self, much: u64, at: u32) {
        self.turn(at);
        self.now += much;
    }

    pub(super) fn take(&mut self, much: u64, at: u32) {
        self.turn(at);
        let rest = much.saturating_sub(self.now);
        self.now = self.now.saturating_sub(much);
        self.before = self.before.saturating_sub(rest);
    }

    pub(super) fn sum(&mut self, at: u32) -> u64 {
        self.turn(at);
        self.now + self.before
    }

    /// Whether anything of it counts still.
    pub(super) fn counts(&self, at: u32) -> bool {
        at / HALF_S <= self.half + 1
    }

    fn turn(&mut self, at: u32) {
        // A clock that was set back changes nothing.
        match (at / HALF_S).saturating_sub(self.half) {
            0 => return,
            1 => (self.before, self.now) = (self.now, 0),
            _ => (self.before, self.now) = (0, 0),
        }
        self.half = at / HALF_S;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_an_hour_is_not_in_the_sum() {
        let mut tally = Tally::default();
        tally.add(5, 1_800);
        tally.add(2, 3_600);
        assert_eq!(tally.sum(5_399), 7);
        assert_eq!(tally.sum(5_400), 2);
        assert!(tally.counts(7_199));
        assert_eq!(tally.sum(7_200), 0);
        assert_eq!(tally.sum(100), 0, "the clock was set back");
    }

    #[test]
    fn what_is_taken_back_may_be_of_before() {
        let mut tally = Tally::default();
        tally.add(5, 1_800);
        tally.add(2, 3_600);
        tally.take(3, 3_600);
        assert_eq!(tally.sum(3_600), 4);
        tally.take(9, 3_600);
        assert_eq!(tally.sum(3_600), 0);
    }
}
