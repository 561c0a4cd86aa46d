//! The mark of an import that goes on, in the audit record: its first event says that it is
//! not finished, its last that it is. What ends between them, however, leaves a store that no
//! gateway serves from.

use serde_json::json;

use super::error::REMOVE;
use super::pages::Counts;
use crate::domain::{Action, Event, Subject, Timestamp};
use crate::registry::Actor;
use crate::store::{EventFilter, Store, StoreError};

/// The name that the events of an import have, by which they are found fast.
const NAME: &str = "import";

/// An event of an import.
pub(super) fn event(now: Timestamp, counts: &Counts, is_finished: bool) -> Event {
    let Counts { companies, users, devices, phones, removed, events } = counts;
    let mut event = Actor::Gateway.event(now, Action::Import, Subject::Registry, NAME.to_owned());
    event.after = json!({
        "companies": companies, "users": users, "devices": devices, "phones": phones,
        "removed": removed, "events": events,
        "finished": is_finished,
    });
    event
}

/// Whether it is one: it tells of the store that it is in, and is moved to no other.
pub(super) fn is_mark(event: &Event) -> bool {
    event.subject == Subject::Registry && event.name == NAME
}

/// Refuses a store that has a part of a document.
///
/// # Errors
/// [`StoreError::Unusable`] where an import began and did not finish; else what the store says.
pub async fn require_whole(store: &dyn Store) -> Result<(), StoreError> {
    let filter = EventFilter {
        subject: Some(Subject::Registry),
        name: Some(NAME.to_owned()),
        limit: 1,
        ..EventFilter::default()
    };
    let last = store.events(filter).await?.pop();
    if last.is_some_and(|event| event.after["finished"] == json!(false)) {
        return Err(StoreError::Unusable {
            what: "the registry".to_owned(),
            why: format!(
                "an import into it goes on, or was not finished: if none goes on, {REMOVE} and \
                 import again"
            ),
        });
    }
    Ok(())
}
