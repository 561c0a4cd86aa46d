//! What HTTP says of a rendered file.

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use httpdate::HttpDate;

use crate::domain::Timestamp;
use crate::provision::{EntityTag, Rendered};

/// The headers of a file, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct FileHeaders {
    pub content_type: HeaderValue,
    /// A strong one, with its quotes.
    pub etag: HeaderValue,
    /// In whole seconds; `None` as long as it would not tell the file from the one before.
    pub last_modified: Option<HeaderValue>,
}

impl FileHeaders {
    /// Those of `file` in an answer at that time, worded once for all answers that send it.
    pub(super) fn of(file: &Rendered, at: Timestamp) -> FileHeaders {
        let mut headers = file.worded(|file| FileHeaders {
            // A definition in the catalogue may name nonsense; the file itself is still good.
            content_type: HeaderValue::from_str(&file.media_type)
                .unwrap_or(HeaderValue::from_static("application/octet-stream")),
            etag: etag(file.entity_tag),
            last_modified: Some(date(file.dated())),
        });
        if at < file.dated() {
            headers.last_modified = None;
        }
        headers
    }
}

fn etag(tag: EntityTag) -> HeaderValue {
    let quoted = format!("\"{tag}\"");
    HeaderValue::try_from(quoted).expect("hexadecimal digits in quotes are visible")
}

fn date(time: Timestamp) -> HeaderValue {
    // 253402300799 is the last second of the year 9999, the last HTTP can write.
    let seconds = u64::try_from(time.seconds()).unwrap_or(0).min(253_402_300_799);
    let date = HttpDate::from(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    HeaderValue::try_from(date.to_string()).expect("a date is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: Timestamp = Timestamp::from_seconds(i64::MAX);

    #[test]
    fn a_file_is_worded_as_http_can_say_it() {
        let worded = |media_type: &str, changed| {
            let file = Rendered::new(b"one".to_vec(), media_type.into(), changed);
            FileHeaders::of(&file, LAST)
        };
        let plain = worded("text/plain", Timestamp::from_seconds(1_000_000_000));
        assert_eq!(plain.content_type, "text/plain");
        let date = |headers: FileHeaders| headers.last_modified.expect("it is dated");
        assert_eq!(date(plain.clone()), "Sun, 09 Sep 2001 01:46:42 GMT");
        assert_eq!(plain.etag, "\"7692c3ad3540bb803c020b3aee66cd88\"");
        let odd = worded("text/\n", Timestamp::from_seconds(i64::MIN));
        assert_eq!(odd.content_type, "application/octet-stream");
        assert_eq!(date(odd), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date(worded("a/b", LAST)), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
    #[test]
    fn a_file_has_no_date_until_the_date_is_its_own() {
        let changed = Timestamp::from_seconds(1_000_000_000);
        let file = Rendered::new(b"one".to_vec(), "a/b".into(), changed);
        for (after, is_dated) in [(0, false), (1, false), (2, true), (1_000, true)] {
            let headers = FileHeaders::of(&file, changed + after);
            assert_eq!(headers.last_modified.is_some(), is_dated, "{after} s after the change");
        }
    }
}
