//! The mark of an import that goes on, in the audit record: its first event says that it is
//! not finished, its last that it is. What ends between them, however, leaves a store that no
//! gateway serves from.

use serde_json::json;

use super::error::REMOVE;
use super::pages::Counts;
use crate::domain::{Action, Event, Subject, Timestamp};
use crate::registry::Actor;
use crate::store::{EventFilter, Store, StoreError, StoreUrl, events_in};

/// The name that the events of an import have, by which they are found fast.
const NAME: &str = "import";

/// An event of an import.
pub(super) fn event(now: Timestamp, counts: &Counts, is_finished: bool) -> Event {
    let Counts { companies, users, devices, phones, removed, bans, events } = counts;
    let mut event = Actor::Gateway.event(now, Action::Import, Subject::Registry, NAME.to_owned());
    event.after = json!({
        "companies": companies, "users": users, "devices": devices, "phones": phones,
        "removed": removed, "bans": bans, "events": events,
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
    refuse_part(&store.events(newest_mark()).await?, store.name())
}

/// Does as [`require_whole`] with a store that is not opened, and stays as it is.
///
/// # Errors
/// Those of [`require_whole`].
pub async fn require_whole_at(url: &StoreUrl) -> Result<(), StoreError> {
    refuse_part(&events_in(url, &newest_mark()).await?, url.name())
}

fn newest_mark() -> EventFilter {
    EventFilter {
        subject: Some(Subject::Registry),
        name: Some(NAME.to_owned()),
        limit: 1,
        ..EventFilter::default()
    }
}

fn refuse_part(newest_mark: &[Event], what: String) -> Result<(), StoreError> {
    if newest_mark.iter().all(|event| event.after["finished"] != json!(false)) {
        return Ok(());
    }
    let why = format!(
        "an import into it goes on, or was not finished: if none goes on, {REMOVE} and import again"
    );
    Err(StoreError::Unusable { what, why })
}
