//! The POSIX.1 `TZ` rule at the end of a TZif file (RFC 9636 section 3.3),
//! read and brought into the form handsets can use.

use super::{Change, Daylight, Zone};

const DAY_S: i32 = 86_400;

/// The footer of a version 2 or later TZif file: the text between its last
/// two line ends.
pub(super) fn footer(tzif: &[u8]) -> Option<&str> {
    let body = tzif.strip_suffix(b"\n")?;
    let start = body.iter().rposition(|&b| b == b'\n')? + 1;
    std::str::from_utf8(&body[start..]).ok()
}

impl Zone {
    /// Reads `std offset [dst [offset] , Mm.w.d[/time] , Mm.w.d[/time]]`, with the
    /// times of RFC 9636 (-167 to 167 hours). `None` for anything else, and for the
    /// few rules that no month and day say in every year; the days `Jn` and
    /// `n` are among them, and the database has none.
    pub(super) fn from_posix(name: &str, posix: &str) -> Option<Zone> {
        let mut rest = Reader(posix);
        let standard = rest.abbreviation()?;
        let offset_s = -rest.time()?;
        let mut zone = Zone {
            name: name.into(),
            posix: posix.into(),
            offset_s,
            abbreviation: standard.into(),
            dst: None,
        };
        if rest.0.is_empty() {
            return Some(zone);
        }
        let summer = rest.abbreviation()?;
        let summer_offset_s =
            if rest.0.starts_with(',') { offset_s + 3600 } else { -rest.time()? };
        let start = rest.change()?;
        let end = rest.change()?;
        if !rest.0.is_empty() {
            return None;
        }
        zone.dst = Some(Daylight {
            offset_s: summer_offset_s,
            saving_s: summer_offset_s - offset_s,
            abbreviation: summer.into(),
            start,
            end,
        });
        Some(zone.with_positive_saving())
    }

    /// Ireland's rule can be written with winter time as the exception
    /// (`IST-1GMT0,...`). The same clock, written as handsets know it.
    fn with_positive_saving(mut self) -> Zone {
        if let Some(dst) = self.dst.as_mut().filter(|dst| dst.saving_s < 0) {
            std::mem::swap(&mut self.offset_s, &mut dst.offset_s);
            std::mem::swap(&mut self.abbreviation, &mut dst.abbreviation);
            std::mem::swap(&mut dst.start, &mut dst.end);
            dst.saving_s = -dst.saving_s;
        }
        self
    }
}

/// What is left to read.
struct Reader<'t>(&'t str);

impl<'t> Reader<'t> {
    fn take(&mut self, len: usize) -> &'t str {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    fn eat(&mut self, mark: char) -> Option<()> {
        self.0 = self.0.strip_prefix(mark)?;
        Some(())
    }

    /// Takes an abbreviation: at least three letters, or anything between angle brackets.
    fn abbreviation(&mut self) -> Option<&'t str> {
        if self.eat('<').is_some() {
            let name = self.take(self.0.find('>')?);
            self.eat('>')?;
            return Some(name);
        }
        let len = self.0.bytes().take_while(u8::is_ascii_alphabetic).count();
        (len >= 3).then(|| self.take(len))
    }

    fn number(&mut self, bounds: std::ops::RangeInclusive<i32>) -> Option<i32> {
        let len = self.0.bytes().take_while(u8::is_ascii_digit).count();
        self.take(len).parse().ok().filter(|n| bounds.contains(n))
    }

    /// `[+-]h[:m[:s]]` in seconds.
    fn time(&mut self) -> Option<i32> {
        let sign = if self.eat('-').is_some() {
            -1
        } else {
            let _ = self.eat('+');
            1
        };
        let mut seconds = self.number(0..=167)? * 3600;
        for unit in [60, 1] {
            if self.eat(':').is_none() {
                break;
            }
            seconds += self.number(0..=59)? * unit;
        }
        Some(sign * seconds)
    }

    /// `,Mm.w.d[/time]`; two o'clock when no time is written.
    fn change(&mut self) -> Option<Change> {
        self.eat(',')?;
        self.eat('M')?;
        let month = self.number(1..=12)?;
        self.eat('.')?;
        let week = self.number(1..=5)?;
        self.eat('.')?;
        let weekday = self.number(0..=6)?;
        let time_s = if self.eat('/').is_some() { self.time()? } else { 2 * 3600 };
        normalised(month, week, weekday, time_s)
    }
}

/// Moves a time before midnight or after the day's end to the day it falls on.
///
/// "The first weekday on or after a day" can be moved by whole days and stays
/// exact; "the n-th weekday of a month" cannot. `None` when it depends on the
/// length of February.
fn normalised(month: i32, week: i32, weekday: i32, time_s: i32) -> Option<Change> {
    let shift = time_s.div_euclid(DAY_S);
    let last_week_starts = days_of(month).map(|days| days - 6);
    let day = if week == 5 { last_week_starts? } else { (week - 1) * 7 + 1 };
    let (mut month, mut day) = (month, day + shift);
    if day < 1 {
        month = if month == 1 { 12 } else { month - 1 };
        day += days_of(month)?;
    } else if day > days_of(month).unwrap_or(28) {
        day -= days_of(month)?;
        month = if month == 12 { 1 } else { month + 1 };
    }
    let last_week_starts = days_of(month).map(|days| days - 6);
    let (week, week_is_exact) = week_of(day, last_week_starts);
    Some(Change {
        month: u8::try_from(month).ok()?,
        week,
        weekday: u8::try_from((weekday + shift).rem_euclid(7)).ok()?,
        day_on_or_after: u8::try_from(day).ok()?,
        week_is_exact,
        time_s: time_s.rem_euclid(DAY_S),
    })
}

/// The week whose days are nearest to the seven from `day`, and whether they
/// are the same seven. Of two equally near, the later.
fn week_of(day: i32, last_week_starts: Option<i32>) -> (u8, bool) {
    let starts = [(1, Some(1)), (2, Some(8)), (3, Some(15)), (4, Some(22)), (5, last_week_starts)];
    let distances = starts.iter().filter_map(|&(week, start)| Some(((start? - day).abs(), week)));
    let (distance, week) =
        distances.min_by_key(|&(distance, week)| (distance, u8::MAX - week)).unwrap_or((1, 5));
    (week, distance == 0)
}

/// Days of a month; `None` for February.
fn days_of(month: i32) -> Option<i32> {
    match month {
        2 => None,
        4 | 6 | 9 | 11 => Some(30),
        _ => Some(31),
    }
}
