//! Whether the handset has the file already (RFC 9110 section 13).

use http::{HeaderMap, header};

use super::wording::FileHeaders;

/// True when the answer is 304.
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
