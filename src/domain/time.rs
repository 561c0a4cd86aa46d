//! When: by the clock, to the second.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment: whole seconds since 1970-01-01T00:00:00Z, negative before. What is in JSON and in
/// the store is that number. Adding and subtracting stop at the ends of what 64 bits hold.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `seconds` after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds)
    }

    /// The seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }
}

/// Seconds as indexes keep them, in half of the room.
impl From<u32> for Timestamp {
    fn from(seconds: u32) -> Timestamp {
        Timestamp(seconds.into())
    }
}

/// A clock that is set before 1970 is at its beginning.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }
}

/// The moment so many seconds later.
impl Add<i64> for Timestamp {
    type Output = Timestamp;

    fn add(self, seconds: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(seconds))
    }
}

/// The moment so many seconds earlier.
impl Sub<i64> for Timestamp {
    type Output = Timestamp;

    fn sub(self, seconds: i64) -> Timestamp {
        Timestamp(self.0.saturating_sub(seconds))
    }
}

/// The seconds from `earlier` to `self`; negative where `earlier` is the later one.
impl Sub for Timestamp {
    type Output = i64;

    fn sub(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The number of seconds, as in JSON.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_a_number_in_json_and_stops_at_the_ends() {
        let at = Timestamp::from_seconds(1_700_000_000);
        assert_eq!(serde_json::to_string(&at).unwrap(), "1700000000");
        assert_eq!(serde_json::from_str::<Timestamp>("1700000000").unwrap(), at);
        assert_eq!((at + 60) - at, 60);
        assert_eq!(at - (at + 60), -60);

        let (first, last) = (Timestamp::from_seconds(i64::MIN), Timestamp::from_seconds(i64::MAX));
        assert_eq!((last + 1, first - 1), (last, first));
        assert_eq!((last - first, first - last), (i64::MAX, i64::MIN));
    }
}
