//! What holds of whatever comes to the handsets' edge.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::authorization::header::read;
use super::forwarded::{ForwardedHeader, client_address};
use super::{Edge, EdgeOptions};
use crate::domain::{Presented, Sighting, steers};
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
    let answer = laws::answer(bytes, Edge::new(Arc::new(Checked), EdgeOptions::new(7)));
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{answer:?}");
}

/// An `Authorization` header is read the same each time, and what is shown of it is no password.
pub fn authorization(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    let headers: HeaderMap = [(header::AUTHORIZATION, value)].into_iter().collect();
    let shown = format!("{:?}", read(&headers, "GET"));
    assert_eq!(shown, format!("{:?}", read(&headers, "GET")));
    let Some(Ok(Presented::Basic(basic))) = read(&headers, "GET") else { return };
    let password = basic.password.expose();
    let is_elsewhere = basic.user.contains(password) || "Presented credentials".contains(password);
    assert!(password.len() < 8 || is_elsewhere || !shown.contains(password), "{shown}");
}

/// What stands left of an untrusted address changes nothing, and none is made up.
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
            client_address(peer, &headers, of, trusted)
        };
        let claimed: &[u8] = b"203.0.113.200, for=203.0.113.200";
        let with_claim: Vec<&[u8]> =
            std::iter::once(claimed).chain(lines.iter().copied()).collect();
        let found = address(&lines, &Networks::none());
        if found != peer {
            assert_eq!(address(&with_claim, &Networks::none()), found);
        }
        address(&with_claim, &Networks::all());
    }
}
