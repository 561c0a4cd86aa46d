//! A histogram of times.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Two digits: 1 % is finer than what two runs differ by, and 60 histograms stay small.
const DIGITS: u8 = 2;
/// Anything longer counts as this, in microseconds: no wait here is bounded higher.
const LONGEST_US: u64 = 3_600_000_000;

/// Microseconds.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Latencies {
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, DIGITS);
        Latencies(histogram.expect("the bounds and digits are within the library's"))
    }
}

impl Latencies {
    /// Counts one more.
    pub fn add(&mut self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(us.clamp(1, LONGEST_US));
    }

    /// Counts all of another's, too.
    pub fn merge(&mut self, other: &Latencies) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The quantile in milliseconds; 0 without a sample.
    #[must_use]
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "at most an hour in microseconds")]
        let us = self.0.value_at_quantile(quantile) as f64;
        if self.0.is_empty() { 0.0 } else { us / 1000.0 }
    }

    /// The longest, in milliseconds; 0 when none was counted.
    #[must_use]
    pub fn max_ms(&self) -> f64 {
        self.quantile_ms(1.0)
    }
}
