//! Control characters in heads, which some handsets send.

/// Sets the highest bit of control characters, which RFC 9110 section 5.5 has
/// no place for, so that the request is not refused for them.
///
/// Avaya 12x0 firmware sends `AVAYA/SIP12x0` and one of the bytes 0x14, 0x16,
/// 0x17 or 0xff in its User-Agent (wazo-provd-plugins, wazo_avaya/common). The
/// byte stays one byte above 0x7f, which is allowed, and can be told from text.
/// NUL stays forbidden, and so do line ends where they do not belong.
pub(super) fn sanitize_control_chars(head: &mut [u8]) {
    let odd =
        |byte: u8| (byte < 0x20 && !matches!(byte, 0 | b'\t' | b'\n' | b'\r')) || byte == 0x7f;
    // Without a branch, so that many bytes are looked at together.
    for byte in head {
        *byte |= u8::from(odd(*byte)) << 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_allowed_bytes_and_nothing_else_changes() {
        let mut head =
            b"GET / HTTP/1.1\r\nUser-Agent: AVAYA/SIP12x0\x17/\x7f\xff\r\nA:\tb\0\r\n\r\n".to_vec();
        sanitize_control_chars(&mut head);
        assert_eq!(
            head,
            b"GET / HTTP/1.1\r\nUser-Agent: AVAYA/SIP12x0\x97/\xff\xff\r\nA:\tb\0\r\n\r\n"
        );
    }
}
