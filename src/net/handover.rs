//! A handler in whose place another one comes while connections are open.

use std::sync::{Arc, OnceLock};

use http::{Request, Response};
use hyper::body::Incoming;

use super::{Handler, Peer};

/// Answers as `B` does until it was told of an `H`, and as that one from then on, also on
/// connections that are open already.
#[derive(Debug)]
pub struct Handover<B, H> {
    before: B,
    then: OnceLock<Arc<H>>,
}

impl<B, H> Handover<B, H> {
    /// Answers as `before` does.
    #[must_use]
    pub fn new(before: B) -> Handover<B, H> {
        Handover { before, then: OnceLock::new() }
    }

    /// Who answers, or answered, before the other one.
    #[must_use]
    pub fn before(&self) -> &B {
        &self.before
    }

    /// Answers as `then` does from now on. The first that comes stays.
    pub fn hand_over(&self, then: Arc<H>) {
        let _ = self.then.set(then);
    }
}

impl<B: Handler, H: Handler<Body = B::Body>> Handler for Handover<B, H> {
    type Body = B::Body;

    async fn handle(&self, request: Request<Incoming>, peer: &Peer) -> Response<B::Body> {
        match self.then.get() {
            Some(then) => then.handle(request, peer).await,
            None => self.before.handle(request, peer).await,
        }
    }

    fn malformed(&self, reason: &'static str) -> Response<B::Body> {
        match self.then.get() {
            Some(then) => then.malformed(reason),
            None => self.before.malformed(reason),
        }
    }

    fn fault(&self) -> Response<B::Body> {
        match self.then.get() {
            Some(then) => then.fault(),
            None => self.before.fault(),
        }
    }
}
