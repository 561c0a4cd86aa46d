//! Numbers of the command line, and what makes no run.

use std::time::Duration;

/// What is added to a point in time must not leave the clock's range.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

pub(super) fn seconds(written: &str) -> Result<Duration, String> {
    let seconds: f64 = written.parse().map_err(|_| "not a number of seconds".to_owned())?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if duration > LONGEST { Err("longer than a year".to_owned()) } else { Ok(duration) }
}

/// A phone that boots again after no time boots for ever.
pub(super) fn some_seconds(written: &str) -> Result<Duration, String> {
    let duration = seconds(written)?;
    if duration.is_zero() { Err("must be more than 0".to_owned()) } else { Ok(duration) }
}

pub(super) fn at_least_one(written: &str) -> Result<usize, String> {
    let number: usize = written.parse().map_err(|_| "not a number".to_owned())?;
    if number == 0 { Err("must be at least 1".to_owned()) } else { Ok(number) }
}

pub(super) fn rate(written: &str) -> Result<f64, String> {
    let rate: f64 = written.parse().map_err(|_| "not a number".to_owned())?;
    let is_usable = rate.is_finite() && rate >= 0.0;
    if is_usable { Ok(rate) } else { Err("must be 0 or more".to_owned()) }
}
