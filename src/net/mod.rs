//! Listeners and connections, for whoever answers requests on them.
//!
//! A connection's way: permit, accept (`accept`), a place for which another may have to go
//! (`places`), whose it is where a proxy hands it on (`proxy_protocol`), TLS beside the accept
//! loop, HTTP/1 under deadlines (`connection`, `watch`). What is there for speed alone is in
//! `tuning`. This module knows neither handsets nor operators: an edge brings its [`Handler`] and
//! its [`Limits`].

mod accept;
pub mod body;
mod connection;
mod handover;
#[cfg(any(test, fuzzing))]
pub(crate) mod laws;
mod limits;
mod listen;
mod networks;
mod places;
mod proxy_protocol;
mod retry_after;
mod server;
mod shared;
pub mod tls;
mod tuning;
mod watch;
mod wrong_protocol;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};

pub use handover::Handover;
pub use limits::{Limits, OverAddressLimit};
pub use listen::{BindError, Bound, bind};
pub use networks::{InvalidNetwork, Network, Networks};
pub use retry_after::RetryAfter;
pub use server::{Counts, Drained, ListenerOptions, Server};
pub use tls::{TlsPeer, TlsVersion};
pub use watch::Standing;

/// The time between lines in the log of what may happen at each connection: soon enough for an
/// operator who tries, and a flood fills no disk.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Who is at the other end of a connection; the same for all its requests.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address of the socket, or the one a proxy named by the PROXY protocol: another proxy's
    /// when one stands between.
    pub address: SocketAddr,
    /// Whether a proxy said by the PROXY protocol that the connection is its own, as its checks
    /// are: then no header of the request names anybody else.
    pub is_proxys_own: bool,
    /// `None` on a plain connection.
    pub tls: Option<TlsPeer>,
    /// What the connection has earned: the edge says when it is of use.
    pub standing: Standing,
}

/// An edge: turns each request into a response.
///
/// The future is dropped when the connection breaks or runs out of time
/// ([`Limits::request`]); work that must finish all the same belongs in a task
/// of its own.
pub trait Handler: Send + Sync + 'static {
    /// `Full<Bytes>`, or what makes its parts while they are sent. It is polled on the
    /// connection's task and dropped when it is sent or the connection breaks.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;

    /// Answers one request.
    fn handle(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// What goes out instead of an answer to a request that means different things to different
    /// readers (RFC 9112); `reason` is for a person. The connection closes after it.
    fn malformed(&self, reason: &'static str) -> Response<Self::Body>;

    /// What goes out instead when [`Handler::handle`] panicked. Must not panic.
    fn fault(&self) -> Response<Self::Body>;
}
