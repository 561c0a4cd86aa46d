//! Bytes before the text of a file, as some phones demand them: a length, a checksum, the phone's
//! address, fixed bytes.

use serde::Deserialize;

use crate::domain::Mac;

/// More than any header has; a length or a checksum of more bytes is a slip of the pen.
const MOST_BYTES: usize = 8;

/// The most that a file is padded to: the longest blocks that files are cut into are of this
/// length.
const MOST_PAD: usize = 512;

/// One field, as `family.toml` writes it. Numbers are big-endian.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Field {
    /// How long header and text are, in units of so many bytes.
    Length { bytes: usize, unit: usize },
    /// What makes the sum of all numbers of so many bytes in header and text a multiple of 256 to
    /// the power of that.
    Checksum { bytes: usize },
    /// The six octets of the phone's address.
    Mac,
    /// These, in hexadecimal.
    Bytes(String),
}

/// The header of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    fields: Vec<Field>,
    fixed: Vec<Vec<u8>>,
    /// Header and text are made a multiple of it with NULs.
    pad: usize,
}

/// Why a body does not have the header it should have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its header is not that of its text")]
pub struct NotItsHeader;

impl Header {
    /// # Errors
    /// What is wrong with the fields.
    pub(crate) fn new(fields: Vec<Field>, pad: usize) -> Result<Header, String> {
        if !(1..=MOST_PAD).contains(&pad) {
            return Err(format!("`pad` must be 1 to {MOST_PAD}"));
        }
        let fits = |bytes: usize| (1..=MOST_BYTES).contains(&bytes);
        let mut at = 0usize;
        let mut fixed = Vec::new();
        for field in &fields {
            match field {
                Field::Length { bytes, unit }
                    if !fits(*bytes) || *unit == 0 || !pad.is_multiple_of(*unit) =>
                {
                    return Err(format!(
                        "a length has 1 to {MOST_BYTES} bytes, and a unit that `pad` is a multiple of"
                    ));
                }
                Field::Checksum { bytes }
                    if !fits(*bytes)
                        || !pad.is_multiple_of(*bytes)
                        || !at.is_multiple_of(*bytes) =>
                {
                    return Err(format!(
                        "a checksum has 1 to {MOST_BYTES} bytes, begins at a multiple of that, and \
                         `pad` is a multiple of it"
                    ));
                }
                Field::Bytes(digits) => {
                    let bytes =
                        bytes(digits).ok_or_else(|| format!("`{digits}` is not hexadecimal"))?;
                    fixed.push(bytes);
                }
                _ => {}
            }
            at += size(field);
        }
        let checksums = fields.iter().filter(|field| matches!(field, Field::Checksum { .. }));
        if checksums.count() > 1 {
            return Err("there can be one checksum".to_owned());
        }
        Ok(Header { fields, fixed, pad })
    }

    pub(crate) fn has_mac(&self) -> bool {
        self.fields.contains(&Field::Mac)
    }

    fn len(&self) -> usize {
        self.fields.iter().map(size).sum()
    }

    /// The file of a text: header, text, NULs.
    #[must_use]
    pub fn before(&self, mac: Mac, text: &[u8]) -> Vec<u8> {
        let total = (self.len() + text.len()).next_multiple_of(self.pad);
        let mut body = Vec::with_capacity(total);
        let mut fixed = self.fixed.iter();
        let mut checksum = None;
        for field in &self.fields {
            match field {
                Field::Length { bytes, unit } => body.extend(number(total / unit, *bytes)),
                Field::Checksum { bytes } => {
                    checksum = Some(body.len()..body.len() + bytes);
                    body.resize(body.len() + bytes, 0);
                }
                Field::Mac => body.extend(mac.octets()),
                Field::Bytes(_) => body.extend(fixed.next().into_iter().flatten()),
            }
        }
        body.extend(text);
        body.resize(total, 0);
        if let Some(place) = checksum {
            let size = place.len();
            let sum = body.chunks_exact(size).fold(0u64, |sum, chunk| {
                sum.wrapping_add(
                    chunk.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
                )
            });
            body[place].copy_from_slice(&sum.wrapping_neg().to_be_bytes()[8 - size..]);
        }
        body
    }

