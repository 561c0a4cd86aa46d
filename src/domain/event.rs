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
    /// The id of an event that is not stored yet.
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
    /// Inactive phones were given to a company.
    Promote,
    /// Active phones were taken from their company.
    Demote,
    /// Active phones were given to another company.
    Assign,
    /// An object was made.
    Create,
    /// An object's own fields were changed.
    Update,
    /// An object was removed.
    Delete,
    /// The passwords of a phone were shown to somebody, or a file it sent, which may have some.
    Reveal,
    /// A whole registry was read from a document.
    Import,
    /// An active phone came from another network, or named another maker or model, than when it
    /// was first served.
    Varied,
    /// As [`Action::Varied`], and the phone gets nothing until it is armed again.
    Locked,
    /// A phone was armed again: what it showed before is forgotten.
    Rearm,
    /// A phone was given another token.
    NewToken,
    /// A user signed in with a password: a session began, or a single request came from a network
    /// that none of the user's had come from for a while.
    Login,
    /// A login, password, code or key was wrong. Of a flood some are recorded.
    LoginFailed,
    /// A user ended its session.
    Logout,
    /// More unknown MACs were asked for in an hour than are usual, from many addresses.
    Detect,
}

/// What kind of object a change was made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A phone, or all phones of a device.
    Phone,
    /// A company.
    Company,
    /// A user of the admin API.
    User,
    /// The system settings.
    Settings,
    /// The registry as a whole.
    Registry,
    /// A network that gets nothing, or is looked at whether it should.
    Ban,
}

/// One change: who made it, from where, to what, what it was and became.
///
/// `before` and `after` never hold a secret: secret settings are replaced by a
/// marker that only tells whether they changed (see [`super::settings::Layer::redacted`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// [`EventId::NONE`] before it is stored.
    pub id: EventId,
    /// When it was made.
    pub at: Timestamp,
    /// Login of the user; `gateway` for what it does by itself, or its command on its machine;
    /// empty where nobody proved to be somebody.
    pub who: String,
    /// Address the request came from; empty where `who` is the gateway.
    pub from: String,
    /// What was done.
    pub action: Action,
    /// The kind of object it happened to.
    pub subject: Subject,
    /// phoneid or MAC, company id, login; empty for the system settings and where it is about
    /// many.
    pub name: String,
    /// Company the subject belongs to after the change, else before it; empty when neither.
    pub company: String,
    /// What the change replaced, by field; `null` where nothing was.
    pub before: Value,
    /// What the fields became; `null` where nothing is.
    pub after: Value,
}
