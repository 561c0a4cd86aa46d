//! The handler for operators until the gateway has its registry: it is alive, not ready, and does no
//! command.

use std::sync::{Mutex, PoisonError};

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

use super::answer::{AnswerBody, Fail, respond};
use super::health::{self, ListenerStates};
use super::request::Endpoint;
use crate::net::{Handler, Peer, body};
use crate::registry::StoreFault;

/// What a gateway that starts is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartPhase {
    /// The store was asked and has not answered.
    Asking,
    /// The registry is read from the store.
    Reading,
    /// The store could not be used, and is tried again.
    Failed(StoreFault),
}

impl StartPhase {
    fn words(self) -> &'static str {
        match self {
            StartPhase::Asking => "the store has not answered yet",
            StartPhase::Reading => "the registry is being read",
            StartPhase::Failed(fault) => fault.words(),
        }
    }
}

/// Says that the gateway starts, and why it is not there yet.
pub struct Starting {
    // A std mutex: held to copy a value.
    phase: Mutex<StartPhase>,
    catalogue: String,
    listeners: ListenerStates,
    body_bytes: usize,
}

impl Starting {
    /// `catalogue` is the digest of the one that is loaded; of a request up to `body_bytes` are read.
    #[must_use]
    pub fn new(catalogue: String, listeners: ListenerStates, body_bytes: usize) -> Starting {
        Starting { phase: Mutex::new(StartPhase::Asking), catalogue, listeners, body_bytes }
    }

    /// From now on this is said.
    pub fn set_phase(&self, phase: StartPhase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    fn reason(&self) -> String {
        let phase = *self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        format!("starting: {}", phase.words())
    }

    fn not_ready(&self) -> Response<AnswerBody> {
        let said = json!({
            "ready": false,
            "store": "not ready",
            "reason": self.reason(),
            "catalogue": self.catalogue,
            "listeners": health::listeners(&self.listeners),
        });
        respond(StatusCode::SERVICE_UNAVAILABLE, &said)
    }
}

impl Handler for Starting {
    type Body = AnswerBody;

    async fn handle(&self, request: Request<Incoming>, _: &Peer) -> Response<AnswerBody> {
        let place = Endpoint::of(request.uri().path());
        let asks = matches!(*request.method(), Method::GET | Method::HEAD);
        body::discard(request, self.body_bytes).await;
        match place {
            Endpoint::Rest => {
                let message = format!("The gateway is {}, try again later", self.reason());
                Fail::new(message).into_response()
            }
            Endpoint::Health | Endpoint::Ready if !asks => super::asked_otherwise(),
            Endpoint::Health => health::alive(),
            Endpoint::Ready => self.not_ready(),
            Endpoint::Nowhere => super::nowhere(),
        }
    }

    fn malformed(&self, reason: &'static str) -> Response<AnswerBody> {
        super::malformed(reason)
    }

    fn fault(&self) -> Response<AnswerBody> {
        super::fault()
    }
}
