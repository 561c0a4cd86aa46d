//! Reading a request's body, never more of it than agreed. The time is bounded by
//! [`super::Limits::request`].

use bytes::{Bytes, BytesMut};
use http::{Request, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// Why a body could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection broke, or what came is not HTTP.
    #[error("the body could not be read")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A body on its way in, for an edge that decides while it comes how much of it to take.
pub struct BodyReader {
    body: Incoming,
    data: BytesMut,
}

impl BodyReader {
    /// Takes a body of which nothing has been read yet.
    #[must_use]
    pub fn new(body: Incoming) -> BodyReader {
        BodyReader { body, data: BytesMut::new() }
    }

    /// Reads on, keeping it, to the end or until there are more than `limit` bytes, which a
    /// `Content-Length` says before any is read. Returns whether that was all.
    ///
    /// # Errors
    /// [`BodyError::Broken`] when the peer went away or sent broken chunks.
    pub async fn read_up_to(&mut self, limit: usize) -> Result<bool, BodyError> {
        while self.data.len() as u64 + self.body.size_hint().lower() <= limit as u64 {
            let Some(frame) = self.body.frame().await else { return Ok(true) };
            let frame = frame.map_err(|error| BodyError::Broken(error.into()))?;
            if let Some(data) = frame.data_ref() {
                self.data.extend_from_slice(data);
            }
        }
        Ok(false)
    }

    /// So many bytes are known to come.
    #[must_use]
    pub fn announced(&self) -> u64 {
        self.body.size_hint().lower()
    }

    /// The next bytes, which are not kept here; `None` at the end.
    ///
    /// # Errors
    /// As [`BodyReader::read_up_to`].
    pub async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        loop {
            match self.body.frame().await? {
                Ok(frame) => {
                    // Trailers say nothing here.
                    let Ok(data) = frame.into_data() else { continue };
                    return Some(Ok(data));
                }
                Err(error) => return Some(Err(BodyError::Broken(error.into()))),
            }
        }
    }

    /// What has been read.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.data.freeze()
    }

    /// Reads the rest and keeps nothing, so that a peer who is still sending is not cut off from
    /// its answer by a TCP reset. A rest of more than `most` bytes is left alone.
    pub async fn pass_over(self, most: usize) {
        let BodyReader { mut body, data } = self;
        drop(data);
        let mut left = most as u64;
        while body.size_hint().lower() <= left {
            let Some(Ok(frame)) = body.frame().await else { return };
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            let Some(rest) = left.checked_sub(length) else { return };
            left = rest;
        }
    }
}

/// Reads a body nobody wants to its end, so that the connection can go on and
/// the peer, still sending, is not cut off from its answer.
///
/// One longer than `limit`, or one held back until we say `100 Continue`, is
/// left alone: the connection closes after the answer.
pub async fn discard(request: Request<Incoming>, limit: usize) {
    if !request.headers().contains_key(header::EXPECT) {
        BodyReader::new(request.into_body()).pass_over(limit).await;
    }
}
