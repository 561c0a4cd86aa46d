//! Reading a request's body, never more of it than agreed. The time is bounded by [`super::Limits::request`].

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};

/// Why a body could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the body is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("the body could not be read: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

/// The whole body.
///
/// # Errors
/// [`BodyError::TooLong`], without reading when the head says so already;
/// [`BodyError::Broken`] when the peer went away or sent broken chunks.
pub async fn collect(body: Incoming, limit: usize) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLong { limit });
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLong { limit }),
        Err(error) => Err(BodyError::Broken(error)),
    }
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
