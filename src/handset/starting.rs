//! The handler for phones until the gateway knows them.

use http::{Request, Response};
use hyper::body::Incoming;

use super::response;
use super::{EdgeBody, MOST_DISCARDED};
use crate::net::{Handler, Peer, RetryAfter, body};

/// Tells whoever asks to come again, in a time that is spread: a phone that waits keeps what it
/// has, and a refusal would be an answer. Says the same to all, as nobody knows yet who may ask what.
#[derive(Debug)]
pub struct Starting {
    retry_after: RetryAfter,
}

impl Starting {
    /// `seed` spreads the times to come again, from 10 to 40 s: reading a registry takes seconds, a
    /// database that is replaced by its standby is there within half a minute.
    #[must_use]
    pub fn new(seed: u64) -> Starting {
        Starting { retry_after: RetryAfter::new(10, 30, seed) }
    }
}

impl Handler for Starting {
    type Body = EdgeBody;

    async fn handle(&self, request: Request<Incoming>, _: &Peer) -> Response<EdgeBody> {
        body::discard(request, MOST_DISCARDED).await;
        self.fault()
    }

    fn malformed(&self, reason: &'static str) -> Response<EdgeBody> {
        response::malformed(reason)
    }

    fn fault(&self) -> Response<EdgeBody> {
        response::unavailable(self.retry_after.next())
    }
}
