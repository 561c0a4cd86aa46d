//! The audit record: what a change says of itself, and who may read it.

use serde_json::{Map, Value};

use super::{Actor, Registry, RegistryError};
use crate::domain::settings::Layer;
use crate::domain::{Action, CompanyId, Event, EventId, Subject};
use crate::store::EventFilter;

/// Which events to read.
#[derive(Debug, Clone)]
pub struct EventQuery {
    /// The kind of object.
    pub subject: Subject,
    /// phoneid, MAC, company or login.
    pub name: Option<String>,
    /// Events of these companies only.
    pub companies: Option<Vec<CompanyId>>,
    /// Events older than this id only.
    pub before: Option<EventId>,
    /// How many events are read, at most [`EventQuery::MAX`].
    pub limit: usize,
}

impl EventQuery {
    /// One page; the next starts before the last id of this one.
    pub const MAX: usize = EventFilter::MAX;
}

impl Registry {
    /// Events, newest first. A Company-Admin gets those of its companies, with the
    /// names of other companies taken out; those of phones in no company only with `default`.
    ///
    /// # Errors
    /// [`RegistryError::PermissionDenied`] for users, and for events of users and system settings
    /// unless the caller is a System-Admin; [`RegistryError::NoSuchCompany`].
    pub async fn events(
        &self,
        actor: &Actor,
        query: EventQuery,
    ) -> Result<Vec<Event>, RegistryError> {
        match query.subject {
            Subject::Phone | Subject::Company => actor.require_admin()?,
            Subject::User | Subject::Settings | Subject::Registry | Subject::Ban => {
                actor.require_system_admin()?;
            }
        }
        let directory = self.directory();
        for company in query.companies.iter().flatten() {
            directory.require_company(actor, company)?;
        }
        let companies = match (query.companies, actor.companies()) {
            (Some(asked), _) => Some(names(&asked)),
            (None, None) => None,
            (None, Some(own)) => {
                let mut own = names(own);
                if actor.administers(&CompanyId::default_company()) {
                    own.push(String::new());
                }
                Some(own)
            }
        };
        let filter = EventFilter {
            before: query.before,
            subject: Some(query.subject),
            name: query.name,
            companies,
            limit: query.limit,
        };
        let mut events = self.store.events(filter).await?;
        if actor.companies().is_some() {
            events.iter_mut().for_each(|event| hide_foreign(actor, event));
        }
        Ok(events)
    }
}

fn names(companies: &[CompanyId]) -> Vec<String> {
    companies.iter().map(ToString::to_string).collect()
}

/// Where a phone came from may be a company the reader must not know of.
fn hide_foreign(actor: &Actor, event: &mut Event) {
    if event.action != Action::Assign {
        return;
    }
    let before = event.before.get_mut("company").and_then(Value::as_object_mut);
    for company in before.into_iter().flat_map(Map::values_mut) {
        let known = company.as_str().and_then(|text| text.parse().ok());
        if !known.is_some_and(|company| actor.administers(&company)) {
            *company = Value::Null;
        }
    }
}

/// What differs between two layers, without secrets: as it was and as it is.
pub(super) fn settings_change(before: &Layer, after: &Layer) -> (Value, Value) {
    difference(&before.redacted(), &after.redacted_against(before))
}

/// The members of each object that the other does not have alike.
fn difference(before: &Value, after: &Value) -> (Value, Value) {
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else {
        return (before.clone(), after.clone());
    };
    let (mut was, mut is) = (Map::new(), Map::new());
    for (name, value) in old {
        match new.get(name) {
            Some(same) if same == value => {}
            Some(other) => {
                let (one, two) = difference(value, other);
                was.insert(name.clone(), one);
                is.insert(name.clone(), two);
            }
            None => drop(was.insert(name.clone(), value.clone())),
        }
    }
    for (name, value) in new {
        if !old.contains_key(name) {
            is.insert(name.clone(), value.clone());
        }
    }
    (Value::Object(was), Value::Object(is))
}

/// Collects what changed of an object, field by field.
#[derive(Default)]
pub(super) struct FieldChanges {
    before: Map<String, Value>,
    after: Map<String, Value>,
}

impl FieldChanges {
    /// Notes the field when it differs.
    pub(super) fn field(&mut self, name: &str, before: impl Into<Value>, after: impl Into<Value>) {
        let (before, after) = (before.into(), after.into());
        if before != after {
            self.before.insert(name.to_owned(), before);
            self.after.insert(name.to_owned(), after);
        }
    }

    pub(super) fn settings(&mut self, before: &Layer, after: &Layer) {
        if before != after {
            let (was, is) = settings_change(before, after);
            self.before.insert("settings".to_owned(), was);
            self.after.insert("settings".to_owned(), is);
        }
    }

    /// The event, with what was noted.
    pub(super) fn of(self, event: Event) -> Event {
        Event { before: Value::Object(self.before), after: Value::Object(self.after), ..event }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn layer(document: Value) -> Layer {
        Layer::parse(&document).unwrap()
    }

    #[test]
    fn only_what_changed_is_recorded_and_a_secret_only_as_changed() {
        let before = layer(json!({
            "language": "de", "tones": "DE",
            "lines": { "1": { "user": "100", "password": "old-secret", "label": "A" } },
        }));
        let after = layer(json!({
            "language": "en", "tones": "DE",
            "lines": { "1": { "user": "100", "password": "new-secret" }, "2": { "user": "200" } },
        }));
        let (was, is) = settings_change(&before, &after);
        assert_eq!(
            was,
            json!({ "language": "de", "lines": { "1": { "password": "***", "label": "A" } } })
        );
        assert_eq!(
            is,
            json!({
                "language": "en",
                "lines": { "1": { "password": "*** (changed)" }, "2": { "user": "200" } },
            })
        );
    }
}
