//! Files from the disk: conditions and ranges of HTTP, and a body that is read as it is sent.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::Full;
use http_serve::Entity;
use hyper::body::{Body, Frame};
use tokio::time::Instant;

use crate::provision::HostedFile;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What is read and handed to the connection at a time; with TLS four records.
const PART_BYTES: u64 = 64 << 10;

/// How slowly a file may go, in bytes a second: 60 MB in an hour. What goes more slowly is cut, so
/// that its turn is another's; a phone goes on where it was, or begins anew.
const SLOWEST: u64 = 16 << 10;

/// What a file may take beyond that: a small one on a line with lost packets.
const PATIENCE: Duration = Duration::from_secs(60);

/// The body of an answer to a handset.
pub enum EdgeBody {
    /// In memory: nearly all.
    Whole(Full<Bytes>),
    /// Read from the disk while it is sent.
    InParts(Box<http_serve::Body<Bytes, BoxError>>),
}

impl EdgeBody {
    pub(super) fn whole(bytes: Bytes) -> EdgeBody {
        EdgeBody::Whole(Full::new(bytes))
    }
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            EdgeBody::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            EdgeBody::InParts(body) => Pin::new(body.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            EdgeBody::Whole(body) => body.is_end_stream(),
            EdgeBody::InParts(body) => body.is_end_stream(),
        }
    }

    /// A body in parts has none, so that the connection sees that it is one; its length is in the
    /// headers.
    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            EdgeBody::Whole(body) => body.size_hint(),
            EdgeBody::InParts(_) => hyper::body::SizeHint::default(),
        }
    }
}

/// Parts of one answer; each is read for itself.
const MAX_RANGES: usize = 8;

/// Takes away what a server may pass over (RFC 9110 sections 13.1.3, 13.1.4 and 14.2) and the
/// library would refuse, or take too much work for: dates that are none, and ranges that are none,
/// too many, or no shorter than the file. What is only asked about has no parts.
fn understood(method: &Method, headers: &mut HeaderMap, bytes: u64) {
    for name in [header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE] {
        let date = headers.get(&name).map(|value| value.to_str().map(httpdate::parse_http_date));
        if date.is_some_and(|date| !matches!(date, Ok(Ok(_)))) {
            headers.remove(name);
        }
    }
    let is_range = |range: &str| {
        let (first, last) = range.trim().split_once('-')?;
        let is_digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| {
            let number: Option<u64> = Some(text).filter(is_digits)?.parse().ok();
            number.filter(|number| *number < 1 << 48)
        };
        match (first, last) {
            ("", last) => number(last).filter(|last| (1..bytes).contains(last)),
            (first, "") => number(first),
            (first, last) => number(first).and(number(last)),
        }
    };
    let ranges = headers.get(header::RANGE).map(|value| {
        let ranges = value.to_str().ok().and_then(|text| text.strip_prefix("bytes="));
        ranges.is_some_and(|ranges| {
            ranges.split(',').count() <= MAX_RANGES
                && ranges.split(',').all(|range| is_range(range).is_some())
        })
    });
    if ranges == Some(false) || *method != Method::GET {
        headers.remove(header::RANGE);
    }
}

/// The answer to a request for that file: whole, in part, or that the phone has it.
pub(super) fn response<B>(file: HostedFile, mut request: Request<B>) -> Response<EdgeBody> {
    let file_bytes = file.bytes;
    let method = request.method().clone();
    understood(&method, request.headers_mut(), file_bytes);
    let content_type = mime_guess::from_path(&file.name).first_or_octet_stream();
    let entity = OnDisk {
        bytes: file_bytes,
        modified: file.modified,
        etag: HeaderValue::try_from(format!("\"{}\"", file.version.tag()))
            .expect("digits and hyphens in quotes are visible"),
        content_type: HeaderValue::try_from(content_type.as_ref())
            .expect("a media type is visible ASCII"),
        file: Arc::new(file),
        deadline: Instant::now() + longest(file_bytes),
    };
    let mut response = http_serve::serve(entity, &request);
    if response.body().is_end_stream() {
        return response.map(|_| EdgeBody::whole(Bytes::new()));
    }
    // Of a refusal in words too: old phones read no chunks.
    let length = response.body().size_hint().exact();
    response.headers_mut().extend(length.map(|length| (header::CONTENT_LENGTH, length.into())));
    response.map(|body| EdgeBody::InParts(Box::new(body)))
}

/// How long a file of so many bytes may take.
fn longest(bytes: u64) -> Duration {
    PATIENCE + Duration::from_secs(bytes / SLOWEST)
}

struct OnDisk {
    file: Arc<HostedFile>,
    bytes: u64,
    modified: SystemTime,
    etag: HeaderValue,
    content_type: HeaderValue,
    deadline: Instant,
}

impl Entity for OnDisk {
    type Data = Bytes;
    type Error = BoxError;

    fn len(&self) -> u64 {
        self.bytes
    }

    fn get_range(
        &self,
        range: Range<u64>,
    ) -> Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send + Sync>> {
        Box::pin(parts(self.file.clone(), range, self.deadline))
    }

    fn add_headers(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_TYPE, self.content_type.clone());
    }

    fn etag(&self) -> Option<HeaderValue> {
        Some(self.etag.clone())
    }

    /// In whole seconds: a phone sends back what it was sent, and that has no fractions.
    fn last_modified(&self) -> Option<SystemTime> {
        let since = self.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs()))
    }
}

/// What is in the file from one place to another, each part read when the one before has gone.
fn parts(
    file: Arc<HostedFile>,
    range: Range<u64>,
    deadline: Instant,
) -> impl Stream<Item = Result<Bytes, BoxError>> + Send + Sync {
    stream::try_unfold(range, move |Range { start, end }| {
        let file = file.clone();
        async move {
            if start >= end {
                return Ok(None);
            }
            if Instant::now() >= deadline {
                return Err(io::Error::from(io::ErrorKind::TimedOut).into());
            }
            let bytes = end.min(start + PART_BYTES) - start;
            let read = move || part(&file.file, start, bytes);
            let part = tokio::task::spawn_blocking(read).await??;
            Ok(Some((Bytes::from(part), start + bytes..end)))
        }
    })
}

fn part(file: &File, at: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let mut part = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
    file.read_exact_at(&mut part, at)?;
    Ok(part)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::TryStreamExt;

    use super::*;
    use crate::domain::Mac;
    use crate::files::Files;

    #[tokio::test(start_paused = true)]
    async fn a_file_that_goes_too_slowly_is_cut_however_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("families/a")).unwrap();
        let bytes = 10 * PART_BYTES;
        std::fs::write(dir.path().join("families/a/b"), vec![7; bytes as usize]).unwrap();
        let files = Arc::new(Files::open(dir.path()).unwrap());
        let mac = Mac::from_bits(1);
        for (pause_s, parts_read) in [(9, 10), (12, 9), (20, 5), (101, 1)] {
            let opened = files.open_for(mac, Ipv4Addr::LOCALHOST.into(), "families/a/b".into());
            let file = Arc::new(opened.await.unwrap());
            let deadline = Instant::now() + longest(bytes);
            let mut parts = Box::pin(parts(file, 0..bytes, deadline));
            let mut read = 0;
            while let Ok(Some(_)) = parts.try_next().await {
                read += 1;
                tokio::time::advance(Duration::from_secs(pause_s)).await;
            }
            assert_eq!(read, parts_read, "{pause_s} s between two parts");
        }
    }
}
