//! A rendered file, as every edge gets it, and the cache that keeps it until what it was made of
//! changes.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use crate::domain::settings::{Delivery, Over};
use crate::domain::{Mac, Timestamp};

/// One rendered file. It knows no protocol: the edge that sends it puts into words what its
/// protocol says of a file, once, see [`Rendered::worded`].
pub struct Rendered {
    /// The file's bytes, as they are sent.
    pub body: Bytes,
    /// The type as the family's definition writes it, `text/plain; charset=utf-8`; unchecked.
    pub media_type: Arc<str>,
    /// How the bytes are to be read before they are of that type, as HTTP names it (RFC 9110
    /// section 8.4); `None`: as they are.
    pub content_coding: Option<&'static str>,
    /// What tells these bytes from others.
    pub entity_tag: EntityTag,
    /// When what it was made of changed last, as far as its second is known.
    changed: Timestamp,
    words: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Rendered {
    /// A file of these bytes.
    #[must_use]
    pub fn new(body: Vec<u8>, media_type: Arc<str>, changed: Timestamp) -> Rendered {
        Rendered {
            entity_tag: EntityTag::of(&body),
            body: Bytes::from(body),
            media_type,
            content_coding: None,
            changed,
            words: OnceLock::new(),
        }
    }

    /// One that no date tells from others that are there under its name: what has a tag alone.
    #[must_use]
    pub(super) fn undated(body: Vec<u8>, media_type: Arc<str>) -> Rendered {
        // So long after all answers that none has the date.
        Rendered::new(body, media_type, Timestamp::from_seconds(i64::MAX / 2))
    }

    /// The same file in other bytes, which are to be read in such a way.
    #[must_use]
    pub fn with_bytes(&self, bytes: Vec<u8>, coding: Option<&'static str>) -> Rendered {
        let rendered = Rendered::new(bytes, self.media_type.clone(), self.changed);
        Rendered { content_coding: coding, ..rendered }
    }

    /// The date by which the file can be told from every other one that was there under its
    /// name: from then on, and not before, whoever has a file of this date has this file.
    ///
    /// Times are in whole seconds, and in one second a file can change several times; so the
    /// second in which it changed dates none of its versions (RFC 9110 section 8.8.2.2). Nor does
    /// the next one, in which a gateway may still have what a change of the second before it
    /// has replaced: that change is being stored, or was made at another gateway.
    #[must_use]
    pub fn dated(&self) -> Timestamp {
        self.changed + 2
    }

    /// What an edge says of the file, made by `word` at the first answer and kept for the
    /// others: a file is sent thousands of times and formatting a date and a tag for each
    /// took a tenth of an answer. There is room for the words of one edge; another one's are
    /// made anew each time.
    pub fn worded<W: Clone + Send + Sync + 'static>(&self, word: impl Fn(&Rendered) -> W) -> W {
        let kept = self.words.get_or_init(|| Box::new(word(self)));
        kept.downcast_ref().cloned().unwrap_or_else(|| word(self))
    }
}

impl fmt::Debug for Rendered {
    /// Shows it without the body, which holds passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered")
            .field("bytes", &self.body.len())
            .field("media_type", &self.media_type)
            .field("content_coding", &self.content_coding)
            .field("entity_tag", &self.entity_tag)
            .field("changed", &self.changed)
            .finish_non_exhaustive()
    }
}

/// Tells two bodies apart: half a SHA-256 of the bytes, so that nobody finds two with one tag.
/// Written as 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityTag(u128);

impl EntityTag {
    fn of(body: &[u8]) -> EntityTag {
        let digest = Sha256::digest(body);
        let half = digest.first_chunk().expect("32 bytes have a first half");
        EntityTag(u128::from_be_bytes(*half))
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A file of a device: the device, or zero for a common file, and a hash of
/// what else distinguishes the request (family, pattern, path facts).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct BodyKey {
    pub mac: u64,
    pub file: u64,
}

impl BodyKey {
    pub(super) fn new(mac: Option<Mac>, file: u64) -> BodyKey {
        BodyKey { mac: mac.map_or(0, Mac::bits), file }
    }
}

/// Numbers that change when what a body was made of does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    /// The device's, or that of what is common to all.
    pub registry: u64,
    pub catalogue: u64,
}

