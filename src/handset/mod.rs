//! The phone-facing edge: who may ask, request to [`Fetch`], reply to
//! response.
//!
//! One request, in the order of `Edge::answer`:
//! 1. `access`: the address the request really comes from, and whether it may ask at all.
//! 2. `authorization`: the credentials it presents, if they are fresh.
//! 3. `request`: method, target and headers become a `Fetch`, each within bounds.
//! 4. What a phone sends (PUT, POST) goes to provisioning as it comes, under the deadline of the
//!    request; what it asked for with a form is the answer.
//! 5. Provisioning answers, under a timeout; a forbidden network too, so that its refusal takes
//!    as long as any.
//! 6. `response`: file, "not modified", the one refusal, or "later".
//!
//! Whoever is not to have a file gets the same refusal: an unknown phone, a strange
//! method, a forbidden network and a missing file look alike. On a listener that asks for
//! credentials all of them get its challenge, and the refusal is for who has proven some.

mod access;
mod authorization;
mod forwarded;
mod hosted;
#[cfg(any(test, fuzzing))]
pub(crate) mod laws;
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
use tokio::time::Instant;

pub use access::Access;
pub use authorization::{Authorization, AuthorizationOptions, Challenge, Realm};
pub use forwarded::ForwardedHeader;

pub use hosted::EdgeBody;
use response::FileHeaders;
pub use starting::Starting;

use crate::domain::admission::ProofSet;
use crate::net::body::BodyReader;
use crate::net::{Handler, Peer, RetryAfter, body};
use crate::provision::{BrokenOff, Fetch, FileOwner, Provision, Receipt, Reply, Sent, UploadBody};
use authorization::Unproven;

/// What the edge allows and passes on.
#[derive(Debug)]
pub struct EdgeOptions {
    /// Who may ask, and which proxies are believed.
    pub access: Access,
    /// What they are asked to prove.
    pub authorization: Authorization,
    /// What counts as proof to the policies of companies.
    pub proofs: ProofSet,
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

    /// Everybody may ask, and is not asked for anything; no proxy is believed; `seed` spreads the times to come again.
    #[must_use]
    pub fn new(seed: u64) -> EdgeOptions {
        EdgeOptions {
            access: Access::default(),
            authorization: Authorization::default(),
            proofs: ProofSet::ALL,
            answer_timeout: EdgeOptions::ANSWER_TIMEOUT,
            retry_after: RetryAfter::new(30, 30, seed),
        }
    }
}

/// The handler for a listener of handsets, or several that are alike. Make its server with
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
        let asker = options.access.asker(peer.address.ip(), naming, peer.tls.is_some());
        let address = asker.address;
        let certificate = peer.tls.as_ref().and_then(|tls| tls.certificate.clone());
        let connection = (certificate, peer.tls.is_some());
        let (shown, unproven) = options.authorization.read(&request, address, peer.tls.is_some());
        let Some(mut fetch) =
            request::fetch(&request, asker, connection, &self.provisioner.wanted_headers())
        else {
            return refuse(request, unproven.response()).await;
        };
        let told_at = shown.presented.as_ref().map(|_| Instant::now() + UNTIL_REFUSED);
        fetch.is_challenged = unproven.is_challenged();
        fetch.counting = options.proofs;
        (fetch.authorization, fetch.unfit) = (shown.presented, shown.unfit);
        if request::is_upload(&request) {
            // SECURITY: a browser inside the phones' network names its page; no phone does.
            if request.headers().contains_key(header::ORIGIN) {
                return refuse(request, unproven.response()).await;
            }
            // In a box: it is rare, and every request had room for it.
            return Box::pin(self.receive(request, fetch, peer, unproven, told_at)).await;
        }
        let reply = self.provisioner.fetch(fetch);
        match tokio::time::timeout(options.answer_timeout, reply).await {
            Ok(Reply::Challenged) => {
                until(told_at).await;
                refuse(request, unproven.response()).await
            }
            // SECURITY: whatever was made of it, the edge itself sends nothing there.
            Ok(_) if !asker.is_allowed => {
                until(told_at).await;
                refuse(request, response::refusal()).await
            }
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
            Ok(Reply::Refused) => {
                until(told_at).await;
                refuse(request, response::refusal()).await
            }
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
        unproven: Unproven<'_>,
        told_at: Option<Instant>,
    ) -> Response<EdgeBody> {
        let is_allowed = fetch.is_allowed;
        let waits_for_us = request.headers().contains_key(header::EXPECT);
        let (unfit, is_post) =
            (request::unfit_upload(request.headers()), request.method() == Method::POST);
        let reader = BodyReader::new(request.into_body());
        let mut body = IncomingBody { reader, unfit, is_post };
        match self.provisioner.receive(fetch, &mut body).await {
            Receipt::Challenged | Receipt::Answered(Reply::Challenged) => {
                until(told_at).await;
                if !waits_for_us {
                    body.reader.pass_over(MOST_DISCARDED).await;
                }
                unproven.response()
            }
            stored @ (Receipt::Created | Receipt::Replaced) => {
                peer.standing.of_use();
                response::stored(matches!(stored, Receipt::Created))
            }
            // SECURITY: as of any request.
            Receipt::Answered(_) if !is_allowed => {
                until(told_at).await;
                response::refusal()
            }
            Receipt::Answered(Reply::File(Sent { file, owner, at })) => {
                if owner == FileOwner::Phone {
                    peer.standing.of_use();
                }
                response::file(file.body.clone(), FileHeaders::of(&file, at))
            }
            Receipt::Answered(Reply::Refused | Reply::Hosted(_)) => {
                until(told_at).await;
                response::refusal()
            }
            Receipt::Answered(Reply::Unavailable) | Receipt::Unavailable => self.fault(),
            Receipt::Refused => {
                until(told_at).await;
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

/// How long after a request came that presents credentials its sender hears that it gets nothing.
///
/// SECURITY: what they are compared with is read for an active phone and not for an unknown one.
/// That takes less than this, so the time tells of neither. A phone that begins with what its
/// factory gave it (Gigaset, Mitel) loses as little, and who guesses has to wait.
const UNTIL_REFUSED: Duration = Duration::from_millis(20);

async fn until(moment: Option<Instant>) {
    if let Some(moment) = moment {
        // In a box: it is rare, and every request had room for it.
        Box::pin(tokio::time::sleep_until(moment)).await;
    }
}

/// The largest upload that is read only to be thrown away: Polycom phones and
/// others PUT logs and overrides beside their configuration. Enough for a short
/// log; after a longer one the connection closes, which costs the phone a new
/// connection for its next file.
const MOST_DISCARDED: usize = 64 * 1024;

async fn refuse(request: Request<Incoming>, response: Response<EdgeBody>) -> Response<EdgeBody> {
    if !request.body().is_end_stream() {
        // In a box: it is rare, and every request had room for it.
        Box::pin(body::discard(request, MOST_DISCARDED)).await;
    }
    response
}
