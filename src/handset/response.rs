//! Everything a handset can be answered, and whether it has the file already. The HTTP library adds
//! `Content-Length` and `Date`, and leaves the body out where the request was HEAD.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use httpdate::HttpDate;

use super::EdgeBody;
use crate::domain::Timestamp;
use crate::provision::{EntityTag, Rendered};

/// Configurations hold passwords. `private` keeps them out of shared caches,
/// `no-cache` has every other one ask us first. Not `no-store`, which would also
/// forbid the handset to keep the file it then asks about with `If-None-Match`.
const FILE_CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");

pub(super) fn file(body: Bytes, file: FileHeaders) -> Response<EdgeBody> {
    let FileHeaders { content_type, content_encoding, etag, last_modified } = file;
    let mut response = with_validators(StatusCode::OK, body, etag, last_modified);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    if let Some(coding) = content_encoding {
        response.headers_mut().insert(header::CONTENT_ENCODING, coding);
    }
    response
}

/// RFC 9110 section 15.4.5: what a 200 would have had of `ETag` and
/// `Cache-Control`, no body and no length. `Last-Modified` goes with it for
/// handsets that keep only that.
pub(super) fn not_modified(file: FileHeaders) -> Response<EdgeBody> {
    with_validators(StatusCode::NOT_MODIFIED, Bytes::new(), file.etag, file.last_modified)
}

/// The one refusal: why is for the log, not for who asks. 404 and not 403,
/// because chains of 404 are part of a normal boot (Yealink, Grandstream) and
/// every phone goes on after one; what they do after 403 is not known.
pub(super) fn refusal() -> Response<EdgeBody> {
    let mut response = plain(StatusCode::NOT_FOUND, Bytes::from_static(b"Not found\n"));
    // A phone that is promoted must not meet a cached refusal.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a request gets that has not shown what its listener asks for, but for the challenge.
pub(super) fn unauthorized() -> Response<EdgeBody> {
    let mut response = plain(StatusCode::UNAUTHORIZED, Bytes::from_static(b"Unauthorized\n"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What the phone sent is kept: 201 for the first of its name, else 204, as servers for such files
/// answer (RFC 9110 section 9.3.4).
pub(super) fn stored(is_first: bool) -> Response<EdgeBody> {
    let mut response = Response::new(EdgeBody::whole(Bytes::new()));
    *response.status_mut() = if is_first { StatusCode::CREATED } else { StatusCode::NO_CONTENT };
    response
}

/// A fault of ours: the handset keeps what it has and comes again in `retry_after` seconds.
pub(super) fn unavailable(retry_after: u64) -> Response<EdgeBody> {
    let body = Bytes::from_static(b"Try again later\n");
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, body);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A request that the RFC has refused before anybody looks at what it asks for.
pub(super) fn malformed(reason: &'static str) -> Response<EdgeBody> {
    plain(StatusCode::BAD_REQUEST, Bytes::from_static(reason.as_bytes()))
}

fn with_validators(
    status: StatusCode,
    body: Bytes,
    etag: HeaderValue,
    last_modified: Option<HeaderValue>,
) -> Response<EdgeBody> {
    let mut response = Response::new(EdgeBody::whole(body));
    *response.status_mut() = status;
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(header::ETAG, etag);
    if let Some(last_modified) = last_modified {
        headers.insert(header::LAST_MODIFIED, last_modified);
    }
    headers.insert(header::CACHE_CONTROL, FILE_CACHE);
    *response.headers_mut() = headers;
    response
}

fn plain(status: StatusCode, body: Bytes) -> Response<EdgeBody> {
    let mut response = Response::new(EdgeBody::whole(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// What HTTP says of a rendered file: its headers, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct FileHeaders {
    pub content_type: HeaderValue,
    pub content_encoding: Option<HeaderValue>,
    /// A strong one, with its quotes.
    pub etag: HeaderValue,
    /// The date of the last change in whole seconds; `None` as long as it would not tell the file
    /// from the one before.
    pub last_modified: Option<HeaderValue>,
}

impl FileHeaders {
    /// Those of `file` in an answer at that time, worded once for all answers that send it.
    pub(super) fn of(file: &Rendered, at: Timestamp) -> FileHeaders {
        let mut headers = file.worded(|file| FileHeaders {
            // A definition in the catalogue may name nonsense; the file itself is still good.
            content_type: HeaderValue::from_str(&file.media_type)
                .unwrap_or(HeaderValue::from_static("application/octet-stream")),
            content_encoding: file.content_coding.map(HeaderValue::from_static),
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

/// Whether the handset has the file already, so that the answer is 304 (RFC 9110 section 13).
///
/// `If-None-Match` decides alone when it is there. `If-Modified-Since` counts
/// only as the very text of `Last-Modified`, and only when the file has that already:
/// handsets put the time of their own clock there, which at boot may be any.
pub(super) fn is_unchanged(headers: &HeaderMap, file: &FileHeaders) -> bool {
    let mut tags = headers.get_all(header::IF_NONE_MATCH).iter().peekable();
    if tags.peek().is_some() {
        return tags.any(|list| lists(list.as_bytes(), file.etag.as_bytes()));
    }
    match headers.get(header::IF_MODIFIED_SINCE) {
        Some(since) => file.last_modified.as_ref() == Some(since),
        None => false,
    }
}

/// Whether a list of entity tags holds `etag`, a strong one with its quotes.
/// Weak comparison, as `If-None-Match` wants: `W/` is passed over. A tag may
/// hold commas, so the list is read tag by tag; what is no tag ends it.
fn lists(mut list: &[u8], etag: &[u8]) -> bool {
    loop {
        list = list.trim_ascii_start();
        if let Some(rest) = list.strip_prefix(b",") {
            list = rest;
            continue;
        }
        if list == b"*" {
            return true;
        }
        list = list.strip_prefix(b"W/").unwrap_or(list);
        let Some(b'"') = list.first() else { return false };
        let Some(end) = list[1..].iter().position(|&byte| byte == b'"') else { return false };
        let (tag, rest) = list.split_at(end + 2);
        if tag == etag {
            return true;
        }
        list = rest;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn a_list_is_compared_weakly_tag_by_tag() {
        for holds in [
            "\"a\"",
            "W/\"a\"",
            "\"b\", \"a\"",
            "\"b\",W/\"a\"",
            "*",
            " \"x,y\" , \"a\"",
            ",,\"a\"",
        ] {
            assert!(lists(holds.as_bytes(), b"\"a\""), "{holds}");
        }
        for not in ["", "a", "\"A\"", "\"a", "\"b\"", "b, \"a\"", "\"b*\"", "w/\"a\""] {
            assert!(!lists(not.as_bytes(), b"\"a\""), "{not}");
        }
    }

    proptest! {
        #[test]
        fn any_list_is_read_to_an_end(list: Vec<u8>, tag in "\"[a-z]{1,4}\"") {
            let mut with_tag = tag.clone().into_bytes();
            with_tag.push(b',');
            with_tag.extend(&list);
            lists(&list, tag.as_bytes());
            prop_assert!(lists(&with_tag, tag.as_bytes()));
        }
    }
}
