//! The phone-facing edge: who may ask, request to [`Fetch`], reply to
//! response.
//!
//! One request, in the order of `Edge::answer`:
//! 1. `access`: the address the request really comes from, and whether it may ask at all.
//! 2. `request`: method, target and headers become a `Fetch`, each within bounds.
//! 3. What a phone sends (PUT, POST) goes to provisioning as it comes, under the deadline of the
//!    request; what it asked for with a form is the answer.
//! 4. Provisioning answers, under a timeout; a forbidden network too, so that its refusal takes
//!    as long as any.
//! 5. `response`: file, "not modified", the one refusal, or "later".
//!
//! Whoever is not to have a file gets the same refusal: an unknown phone, a strange
//! method, a forbidden network and a missing file look alike.

mod access;
mod forwarded;
mod hosted;
mod request;
mod response;
mod starting;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use hyper::body::{Body, Incoming};

pub use access::Access;
pub use forwarded::ForwardedHeader;

pub use hosted::EdgeBody;
use response::FileHeaders;
pub use starting::Starting;

use crate::net::body::BodyReader;
use crate::net::{Handler, Peer, RetryAfter, body};
use crate::provision::{BrokenOff, Fetch, FileOwner, Provision, Receipt, Reply, Sent, UploadBody};

/// What the edge allows and passes on.
#[derive(Debug)]
pub struct EdgeOptions {
    /// Who may ask, and which proxies are believed.
    pub access: Access,
    /// How long provisioning may take; then the phone is told to come again.
    /// Meant to be below what phones wait themselves, so that they hear it; no
    /// vendor documents how long that is.
    pub answer_timeout: Duration,
    /// What a phone is told that came while we are at fault.
    pub retry_after: RetryAfter,
}

impl EdgeOptions {
    /// The default, below any handset's own patience.
    pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

    /// Everybody may ask, no proxy is believed; `seed` spreads the times to come again.
    #[must_use]
    pub fn new(seed: u64) -> EdgeOptions {
        EdgeOptions {
            access: Access::default(),
            answer_timeout: EdgeOptions::ANSWER_TIMEOUT,
            retry_after: RetryAfter::new(30, 30, seed),
        }
    }
}

/// The handler for listeners of handsets. Make its server with
/// [`Limits::tolerate_control_chars`](crate::net::Limits::tolerate_control_chars).
#[derive(Debug)]
pub struct Edge<P> {
    provisioner: Arc<P>,
    options: EdgeOptions,
}

impl<P: Provision> Edge<P> {
    /// Answers handsets with what `provisioner` makes of their requests.
    #[must_use]
    pub fn new(provisioner: Arc<P>, options: EdgeOptions) -> Edge<P> {
        Edge { provisioner, options }
    }

    async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Response<EdgeBody> {
        let options = &self.options;
        // SECURITY: a proxy that hands on TCP writes no header; one that is there is its client's.
        let naming = (!peer.is_proxys_own).then_some(request.headers());
        let asker = options.access.asker(peer.address.ip(), naming);
        let address = asker.address;
        let certificate = peer.tls.as_ref().and_then(|tls| tls.certificate.clone());
        let Some(fetch) =
            request::fetch(&request, asker, certificate, &self.provisioner.wanted_headers())
        else {
            return refuse(request).await;
        };
        if request::is_upload(&request) {
            // SECURITY: a browser inside the phones' network names its page; no phone does.
            if request.headers().contains_key(header::ORIGIN) {
                return refuse(request).await;
            }
            // In a box: it is rare, and every request had room for it.
            return Box::pin(self.receive(request, fetch, peer)).await;
        }
        let reply = self.provisioner.fetch(fetch);
        match tokio::time::timeout(options.answer_timeout, reply).await {
            // SECURITY: whatever was made of it, the edge itself sends nothing there.
            Ok(_) if !asker.is_allowed => refuse(request).await,
            Ok(Reply::File(Sent { file, owner, at })) => {
                if owner == FileOwner::Phone {
                    peer.standing.of_use();
                }
                let headers = FileHeaders::of(&file, at);
                if response::is_unchanged(request.headers(), &headers) {
                    response::not_modified(headers)
                } else {
                    response::file(file.body.clone(), headers)
                }
            }
            Ok(Reply::Hosted(file)) => {
                peer.standing.of_use();
                hosted::response(file, request)
            }
            Ok(Reply::Refused) => refuse(request).await,
            Ok(Reply::Unavailable) => self.fault(),
            Err(_) => {
                tracing::error!(%address, "a request took longer than the answer timeout");
                self.fault()
            }
        }
    }
}

