//! Requests that the HTTP library lets through and that mean different things to different readers.
//!
//! All are 400 by RFC 9112. No handset is known to need one of them: of the boots recorded, the ones
//! without `Host` speak HTTP/1.0, which has none.

use http::{HeaderMap, Request, Version, header};
use hyper::body::Body;

/// What is wrong with a request's head.
pub(super) fn reason<B: Body>(request: &Request<B>) -> Option<&'static str> {
    let headers = request.headers();
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Some("More than one Host header (RFC 9112, section 3.2)"),
        (None, _) if request.version() == Version::HTTP_11 => {
            return Some("HTTP/1.1 without a Host header (RFC 9112, section 3.2)");
        }
        _ => {}
    }
    // Without a body there is no coding of it, which spares nearly all requests a look.
    if !request.body().is_end_stream()
        && headers.contains_key(header::TRANSFER_ENCODING)
        && !is_chunked_once(headers)
    {
        return Some("A Transfer-Encoding other than one `chunked` (RFC 9112, section 6.1)");
    }
    None
}

fn is_chunked_once(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    let line = lines.next().and_then(|line| line.to_str().ok());
    line.is_some_and(|line| line.trim().eq_ignore_ascii_case("chunked")) && lines.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fine(version: Version, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        reason(&request.body("body".to_owned()).unwrap()).is_none()
    }

    #[test]
    fn http_1_1_has_one_host_and_http_1_0_at_most_one() {
        assert!(is_fine(Version::HTTP_11, &[("Host", "gw.test")]));
        assert!(is_fine(Version::HTTP_10, &[]));
        assert!(is_fine(Version::HTTP_11, &[("Host", "")]));
        assert!(!is_fine(Version::HTTP_11, &[]));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert!(!is_fine(version, &[("Host", "a"), ("Host", "a")]));
        }
    }

    #[test]
    fn a_body_is_chunked_once_and_nothing_else() {
        let is_fine = |values: &[&str]| {
            let headers = values.iter().map(|value| ("Transfer-Encoding", *value));
            let headers = headers.chain([("Host", "a")]);
            is_fine(Version::HTTP_11, &headers.collect::<Vec<_>>())
        };
        assert!(is_fine(&["chunked"]));
        assert!(is_fine(&["Chunked "]));
        assert!(!is_fine(&["chunked, chunked"]));
        assert!(!is_fine(&["chunked", "chunked"]));
        assert!(!is_fine(&["gzip, chunked"]));
        assert!(!is_fine(&["identity"]));
    }
}
