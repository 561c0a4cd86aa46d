//! Whether a page of another site made a browser send a request.
//!
//! Bodies of type text/plain are read, which any page may send without asking us, and a browser
//! adds the session's cookie. `SameSite=Strict` on the cookie is the first defence, but a site is
//! wider than an origin and old browsers know no `SameSite`; this is the second.

use http::{HeaderMap, Uri, header};

/// Whether it came from elsewhere, as the browser says itself in headers no page can write: in
/// `Sec-Fetch-Site` (Fetch Metadata), which browsers send to HTTPS and to localhost, else in
/// `Origin` (RFC 6454), which must then name the host that was asked. A request with neither is of
/// no browser, or of one that is asked by its user.
pub(super) fn is_foreign(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let origin = origin.as_ref().and_then(Uri::authority);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match (origin, host) {
        (Some(origin), Some(host)) => !origin.as_str().eq_ignore_ascii_case(host),
        // `null`: a sandbox, a file, or a page that does not want to be known.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_foreign_with(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_foreign(&headers)
    }

    #[test]
    fn only_what_a_page_of_elsewhere_sends_is_foreign() {
        let host = ("host", "gw.example:8081");
        for (headers, foreign) in [
            (vec![host], false),
            (vec![host, ("origin", "http://gw.example:8081")], false),
            (vec![host, ("origin", "https://GW.example:8081")], false),
            (vec![host, ("origin", "http://gw.example")], true),
            (vec![host, ("origin", "http://gw.example:8081.evil.example")], true),
            (vec![host, ("origin", "http://evil.example")], true),
            (vec![host, ("origin", "null")], true),
            (vec![host, ("origin", "")], true),
            (vec![("origin", "http://gw.example:8081")], true),
            (vec![host, ("sec-fetch-site", "same-origin")], false),
            (vec![host, ("sec-fetch-site", "none")], false),
            (vec![host, ("sec-fetch-site", "same-site")], true),
            (vec![host, ("sec-fetch-site", "cross-site")], true),
            // Behind a proxy that writes a Host of its own.
            (
                vec![
                    ("host", "10.0.0.1"),
                    ("origin", "https://gw.example"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
        ] {
            assert_eq!(is_foreign_with(&headers), foreign, "{headers:?}");
        }
    }
}
