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
    /// In whole seconds.
    pub last_modified: HeaderValue,
}

impl FileHeaders {
    /// Those of `file`, worded once for all answers that send it.
    pub(super) fn of(file: &Rendered) -> FileHeaders {
        file.worded(|file| FileHeaders {
            // A definition in the catalogue may name nonsense; the file itself is still good.
            content_type: HeaderValue::from_str(&file.media_type)
                .unwrap_or(HeaderValue::from_static("application/octet-stream")),
            etag: etag(file.entity_tag),
            last_modified: date(file.changed),
        })
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

    #[test]
    fn a_file_is_worded_as_http_can_say_it() {
        let worded = |media_type: &str, changed| {
            FileHeaders::of(&Rendered::new(b"one".to_vec(), media_type.into(), changed))
        };
        let plain = worded("text/plain", Timestamp::from_seconds(1_000_000_000));
        assert_eq!(plain.content_type, "text/plain");
        assert_eq!(plain.last_modified, "Sun, 09 Sep 2001 01:46:40 GMT");
        assert_eq!(plain.etag, "\"7692c3ad3540bb803c020b3aee66cd88\"");
        let odd = worded("text/\n", Timestamp::from_seconds(i64::MIN));
        assert_eq!(odd.content_type, "application/octet-stream");
        assert_eq!(odd.last_modified, "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(
            worded("a/b", Timestamp::from_seconds(i64::MAX)).last_modified,
            "Fri, 31 Dec 9999 23:59:59 GMT"
        );
    }
}
