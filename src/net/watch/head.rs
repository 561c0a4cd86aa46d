//! Which bytes of a connection belong to heads of requests, and the control characters there.

use super::Phase;

/// Makes control characters in heads pass, and leaves bodies alone.
///
/// The bytes that are read hold both, and where a body ends only the HTTP library knows. What it
/// reads while a head is awaited begins with one, or goes on with one: of what it holds it makes a
/// request before it reads on. So a head is looked for there, and ends with its first empty line
/// (RFC 9112 section 2.1). Whatever else comes is not touched, be it a body, or a request sent
/// without waiting for the answer to the one before.
#[derive(Debug)]
pub(super) struct HeadBytes {
    /// The head that was awaited is over.
    is_over: bool,
    /// Nothing was read since.
    is_clean: bool,
    /// Something of it has come that is no empty line: those before it do not count (RFC 9112
    /// section 2.2).
    has_begun: bool,
    line: Line,
}

/// What has come of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Nothing,
    CarriageReturn,
    Other,
}

impl HeadBytes {
    pub(super) fn new() -> HeadBytes {
        HeadBytes { is_over: false, is_clean: true, has_begun: false, line: Line::Nothing }
    }

    /// Takes what was read in this phase.
    pub(super) fn pass(&mut self, bytes: &mut [u8], phase: Phase) {
        if phase == Phase::Idle {
            self.begin();
        }
        let length = match phase.takes_head() && !self.is_over {
            true => self.length_in(bytes),
            false => 0,
        };
        let (head, rest) = bytes.split_at_mut(length);
        sanitize_control_chars(head);
        if !rest.is_empty() {
            self.is_clean = false;
            self.line = self.line.after(rest);
        }
    }

    /// Some of the head may have come already, and its end is not to be missed.
    fn begin(&mut self) {
        self.is_over = false;
        self.has_begun = !self.is_clean;
    }

    /// How many of the bytes belong to the head.
    fn length_in(&mut self, bytes: &[u8]) -> usize {
        let mut start = 0;
        while let Some(length) = bytes[start..].iter().position(|&byte| byte == b'\n') {
            let is_empty = match &bytes[start..start + length] {
                [] => self.line != Line::Other,
                b"\r" => self.line == Line::Nothing,
                _ => false,
            };
            start += length + 1;
            self.line = Line::Nothing;
            if is_empty && self.has_begun {
                (self.is_over, self.is_clean) = (true, true);
                return start;
            }
            self.has_begun |= !is_empty;
        }
        self.line = self.line.after(&bytes[start..]);
        bytes.len()
    }
}

impl Line {
    /// Where the line is after these bytes of the connection too.
    fn after(self, bytes: &[u8]) -> Line {
        match (self, bytes) {
            (line, []) => line,
            (_, [.., b'\n']) => Line::Nothing,
            (Line::Nothing, b"\r") | (_, [.., b'\n', b'\r']) => Line::CarriageReturn,
            _ => Line::Other,
        }
    }
}

/// Sets, in the head of a request, the highest bit of control characters, which RFC 9110 section
/// 5.5 has no place for, so that the request is not refused for them.
///
/// Avaya 12x0 firmware sends `AVAYA/SIP12x0` and one of the bytes 0x14, 0x16,
/// 0x17 or 0xff in its User-Agent (wazo-provd-plugins, wazo_avaya/common). The
/// byte stays one byte above 0x7f, which is allowed, and can be told from text.
/// NUL stays forbidden, and so do line ends where they do not belong.
fn sanitize_control_chars(head: &mut [u8]) {
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

    /// What comes of these reads, each in its phase.
    fn passed(reads: &[(Phase, &[u8])]) -> Vec<u8> {
        let mut heads = HeadBytes::new();
        let mut all = Vec::new();
        for (phase, read) in reads {
            let mut bytes = read.to_vec();
            heads.pass(&mut bytes, *phase);
            all.extend(bytes);
        }
        all
    }

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

    #[test]
    fn a_head_ends_with_its_first_empty_line_however_it_is_cut() {
        for (came, expected) in [
            (
                &b"P\x01\r\nA: \x02\r\n\r\n\x03\r\n\r\n"[..],
                &b"P\x81\r\nA: \x82\r\n\r\n\x03\r\n\r\n"[..],
            ),
            (b"P\x01\nA: \x02\n\n\x03\n", b"P\x81\nA: \x82\n\n\x03\n"),
            (b"P\x01\r\nA: \x02\n\r\n\x03\n\n", b"P\x81\r\nA: \x82\n\r\n\x03\n\n"),
            (b"P\x01\r\nA: \x02\r\n\n\x03", b"P\x81\r\nA: \x82\r\n\n\x03"),
            // Empty lines before a request are not of it.
            (b"\r\n\n\r\nP\x01\r\n\r\n\x03", b"\r\n\n\r\nP\x81\r\n\r\n\x03"),
        ] {
            for cut in 0..=came.len() {
                let (one, other) = came.split_at(cut);
                for then in [Phase::Head, Phase::Idle] {
                    let reads = match then {
                        // The first read makes it so.
                        Phase::Idle if cut == 0 => [(then, one), (then, other)],
                        _ => [(then, one), (Phase::Head, other)],
                    };
                    assert_eq!(passed(&reads), expected, "{came:?} cut at {cut}");
                }
                let by_bytes: Vec<_> = came.chunks(1).map(|byte| (Phase::Head, byte)).collect();
                assert_eq!(passed(&by_bytes), expected, "{came:?}");
            }
        }
    }

    #[test]
    fn a_head_that_began_behind_a_body_ends_where_it_ends() {
        let behind = b"\x01\x02P\r\nA: b\r\n\r\n";
        for cut in 2..behind.len() {
            let (came, rest) = behind.split_at(cut);
            let rest = [rest, b"\x03\r\n\r\n"].concat();
            let reads = [
                (Phase::Head, &b"P\x01\r\nA: b\r\n\r\n"[..]),
                (Phase::Body, came),
                (Phase::Idle, &rest),
            ];
            assert_eq!(
                passed(&reads),
                b"P\x81\r\nA: b\r\n\r\n\x01\x02P\r\nA: b\r\n\r\n\x03\r\n\r\n",
                "{cut}"
            );
        }
    }

    #[test]
    fn the_head_after_a_body_is_a_head_again() {
        let reads = [
            (Phase::Head, &b"P\r\n\r\n\x01"[..]),
            (Phase::Body, b"\x02\r\n"),
            (Phase::Idle, b"P\x03\r\n"),
            (Phase::Head, b"A: \x04\r\n\r\n"),
            (Phase::Idle, b"\r\nP\x05\r\n\r\n\x06"),
        ];
        assert_eq!(
            passed(&reads),
            b"P\r\n\r\n\x01\x02\r\nP\x83\r\nA: \x84\r\n\r\n\r\nP\x85\r\n\r\n\x06"
        );
    }
}
