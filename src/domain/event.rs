//! The audit record of one change.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Timestamp;

/// Number of an event, given by the store in commit order, from 1.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EventId(pub u64);

impl EventId {
    /// Of what is not stored yet.
    pub const NONE: EventId = EventId(0);

    /// The id of the event after this one.
    #[must_use]
    pub fn next(self) -> EventId {
        EventId(self.0 + 1)
    }
}

/// The number, as in JSON.
impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What was done. The names are the API's verbs where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A request told with more weight what a device is that was promoted and never served.
    Retyped,
    /// An inactive device that asked no more went after its time; without a name, so many that
    /// no operator had touched.
    Expired,
    Promote,
    Demote,
    Assign,
    Create,
    Update,
    Delete,
    /// The passwords of a phone were shown to somebody.
    Reveal,
    Import,
}

/// What kind of object a change was made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Phone,
    Company,
    User,
    Settings,
    Registry,
}

/// One change: who made it, from where, to what, what it was and became.
///
/// `before` and `after` never hold a secret: secret settings are replaced by a
/// marker that only tells whether they changed (see [`super::settings::Layer::redacted`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// [`EventId::NONE`] before it is stored.
    pub id: EventId,
    pub at: Timestamp,
    /// Login of the user; `gateway` for what it does by itself, or its command on its machine.
    pub who: String,
    /// Address the request came from; empty where `who` is the gateway.
    pub from: String,
    pub action: Action,
    pub subject: Subject,
    /// phoneid or MAC, company id, login; empty for the system settings and where it is about
    /// many.
    pub name: String,
    /// Company the subject belongs to after the change, else before it; empty when neither.
    pub company: String,
    pub before: Value,
    pub after: Value,
}