impl<P: Provision> Edge<P> {
    async fn receive(
        &self,
        request: Request<Incoming>,
        fetch: Fetch,
        peer: &Peer,
    ) -> Response<EdgeBody> {
        let is_allowed = fetch.is_allowed;
        let waits_for_us = request.headers().contains_key(header::EXPECT);
        let (unfit, is_post) =
            (request::unfit_upload(request.headers()), request.method() == Method::POST);
        let reader = BodyReader::new(request.into_body());
        let mut body = IncomingBody { reader, unfit, is_post };
        match self.provisioner.receive(fetch, &mut body).await {
            stored @ (Receipt::Created | Receipt::Replaced) => {
                peer.standing.of_use();
                response::stored(matches!(stored, Receipt::Created))
            }
            // SECURITY: as of any request.
            Receipt::Answered(_) if !is_allowed => response::refusal(),
            Receipt::Answered(Reply::File(Sent { file, owner, at })) => {
                if owner == FileOwner::Phone {
                    peer.standing.of_use();
                }
                response::file(file.body.clone(), FileHeaders::of(&file, at))
            }
            Receipt::Answered(Reply::Refused | Reply::Hosted(_)) => response::refusal(),
            Receipt::Answered(Reply::Unavailable) | Receipt::Unavailable => self.fault(),
            Receipt::Refused => {
                // As of any request that is refused, see `refuse`.
                if !waits_for_us {
                    body.reader.pass_over(MOST_DISCARDED).await;
                }
                response::refusal()
            }
        }
    }
}

/// What a handset sends, for provisioning.
struct IncomingBody {
    reader: BodyReader,
    /// Why it cannot be kept as it comes.
    unfit: Option<&'static str>,
    is_post: bool,
}

impl UploadBody for IncomingBody {
    fn announced(&self) -> u64 {
        self.reader.announced()
    }

    async fn next(&mut self) -> Option<Result<Bytes, BrokenOff>> {
        if let Some(why) = self.unfit {
            return Some(Err(why.into()));
        }
        Some(self.reader.next().await?.map_err(Into::into))
    }

    fn may_be_form(&self) -> bool {
        self.is_post
    }

    async fn drop_form(&mut self, most: usize) -> bool {
        matches!(self.reader.read_up_to(most).await, Ok(true))
    }
}

impl<P: Provision> Handler for Edge<P> {
    type Body = EdgeBody;

    fn handle(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> impl Future<Output = Response<EdgeBody>> + Send {
        self.answer(request, peer)
    }

    fn malformed(&self, reason: &'static str) -> Response<EdgeBody> {
        response::malformed(reason)
    }

    fn fault(&self) -> Response<EdgeBody> {
        response::unavailable(self.options.retry_after.next())
    }
}

/// The largest upload that is read only to be thrown away: Polycom phones and
/// others PUT logs and overrides beside their configuration. Enough for a short
/// log; after a longer one the connection closes, which costs the phone a new
/// connection for its next file.
const MOST_DISCARDED: usize = 64 * 1024;

async fn refuse(request: Request<Incoming>) -> Response<EdgeBody> {
    if !request.body().is_end_stream() {
        // In a box: it is rare, and every request had room for it.
        Box::pin(body::discard(request, MOST_DISCARDED)).await;
    }
    response::refusal()
}
