//! The `Date` of answers, worded once a second.
//!
//! The HTTP library keeps its own until the time of day has passed it: after a clock was set back,
//! as at the first contact with a time server, its answers would stay in the future for
//! hours. This one goes by the monotonic clock and is right again within a second.

use std::cell::RefCell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

thread_local! {
    static CACHED: RefCell<Option<Cached>> = const { RefCell::new(None) };
}

struct Cached {
    value: HeaderValue,
    until: Instant,
}

/// The time of day at `now`, which is now, as a header says it (RFC 9110 section 5.6.7).
pub(super) fn at(now: Instant) -> HeaderValue {
    CACHED.with_borrow_mut(|cached| worded(cached, now, SystemTime::now))
}

fn worded(
    cached: &mut Option<Cached>,
    now: Instant,
    time_of_day: impl FnOnce() -> SystemTime,
) -> HeaderValue {
    if let Some(cached) = cached
        && now < cached.until
    {
        return cached.value.clone();
    }
    let time = time_of_day();
    let value = HeaderValue::try_from(httpdate::fmt_http_date(time))
        .expect("a date has plain characters only");
    let past_second = time.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let until = now + Duration::from_secs(1) - Duration::from_nanos(past_second.into());
    *cached = Some(Cached { value: value.clone(), until });
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_right_to_the_second_and_goes_back_with_the_clock() {
        let (start, day) = (Instant::now(), Duration::from_secs(24 * 3_600));
        let time = UNIX_EPOCH + 365 * day + Duration::from_millis(300);
        let mut cached = None;
        let mut ask = |later_ms: u64, time: SystemTime| {
            let later = start + Duration::from_millis(later_ms);
            worded(&mut cached, later, || time).to_str().unwrap().to_owned()
        };
        assert_eq!(ask(0, time), "Fri, 01 Jan 1971 00:00:00 GMT");
        assert_eq!(ask(699, time + day), "Fri, 01 Jan 1971 00:00:00 GMT", "not asked");
        assert_eq!(ask(700, time + Duration::from_secs(1)), "Fri, 01 Jan 1971 00:00:01 GMT");
        assert_eq!(ask(1_500, time - day), "Thu, 31 Dec 1970 00:00:00 GMT");
    }
}
