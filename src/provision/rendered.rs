//! A rendered file, with what every answer says of it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::HeaderValue;
use httpdate::HttpDate;
use sha2::{Digest, Sha256};

use crate::domain::Timestamp;

/// One rendered file, ready to be sent: what its headers say is put into words once, and
/// not for each of the answers.
#[derive(Debug)]
pub struct Rendered {
    pub body: Bytes,
    pub content_type: HeaderValue,
    /// A strong one, made of the bytes.
    pub etag: HeaderValue,
    /// In whole seconds.
    pub last_modified: HeaderValue,
}

impl Rendered {
    /// `changed` is when what it was made of changed last.
    pub(super) fn new(body: Vec<u8>, content_type: &str, changed: Timestamp) -> Rendered {
        Rendered {
            // A definition in the catalogue may name nonsense; the file itself is still good.
            content_type: HeaderValue::from_str(content_type)
                .unwrap_or(HeaderValue::from_static("application/octet-stream")),
            etag: etag(&body),
            last_modified: date(changed),
            body: Bytes::from(body),
        }
    }
}

/// Half a SHA-256 of the bytes: nobody finds two bodies with one tag.
fn etag(body: &[u8]) -> HeaderValue {
    let digest = Sha256::digest(body);
    let half = digest.first_chunk().expect("32 bytes have a first half");
    let tag = format!("\"{:032x}\"", u128::from_be_bytes(*half));
    HeaderValue::try_from(tag).expect("hexadecimal digits in quotes are visible")
}

fn date(time: Timestamp) -> HeaderValue {
    // 253402300799 is the last second of the year 9999, the last HTTP can write.
    let seconds = u64::try_from(time).unwrap_or(0).min(253_402_300_799);
    let date = HttpDate::from(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    HeaderValue::try_from(date.to_string()).expect("a date is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_http_can_say_of_it() {
        let rendered = Rendered::new(b"one".to_vec(), "text/plain", 1_000_000_000);
        assert_eq!(rendered.content_type, "text/plain");
        assert_eq!(rendered.last_modified, "Sun, 09 Sep 2001 01:46:40 GMT");
        // `printf one | sha256sum`
        assert_eq!(rendered.etag, "\"7692c3ad3540bb803c020b3aee66cd88\"");
        let odd = Rendered::new(Vec::new(), "text/\n", Timestamp::MIN);
        assert_eq!(odd.content_type, "application/octet-stream");
        assert_eq!(odd.last_modified, "Thu, 01 Jan 1970 00:00:00 GMT");
        let late = Rendered::new(Vec::new(), "text/plain", Timestamp::MAX);
        assert_eq!(late.last_modified, "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
