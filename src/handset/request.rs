//! From HTTP to a [`Fetch`], every part within its bound.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, Method, Request, header};

use super::access::Asker;
use crate::domain::{ClientCertificate, Sighting, with_hidden_shown};
use crate::provision::Fetch;

/// The longest of 250 recorded requests has 38 bytes (`/snom/settings-m9.php?mac=...`);
/// this leaves room for a path prefix and a query of any size that is sane.
const MOST_TARGET_BYTES: usize = 2_048;
/// The longest value of a header that is passed on. `X-Aastra-ExpMod1..3`, for which this was
/// made, hold a model like `536M`.
const MOST_HEADER_BYTES: usize = 256;

/// What a request asks for, and who asks but for the credentials; `None` for what no handset may
/// get or leave anything with: another method than GET, HEAD, PUT
/// and POST, a target that is too long or has no path.
///
/// An absolute target (`GET http://host/path`, RFC 9112 section 3.2.2) counts
/// as its path: the phone took us for its proxy.
pub(super) fn fetch<B>(
    request: &Request<B>,
    asker: Asker,
    (certificate, is_tls): (Option<Arc<ClientCertificate>>, bool),
    wanted: &[HeaderName],
) -> Option<Fetch> {
    if !(matches!(*request.method(), Method::GET | Method::HEAD) || is_upload(request)) {
        return None;
    }
    let target = request.uri().path_and_query()?.as_str();
    if !target.starts_with('/') || target.len() > MOST_TARGET_BYTES {
        return None;
    }
    let headers = request.headers();
    let user_agent = headers.get(header::USER_AGENT);
    let mut passed_on = Vec::new();
    for name in wanted {
        for value in headers.get_all(name) {
            passed_on.push((name.as_str().to_owned(), text(value.as_bytes(), MOST_HEADER_BYTES)));
        }
    }
    Some(Fetch {
        user_agent: user_agent.map(|value| text(value.as_bytes(), Sighting::MAX_USER_AGENT)),
        headers: passed_on,
        is_head: *request.method() == Method::HEAD,
        is_tls: is_tls || asker.is_tls_at_proxy,
        is_allowed: asker.is_allowed,
        certificate,
        ..Fetch::new(target.to_owned(), asker.address)
    })
}

/// Whether it brings something; phones use either method for it, as they are told.
pub(super) fn is_upload<B>(request: &Request<B>) -> bool {
    matches!(*request.method(), Method::PUT | Method::POST)
}

/// Why what a request brings cannot be kept as it comes, in words. A part of a file is no file (RFC
/// 9110 section 14.5); and where nothing says how long a body is there is none (RFC 9112 section
/// 6.3), while a phone that sends so meant one, which must not cost it the file from before.
pub(super) fn unfit_upload(headers: &HeaderMap) -> Option<&'static str> {
    if headers.contains_key(header::CONTENT_RANGE) {
        return Some("it is a part of a file (Content-Range)");
    }
    let has_length = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING]
        .iter()
        .any(|name| headers.contains_key(name));
    (!has_length).then_some("neither Content-Length nor chunks say how long it is")
}

/// A header's value as text of at most `most` bytes that is safe to store, log
/// and show. Bytes that are not UTF-8 count as Latin-1 (RFC 9110 section 5.5),
/// and a control character becomes its picture (U+2400..U+2421), so that
/// patterns still see one character where the handset sent one. What would not be seen as it is, or
/// turns what stands around it, is U+FFFD.
fn text(value: &[u8], most: usize) -> String {
    // Nearly all are plain ASCII and fit.
    if value.len() <= most
        && value.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && let Ok(text) = str::from_utf8(value)
    {
        return text.to_owned();
    }
    // What is behind `most` bytes cannot fit; a character cut by it is dropped below.
    let cut = &value[..value.len().min(most)];
    let mut text = String::with_capacity(cut.len());
    let mut push = |character: char| {
        let shown = picture(character);
        if text.len() + shown.len_utf8() <= most {
            text.push(shown);
        }
    };
    match std::str::from_utf8(cut) {
        Ok(cut) => cut.chars().for_each(&mut push),
        // Not an error but the end of the cut: a character begun and not ended.
        Err(error) if error.error_len().is_none() && value.len() > most => {
            String::from_utf8_lossy(&cut[..error.valid_up_to()]).chars().for_each(&mut push);
        }
        Err(_) => cut.iter().map(|&byte| char::from(byte)).for_each(&mut push),
    }
    let mut text = with_hidden_shown(&text, |_| char::REPLACEMENT_CHARACTER.into()).into_owned();
    text.truncate(text.floor_char_boundary(most));
    text
}

/// C0 and DEL have pictures; C1, where `net` moves the control characters it tolerates, takes
/// theirs.
fn picture(character: char) -> char {
    match character {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)),
        '\u{80}'..='\u{9f}' => char::from_u32(0x2400 + (u32::from(character) & 0x1f)),
        '\u{7f}' => Some('\u{2421}'),
        _ => None,
    }
    .unwrap_or(character)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;

    const ASKER: Asker = Asker {
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        is_allowed: true,
        is_tls_at_proxy: false,
    };

    fn fetched(target: &str) -> Option<Fetch> {
        let request = Request::builder().uri(target).body(()).unwrap();
        fetch(&request, ASKER, (None, false), &[])
    }

    #[test]
    fn an_absolute_target_counts_as_its_path() {
        assert_eq!(fetched("http://gw.test/a.cfg?mac=1").unwrap().target, "/a.cfg?mac=1");
        assert_eq!(fetched("http://gw.test").unwrap().target, "/");
        assert!(fetched("*").is_none());
    }

    #[test]
    fn a_target_has_a_longest_length() {
        assert!(fetched(&format!("/{}", "a".repeat(2_047))).is_some());
        assert!(fetched(&format!("/{}", "a".repeat(2_048))).is_none());
    }

    #[test]
    fn only_wanted_headers_are_copied() {
        let request = Request::builder()
            .uri("/aastra.cfg")
            .header("X-Aastra-ExpMod1", "m675i")
            .header("Cookie", "secret")
            .body(())
            .unwrap();
        let wanted = [HeaderName::from_static("x-aastra-expmod1")];
        let fetch = fetch(&request, ASKER, (None, false), &wanted).unwrap();
        assert_eq!(fetch.headers, [("x-aastra-expmod1".to_owned(), "m675i".to_owned())]);
    }

    #[test]
    fn odd_bytes_stay_one_character_each() {
        assert_eq!(text(b"AVAYA/SIP12x0\x97/04.00", 280), "AVAYA/SIP12x0\u{2417}/04.00");
        assert_eq!(text(b"AVAYA/SIP12x0\xff/04.01", 280), "AVAYA/SIP12x0\u{ff}/04.01");
        assert_eq!(text("Telefon Küche".as_bytes(), 280), "Telefon Küche");
        assert_eq!(text(b"a\tb", 280), "a\u{2409}b");
    }

    #[test]
    fn a_character_is_not_cut_in_half() {
        assert_eq!(text("aü".as_bytes(), 2), "a");
        assert_eq!(text("aüb".as_bytes(), 3), "aü");
    }

    proptest! {
        #[test]
        fn any_value_is_bounded_and_without_control_characters(value: Vec<u8>, most in 0usize..40) {
            let text = text(&value, most);
            prop_assert!(text.len() <= most);
            prop_assert!(!text.chars().any(char::is_control));
        }
    }
}
