//! Whether the gateway is well, for those who watch over it. Without sign-in, so
//! it says nothing about anyone.
//!
//! * `GET /health`: `{"status":"alive"}`.
//! * `GET /ready`: `{"ready":true,"store":"ready","catalogue":"<digest>",
//!   "listeners":{"<name>":"up"},"inactive":{"devices":0,"limit":100000,"full":false,
//!   "evicted":0,"over_quota":0,"dropped":0},"uploads":{"state":"ready","bytes":0,
//!   "limit":10737418240,"without_room":0}}`; 503 and `"ready":false` when the store cannot
//!   commit, when what others changed in it could not be read for 6 seconds, or when a listener is
//!   down; of the store `reason` says why. `inactive` says how the room for unknown phones is used and
//!   what was done since the start to keep it: that strangers fill it makes nothing unready. Nor
//!   does a folder of uploads that is `unusable`, as phones boot without it; its state is `off`,
//!   `counting` right after the start, or `ready` else.

use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::Core;
use super::answer::{AnswerBody, respond};
use crate::registry::{StoreFault, WaitingStatus};
use crate::uploads::{Uploads, UploadsState, UploadsStatus};

/// A store that takes longer is not ready.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// One of the gateway's listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerState {
    /// What operators know it by: `http 0.0.0.0:8080`.
    pub name: String,
    /// Whether it accepts connections.
    pub up: bool,
}

/// Tells the listeners as they are now.
pub type ListenerStates = Arc<dyn Fn() -> Vec<ListenerState> + Send + Sync>;

pub(super) fn alive() -> Response<AnswerBody> {
    respond(StatusCode::OK, &json!({ "status": "alive" }))
}

pub(super) async fn ready(core: &Core) -> Response<AnswerBody> {
    let store = tokio::time::timeout(STORE_TIMEOUT, core.registry.ready()).await;
    let reason = match store {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.store_fault().unwrap_or(StoreFault::Away).words()),
        Err(_) => Some("the store does not answer"),
    };
    let listeners = listeners(&core.listeners);
    let ready = reason.is_none() && listeners.values().all(|state| state == UP);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut said = json!({
        "ready": ready,
        "store": if reason.is_none() { "ready" } else { "not ready" },
        "catalogue": core.registry.catalogue().digest(),
        "listeners": listeners,
        "inactive": inactive(core.registry.waiting_status()),
        "uploads": uploads(core.options.uploads.as_deref().map(Uploads::status)),
    });
    if let Some(reason) = reason {
        said["reason"] = reason.into();
    }
    respond(status, &said)
}

const UP: &str = "up";

/// Each listener and how it is.
pub(super) fn listeners(states: &ListenerStates) -> Map<String, Value> {
    let state =
        |listener: ListenerState| (listener.name, if listener.up { UP } else { "down" }.into());
    states().into_iter().map(state).collect()
}

fn inactive(status: WaitingStatus) -> Value {
    let WaitingStatus { devices, limit, evicted, over_quota, dropped } = status;
    json!({
        "devices": devices,
        "limit": limit,
        "full": devices >= limit,
        "evicted": evicted,
        "over_quota": over_quota,
        "dropped": dropped,
    })
}

fn uploads(status: Option<UploadsStatus>) -> Value {
    let Some(status) = status else { return json!({ "state": "off" }) };
    let UploadsStatus { state, bytes, limit, without_room } = status;
    let state = match state {
        UploadsState::Counting => "counting",
        UploadsState::Ready => "ready",
        UploadsState::Unusable => "unusable",
    };
    json!({ "state": state, "bytes": bytes, "limit": limit, "without_room": without_room })
}