/// How and when a request came, as far as a body depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub is_tls: bool,
    pub at: Timestamp,
}

/// Which requests a body is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending {
    pub over: Over,
    /// It is not sent then any more.
    pub until: Timestamp,
}

impl Sending {
    /// All of them.
    pub(super) const ALWAYS: Sending =
        Sending { over: Over::Any, until: Timestamp::from_seconds(i64::MAX) };

    pub(super) fn of(delivery: &Delivery) -> Sending {
        Sending { over: delivery.over, until: delivery.until.unwrap_or(Sending::ALWAYS.until) }
    }

    fn includes(self, way: Way) -> bool {
        self.over.includes(way.is_tls) && way.at < self.until
    }
}

/// A body and the version it was made of.
#[derive(Debug, Clone)]
pub(super) struct CachedBody {
    pub version: Version,
    pub sending: Sending,
    pub rendered: Arc<Rendered>,
}

#[derive(Debug, Clone)]
struct BodyWeighter;

impl Weighter<BodyKey, CachedBody> for BodyWeighter {
    fn weight(&self, _: &BodyKey, kept: &CachedBody) -> u64 {
        // 480: key, version, Arc, the media type, the handles, texts and counts of three header
        // values and the table's own share.
        kept.rendered.body.len() as u64 + 480
    }
}

/// Bodies, up to a number of bytes; what was used least goes first.
#[derive(Debug)]
pub(super) struct BodyCache {
    kept: Cache<BodyKey, CachedBody, BodyWeighter>,
}

/// What the table is sized for at first; it grows.
const TYPICAL_BODY_BYTES: u64 = 8 * 1024;

impl BodyCache {
    pub(super) fn new(max_bytes: u64) -> BodyCache {
        let items = usize::try_from(max_bytes / TYPICAL_BODY_BYTES).unwrap_or(usize::MAX);
        BodyCache { kept: Cache::with_weighter(items.max(16), max_bytes, BodyWeighter) }
    }

    /// The body, if it was made of what `version` stands for, and for such a request.
    pub(super) fn fresh(&self, key: BodyKey, version: Version, way: Way) -> Option<Arc<Rendered>> {
        let kept = self.kept.get(&key)?;
        (kept.version == version && kept.sending.includes(way)).then_some(kept.rendered)
    }

    pub(super) fn keep(&self, key: BodyKey, kept: CachedBody) {
        self.kept.insert(key, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_made_of_the_bytes() {
        let rendered =
            Rendered::new(b"one".to_vec(), "text/plain".into(), Timestamp::from_seconds(0));
        // `printf one | sha256sum`
        assert_eq!(rendered.entity_tag.to_string(), "7692c3ad3540bb803c020b3aee66cd88");
        let other = Rendered::new(b"two".to_vec(), "text/plain".into(), Timestamp::from_seconds(0));
        assert_ne!(rendered.entity_tag, other.entity_tag);
    }

    #[test]
    fn words_are_kept_for_one_edge_and_right_for_another() {
        let (changed, dated) = (Timestamp::from_seconds(7), Timestamp::from_seconds(9));
        let rendered = Rendered::new(b"one".to_vec(), "text/plain".into(), changed);
        assert_eq!(rendered.worded(Rendered::dated), dated);
        assert_eq!(rendered.worded(|_| -> Timestamp { panic!("it was worded before") }), dated);
        assert_eq!(&*rendered.worded(|file| file.media_type.clone()), "text/plain");
        assert_eq!(rendered.worded(Rendered::dated), dated);
    }

    #[test]
    fn a_debug_print_does_not_show_the_body() {
        let rendered = Rendered::new(
            b"password=secret".to_vec(),
            "text/plain".into(),
            Timestamp::from_seconds(0),
        );
        assert!(!format!("{rendered:?}").contains("secret"));
    }
}