    /// The text of a file, whose header must be right to the last bit.
    ///
    /// # Errors
    /// A phone would drop it.
    pub fn text<'b>(&self, body: &'b [u8]) -> Result<&'b [u8], NotItsHeader> {
        let text = body.get(self.len()..).ok_or(NotItsHeader)?;
        let end = text.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let mut at = 0;
        let mut mac = Mac::from_bits(0);
        for field in &self.fields {
            if *field == Field::Mac {
                let octets = &body[at..at + 6];
                mac = Mac::from_bits(
                    octets.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte)),
                );
            }
            at += size(field);
        }
        let is_right = self.before(mac, &text[..end]) == body;
        if is_right { Ok(&text[..end]) } else { Err(NotItsHeader) }
    }

    /// A body as examples show it: the header in hexadecimal on a line of its own, then the text.
    #[must_use]
    pub(crate) fn shown(&self, body: &[u8]) -> Vec<u8> {
        let (header, text) = body.split_at(self.len().min(body.len()));
        let digits: String = header.iter().map(|byte| format!("{byte:02x}")).collect();
        let end = text.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        [digits.as_bytes(), b"\n", &text[..end], b"\n"].concat()
    }
}

fn size(field: &Field) -> usize {
    match field {
        Field::Length { bytes, .. } | Field::Checksum { bytes } => *bytes,
        Field::Mac => 6,
        Field::Bytes(digits) => digits.len() / 2,
    }
}

/// The last `size` bytes of a number.
fn number(value: usize, size: usize) -> impl Iterator<Item = u8> {
    (value as u64).to_be_bytes().into_iter().skip(8 - size)
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(fields: &str, pad: usize) -> Result<Header, String> {
        #[derive(Deserialize)]
        struct Written {
            header: Vec<Field>,
        }
        let written: Written = toml::from_str(&format!("header = [{fields}]")).unwrap();
        Header::new(written.header, pad)
    }

    const GRANDSTREAM: &str = r#"{ length = { bytes = 4, unit = 2 } }, { checksum = { bytes = 2 } }, "mac", { bytes = "0d0a0d0a" }"#;

    /// A file that sipXecs wrote for these phones: sipXgrandstream, test/simple.bin.
    #[test]
    fn a_file_is_as_another_program_writes_it() {
        let own = header(GRANDSTREAM, 2).unwrap();
        let mac = Mac::from_bits(0x0004_f200_e06b);
        let body = own.before(mac, b"P1=A&gnkey=0b82");
        let known = "00000010ba480004f200e06b0d0a0d0a50313d4126676e6b65793d3062383200";
        assert_eq!(body, bytes(known).unwrap());
        assert_eq!(own.text(&body).unwrap(), b"P1=A&gnkey=0b82");
        assert_eq!(own.shown(&body), b"00000010ba480004f200e06b0d0a0d0a\nP1=A&gnkey=0b82\n");
        for at in 0..body.len() {
            let mut broken = body.clone();
            broken[at] ^= 4;
            assert_eq!(own.text(&broken), Err(NotItsHeader), "byte {at}");
        }
        assert_eq!(own.text(&body[..9]), Err(NotItsHeader));
    }

    #[test]
    fn what_cannot_be_a_header_says_why() {
        assert!(header(GRANDSTREAM, 3).unwrap_err().contains("a unit that `pad` is a multiple of"));
        assert_eq!(header(GRANDSTREAM, 0).unwrap_err(), "`pad` must be 1 to 512");
        assert!(header("{ bytes = \"0\" }", 1).unwrap_err().contains("is not hexadecimal"));
        assert!(
            header("{ bytes = \"00\" }, { checksum = { bytes = 2 } }", 2).is_err(),
            "odd place"
        );
        assert!(header("{ checksum = { bytes = 1 } }, { checksum = { bytes = 1 } }", 1).is_err());
        assert!(header("{ length = { bytes = 9, unit = 1 } }", 1).is_err());
    }
}
