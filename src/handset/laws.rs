//! What holds of whatever comes to the handsets' edge.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::authorization::header::read;
use super::forwarded::{ForwardedHeader, client_address};
use super::{Access, Edge, EdgeOptions};
use crate::domain::{DigestResponse, Presented, Sighting, steers};
use crate::net::{Networks, laws};
use crate::provision::{Fetch, Provision, Receipt, Reply, UploadBody};

/// Refuses everything, when it is as the edge promises.
struct Checked;

const WANTED: HeaderName = HeaderName::from_static("x-aastra-expmod1");

impl Checked {
    fn check(fetch: &Fetch) {
        assert!(fetch.target.starts_with('/') && fetch.target.len() <= 2_048);
        assert!(!fetch.target.contains(|of: char| of.is_ascii_control() || of == ' '));
        let named = fetch.user_agent.iter();
        for value in named.chain(fetch.headers.iter().map(|(_, value)| value)) {
            assert!(value.len() <= Sighting::MAX_USER_AGENT.max(256));
            assert!(!value.chars().any(steers), "{value:?}");
        }
        assert!(fetch.headers.iter().all(|(name, _)| *name == WANTED.as_str()));
    }
}

impl Provision for Checked {
    fn wanted_headers(&self) -> Arc<[HeaderName]> {
        Arc::new([WANTED])
    }

    async fn fetch(&self, fetch: Fetch) -> Reply {
        Checked::check(&fetch);
        Reply::Refused
    }

    async fn receive<B: UploadBody>(&self, fetch: Fetch, _: &mut B) -> Receipt {
        Checked::check(&fetch);
        Receipt::Refused
    }
}

/// What comes on a connection is answered in HTTP or with nothing, and what is passed on of it is
/// bounded and steers nothing.
pub fn request(bytes: &[u8]) {
    let edge = || Edge::new(Arc::new(Checked), EdgeOptions::new(7));
    let answer = laws::answer(bytes, 1 << 16, edge());
    // What another protocol begins with is told as that, where it comes in one piece.
    if !bytes.first().is_some_and(u8::is_ascii_uppercase) || bytes.starts_with(b"PROXY ") {
        return;
    }
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{answer:?}");
    // A head that is cut short is looked at where it begins, and then not before its end.
    let is_whole = |end: &[u8]| bytes.windows(end.len()).any(|part| part == end);
    if !is_whole(b"\r\n\r\n") && !is_whole(b"\n\n") {
        return;
    }
    let in_pieces = laws::answer(bytes, 11, edge());
    assert_eq!(status_line(&answer), status_line(&in_pieces), "{}", bytes.escape_ascii());
}

fn status_line(answer: &[u8]) -> &[u8] {
    answer.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

/// An `Authorization` header is read the same each time, also when it is written anew of what was
/// read, and what is shown of it is no password.
pub fn authorization(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    let headers: HeaderMap = [(header::AUTHORIZATION, value)].into_iter().collect();
    let shown = format!("{:?}", read(&headers, "GET"));
    assert_eq!(shown, format!("{:?}", read(&headers, "GET")));
    let Some(Ok(presented)) = read(&headers, "GET") else { return };
    let written = written(&presented);
    // Escapes may make it longer than a header may be.
    let again = (written.len() <= 4_096).then_some((header::AUTHORIZATION, written));
    match (&presented, read(&again.into_iter().collect(), "GET")) {
        (_, None) => {}
        (Presented::Basic(basic), Some(Ok(Presented::Basic(again)))) => assert!(again == *basic),
        (Presented::Digest(digest), Some(Ok(Presented::Digest(again)))) => {
            assert_eq!(parts(&again), parts(digest));
        }
        (_, again) => panic!("{shown}: {again:?}"),
    }
    let Presented::Basic(basic) = presented else { return };
    let password = basic.password.expose();
    let is_elsewhere = basic.user.contains(password) || "Presented credentials".contains(password);
    assert!(password.len() < 8 || is_elsewhere || !shown.contains(password), "{shown}");
}

/// The header of a client that presents this.
fn written(presented: &Presented) -> HeaderValue {
    let text = match presented {
        Presented::Basic(basic) => {
            let pair = format!("{}:{}", basic.user, basic.password.expose());
            format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(pair))
        }
        Presented::Digest(digest) => {
            let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let [realm, nonce, uri, response] =
                [&digest.realm, &digest.nonce, &digest.uri, &digest.response].map(|it| quoted(it));
            let user = utf8_percent_encode(&digest.user, NON_ALPHANUMERIC);
            let counted = digest.counted.as_ref().map_or_else(String::new, |counted| {
                let (nc, cnonce) = (quoted(&counted.nc), quoted(&counted.cnonce));
                format!(", qop=auth, nc=\"{nc}\", cnonce=\"{cnonce}\"")
            });
            format!(
                "Digest username*=UTF-8''{user}, realm=\"{realm}\", nonce=\"{nonce}\", \
                 uri=\"{uri}\", response=\"{response}\", algorithm={}, userhash={}{counted}",
                digest.algorithm.name(),
                digest.is_user_hashed,
            )
        }
    };
    HeaderValue::try_from(text).expect("it is what came")
}

fn parts(digest: &DigestResponse) -> impl PartialEq + fmt::Debug {
    let DigestResponse { algorithm, user, is_user_hashed, realm, nonce, counted, .. } = digest;
    let counted = counted.as_ref().map(|counted| (&counted.nc, &counted.cnonce));
    let of_request = (&digest.method, &digest.uri, &digest.response);
    (algorithm, user, is_user_hashed, (realm, nonce, counted), of_request)
}

/// What stands left of an untrusted address changes nothing, and of who is no proxy nothing is
/// looked at.
pub fn forwarded(lines: &[u8]) {
    let peer: IpAddr = "127.0.0.1".parse().expect("it is an address");
    let lines: Vec<_> = lines.split(|byte| *byte == b'\n').take(16).collect();
    for (name, of) in [
        (HeaderName::from_static("x-forwarded-for"), ForwardedHeader::XForwardedFor),
        (header::FORWARDED, ForwardedHeader::Forwarded),
    ] {
        let address = |lines: &[&[u8]], trusted: &Networks| {
            let values = lines.iter().filter_map(|line| HeaderValue::from_bytes(line).ok());
            let mut headers = HeaderMap::new();
            values.for_each(|value| {
                headers.append(&name, value);
            });
            let access = Access { header: of, ..Access::default() };
            assert_eq!(access.asker(peer, Some(&headers), false).address, peer);
            client_address(peer, &headers, of, trusted)
        };
        let claimed: &[u8] = b"203.0.113.200, for=203.0.113.200";
        let with_claim: Vec<&[u8]> =
            std::iter::once(claimed).chain(lines.iter().copied()).collect();
        let found = address(&lines, &Networks::none());
        assert_eq!(found, found.to_canonical());
        if found != peer {
            assert_eq!(address(&with_claim, &Networks::none()), found);
        }
        address(&with_claim, &Networks::all());
    }
}
