//! Everything a handset can be answered. The HTTP library adds `Content-Length` and `Date`, and leaves
//! the body out where the request was HEAD.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use super::wording::FileHeaders;

/// Configurations hold passwords. `private` keeps them out of shared caches,
/// `no-cache` has every other one ask us first. Not `no-store`, which would also
/// forbid the handset to keep the file it then asks about with `If-None-Match`.
const FILE_CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");

pub(super) fn file(body: Bytes, file: FileHeaders) -> Response<Full<Bytes>> {
    let FileHeaders { content_type, etag, last_modified } = file;
    let mut response = with_validators(StatusCode::OK, body, etag, last_modified);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// RFC 9110 section 15.4.5: what a 200 would have had of `ETag` and
/// `Cache-Control`, no body and no length. `Last-Modified` goes with it for
/// handsets that keep only that.
pub(super) fn not_modified(file: FileHeaders) -> Response<Full<Bytes>> {
    with_validators(StatusCode::NOT_MODIFIED, Bytes::new(), file.etag, file.last_modified)
}

/// The one refusal: why is for the log, not for who asks. 404 and not 403,
/// because chains of 404 are part of a normal boot (Yealink, Grandstream) and
/// every phone goes on after one; what they do after 403 is not known.
pub(super) fn refusal() -> Response<Full<Bytes>> {
    let mut response = plain(StatusCode::NOT_FOUND, Bytes::from_static(b"Not found\n"));
    // A phone that is promoted must not meet a cached refusal.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A fault of ours: the handset keeps what it has and comes again in `retry_after` seconds.
pub(super) fn unavailable(retry_after: u64) -> Response<Full<Bytes>> {
    let body = Bytes::from_static(b"Try again later\n");
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, body);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A request that the RFC has refused before anybody looks at what it asks for.
pub(super) fn malformed(reason: &'static str) -> Response<Full<Bytes>> {
    plain(StatusCode::BAD_REQUEST, Bytes::from_static(reason.as_bytes()))
}

fn with_validators(
    status: StatusCode,
    body: Bytes,
    etag: HeaderValue,
    last_modified: Option<HeaderValue>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
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

fn plain(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
