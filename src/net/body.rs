//! Reading a request's body, never more of it than agreed. The time is bounded by [`super::Limits::request`].

use bytes::{Bytes, BytesMut};
use http::{Request, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// Why a body could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the body is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("the body could not be read: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

/// Of a body that is too long, so many times the limit is read and thrown away: a peer
/// that is still sending when the connection closes gets a TCP reset instead of its answer.
const PASSED_OVER: u64 = 8;

/// The whole body.
///
/// # Errors
/// [`BodyError::TooLong`], keeping no more than `limit`; [`BodyError::Broken`] when the
/// peer went away or sent broken chunks.
pub async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, BodyError> {
    let most = (limit as u64).saturating_mul(PASSED_OVER);
    let mut whole = BytesMut::new();
    let mut read = 0;
    while read <= most && body.size_hint().lower() <= most {
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|error| BodyError::Broken(error.into()))?;
        let Some(data) = frame.data_ref() else { continue };
        read += data.len() as u64;
        if read <= limit as u64 {
            whole.extend_from_slice(data);
        }
    }
    let is_whole = read <= limit as u64 && body.is_end_stream();
    if is_whole { Ok(whole.freeze()) } else { Err(BodyError::TooLong { limit }) }
}

/// Reads a body nobody wants to its end, so that the connection can go on and
/// the peer, still sending, is not cut off from its answer by a TCP reset.
///
/// One longer than `limit`, or one held back until we say `100 Continue`, is
/// left alone: the connection closes after the answer.
pub async fn discard(request: Request<Incoming>, limit: usize) {
    let mut left = limit as u64;
    if request.headers().contains_key(header::EXPECT) || request.body().size_hint().lower() > left {
        return;
    }
    let mut body = request.into_body();
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(rest) = left.checked_sub(length) else { return };
        left = rest;
    }
}
